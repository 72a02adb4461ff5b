"""Live calls over the kernel's control channel, for kernels that cannot connect to this server (Gateway). Server.

It is slower than the agent's connection, since each message makes the kernel report "busy" and "idle", and is used only
when there is none. A kernel without this package logs an unknown message as an error and never answers it, so the
first request is one that all kernels know; those with the package announce it in the reply.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async

from ....errors import InvalidInput
from ....model.live import LiveDeclaration, LiveRequest
from ....model.progress import ProgressListener
from . import gateway
from .backend import KernelUnavailable, next_generation
from .image_cache import CachedImage
from .kernel_answer import check_size, parse_kernel_answer, parse_progress, replace_surrogates

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

logger = logging.getLogger("jupyter_figserve")
REQUEST, REPLY = "figserve_request", "figserve_reply"
INFO_REQUEST, INFO_REPLY = "kernel_info_request", "kernel_info_reply"
_REPLIES = (REPLY, INFO_REPLY)
_ANNOUNCED = "figserve"
_LIST_SECONDS = 1.5
_MAX_MESSAGE_BYTES = 128 * 2**20
_MAX_INVALID_MESSAGES = 100
_SILENCE_SECONDS, _MAX_SILENCE_SECONDS = 10.0, 600.0
"""Time for which a kernel that did not answer is not asked again, doubled with each time that it does not."""
_NOT_LOADED_SECONDS = 1.0
"""Time for which a kernel that answered without this package is not asked again."""


class _NotLoadedError(Exception):
    """The kernel has not imported this package, or offers nothing."""


class ControlChannelBackend:
    """A ``KernelBackend`` over a control channel of its own, for as long as the kernel's agent is not connected.

    Parameters
    ----------
    client
        A started ``KernelClient`` of jupyter_client, or what stands in for it.
    max_bytes
        Upper limit of one image.
    on_close
        Called once, when it is closed.
    """

    is_stand_in = True

    def __init__(
        self, client: Any, max_bytes: int, on_close: Callable[[ControlChannelBackend], None] = lambda _: None
    ) -> None:
        self.generation = next_generation()
        self.is_closed = False
        self._client = client
        self._max_bytes = max_bytes
        self._on_close = on_close
        self._is_announced = False
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[tuple[dict[str, Any], bytes]]] = {}
        self._listeners: dict[str, ProgressListener] = {}
        self._reader = asyncio.ensure_future(self._read())

    async def list_offered(self) -> list[LiveDeclaration]:
        """Request the live figures that the kernel offers.

        Raises
        ------
        TimeoutError
            When it is busy, or does not answer for another reason.
        InvalidInput
            When its answer is not valid.
        KernelUnavailable
            When the channel is closed.
        _NotLoadedError
            When it has not loaded this package.
        """
        async with asyncio.timeout(_LIST_SECONDS):
            await self._check_announcement()
            content, _ = await self._ask({"op": "list"})
        rows = content.get("live")
        if not isinstance(rows, list):
            raise InvalidInput("The kernel's list of live figures is not a list.")
        return [LiveDeclaration.from_json(row) for row in rows]

    async def call(
        self, name: str, request: LiveRequest, known: tuple[str, ...], on_progress: ProgressListener
    ) -> CachedImage | None:
        call = {"op": "call", "rid": next(self._ids), "name": name, "known": list(known), "max_bytes": self._max_bytes}
        head, body = await self._ask(call | request.to_json(), on_progress)
        check_size(body, self._max_bytes)
        return parse_kernel_answer(head, body, request, known)

    def close(self) -> None:
        """Fail the calls under way and all later ones, and close the channel."""
        if self.is_closed:
            return
        self.is_closed = True
        self._reader.cancel()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(KernelUnavailable())
        try:
            self._client.stop_channels()
        except Exception as error:
            logger.debug("A control channel did not close cleanly: %r", error)
        self._on_close(self)

    async def _check_announcement(self) -> None:
        if not self._is_announced:
            info, _ = await self._ask({}, kind=INFO_REQUEST)
            if _ANNOUNCED not in info:
                raise _NotLoadedError
            self._is_announced = True

    async def _ask(
        self, content: dict[str, Any], on_progress: ProgressListener | None = None, *, kind: str = REQUEST
    ) -> tuple[dict[str, Any], bytes]:
        if self.is_closed:
            raise KernelUnavailable
        message = self._client.session.msg(kind, content)
        question: str = message["header"]["msg_id"]
        if on_progress is not None:
            self._listeners[question] = on_progress
        future: asyncio.Future[tuple[dict[str, Any], bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[question] = future
        try:
            self._send(message)
            return await future
        finally:
            self._waiting.pop(question, None)
            self._listeners.pop(question, None)

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._client.control_channel.send(message)
        except Exception as error:
            # ZMQError; AssertionError of a channel that jupyter_client has closed with its kernel's manager.
            self.close()
            raise KernelUnavailable from error

    async def _read(self) -> None:
        """Pass on the kernel's answers until the channel is closed; messages that cannot be read are skipped."""
        remaining = _MAX_INVALID_MESSAGES
        while remaining:
            try:
                self._receive(await ensure_async(self._client.control_channel.get_msg(timeout=None)))
            except KernelUnavailable:
                break
            except Exception as error:
                remaining -= 1
                logger.debug("A message of a control channel cannot be read: %r", error)
            else:
                remaining = _MAX_INVALID_MESSAGES
        self.close()

    def _receive(self, message: dict[str, Any]) -> None:
        question, content = message["parent_header"].get("msg_id", ""), message["content"]
        if content.get("op") == "progress":
            self._report(question, content)
            return
        future = self._waiting.get(question)
        if future is not None and not future.done():
            body = b"".join(bytes(part) for part in message.get("buffers") or ())
            future.set_result((replace_surrogates(content), body))

    def _report(self, question: str, content: dict[str, Any]) -> None:
        listener, progress = self._listeners.get(question), parse_progress(content)
        if listener is not None and progress is not None:
            listener(*progress)


