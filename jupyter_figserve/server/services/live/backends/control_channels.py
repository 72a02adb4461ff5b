"""The open control channels of kernels whose agent is not connected. Server process."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async

from .....model.kernel_protocol import INFO_REPLY, REPLY, REQUEST
from .....model.live import LiveDeclaration
from . import gateway
from .control_channel_backend import ControlChannelBackend, NotLoaded

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

_log = logging.getLogger("jupyter_figserve")
_REPLIES = (REPLY, INFO_REPLY)
_MAX_MESSAGE_BYTES = 128 * 2**20
_SILENCE_SECONDS, _MAX_SILENCE_SECONDS = 10.0, 600.0
"""Time before a kernel that did not answer is asked again, which doubles each time, and its maximum."""
_NOT_LOADED_SECONDS = 1.0
"""Time for which a kernel that answered without this package is not asked again."""


class ControlChannels:
    """The open control channels, one for each kernel that answers on it.

    Parameters
    ----------
    max_bytes
        Upper limit of one image.
    """

    def __init__(self, serverapp: ServerApp, max_bytes: int) -> None:
        self._app = serverapp
        self._max_bytes = max_bytes
        self._max_message_bytes = max(_MAX_MESSAGE_BYTES, 2 * max_bytes)
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
        except NotLoaded:
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
        _log.debug("Kernel %s does not list its live figures on its control channel: %r", kernel, error)
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