class ControlChannels:
    """The open control channels, one for each kernel that answers on it.

    Parameters
    ----------
    max_bytes
        Upper limit of one image.
    max_message_bytes
        Upper limit of one message from a Gateway, beyond which it closes the channel.
    """

    def __init__(self, serverapp: ServerApp, max_bytes: int, max_message_bytes: int = _MAX_MESSAGE_BYTES) -> None:
        self._app = serverapp
        self._max_bytes = max_bytes
        self._max_message_bytes = max(max_message_bytes, 2 * max_bytes)
        self.on_close: Callable[[str, ControlChannelBackend], None] = lambda kernel, backend: None
        """Called with a kernel and its channel once that is closed, whatever the reason."""
        self._clock = time.monotonic
        self._backends: dict[str, ControlChannelBackend] = {}
        self._silent_until: dict[str, float] = {}
        self._silences: dict[str, float] = {}

    def open(self) -> None:
        """Make Jupyter ignore our messages when it determines whether a kernel is active or idle."""
        manager: Any = getattr(self._app, "kernel_manager", None)
        if manager is not None and hasattr(manager, "untracked_message_types"):
            manager.untracked_message_types = [*manager.untracked_message_types, REQUEST]

    async def discover(self, kernel: str) -> tuple[ControlChannelBackend, list[LiveDeclaration]] | None:
        """Request the live figures of a kernel of this server; None when it does not answer.

        A kernel whose channel is open already keeps it when it is too busy to list; its calls wait their turn.
        """
        manager: Any = getattr(self._app, "kernel_manager", None)
        if manager is None or kernel not in manager.list_kernel_ids():
            self.disconnect(kernel)
            return None
        if self._clock() < self._silent_until.get(kernel, 0) or not _is_python(manager, kernel):
            return None
        is_known = kernel in self._backends
        try:
            backend = self._backends.get(kernel) or await self._open(manager, kernel)
            offered = await backend.list_offered()
            self._silences.pop(kernel, None)
            return backend, offered
        except _NotLoadedError:
            self._silences.pop(kernel, None)
            self._silent_until[kernel] = self._clock() + _NOT_LOADED_SECONDS
            self.disconnect(kernel)
            return None
        except Exception as error:
            # Besides ours and TimeoutError, whatever a kernel's manager raises while the kernel starts or ends.
            self._pause(kernel, error)
            if not (is_known and isinstance(error, TimeoutError)):
                self.disconnect(kernel)
            return None

    def _pause(self, kernel: str, error: Exception) -> None:
        """Do not ask a kernel again for a while."""
        logger.debug("Kernel %s does not list its live figures on its control channel: %r", kernel, error)
        seconds = self._silences.get(kernel, _SILENCE_SECONDS)
        self._silences[kernel] = min(2 * seconds, _MAX_SILENCE_SECONDS)
        self._silent_until[kernel] = self._clock() + seconds

    def give_up(self, kernel: str, error: Exception) -> None:
        """Close a kernel's channel, and do not query the kernel again for a while."""
        self._pause(kernel, error)
        self.disconnect(kernel)

    def disconnect(self, kernel: str) -> None:
        """Close a kernel's channel; its calls fail."""
        backend = self._backends.pop(kernel, None)
        if backend is not None:
            backend.close()

    def forget(self, kernel: str) -> None:
        """Close the channel of a kernel that has ended or restarted, whose successor may answer at once."""
        self._silent_until.pop(kernel, None)
        self._silences.pop(kernel, None)
        self.disconnect(kernel)

    def close(self) -> None:
        for kernel in list(self._backends):
            self.disconnect(kernel)

    async def _open(self, manager: Any, kernel: str) -> ControlChannelBackend:
        from jupyter_client.session import Session

        settings: Any = getattr(self._app, "gateway_config", None)
        if settings is not None and settings.gateway_enabled:
            return self._add(kernel, await gateway.connect(kernel, _REPLIES, self._max_message_bytes))
        kernel_manager = manager.get_kernel(kernel)
        # The manager's own session also identifies its sockets: two clients with it would take each other's answers.
        options = {}
        with contextlib.suppress(AttributeError):
            session = kernel_manager.session
            options["session"] = Session(key=session.key, signature_scheme=session.signature_scheme)
        client = kernel_manager.client(**options)
        await ensure_async(client.start_channels(shell=False, iopub=False, stdin=False, hb=False, control=True))
        return self._add(kernel, client)

    def _add(self, kernel: str, client: Any) -> ControlChannelBackend:
        def forget(closed: ControlChannelBackend) -> None:
            if self._backends.get(kernel) is closed:
                del self._backends[kernel]
            self.on_close(kernel, closed)

        self._backends[kernel] = backend = ControlChannelBackend(client, self._max_bytes, forget)
        return backend


def _is_python(manager: Any, kernel: str) -> bool:
    """Whether a kernel may have this package."""
    try:
        language = str(manager.get_kernel(kernel).kernel_spec.language)
    except Exception:
        # A kernel of a Gateway has no specification here.
        return True
    return language.lower() in ("", "python")
