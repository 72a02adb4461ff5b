"""Every picture that a kernel displays, kept for its session, by a subscription of our own. Server process.

Two methods of the server's kernel manager are wrapped on its instance, ``start_watching_activity`` and
``stop_watching_activity``, which Jupyter calls whenever a kernel's sockets come and go. Of each message only the header
is read, unless it is one that shows something; that is then verified by the kernel's key before it is believed.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_client.session import Session

from ....model.formats import get_format_of_mimetype
from ....model.quotas import Quota
from ....model.times import Clock
from .directories import SessionDirectories
from .display_messages import find_count, find_display_id, find_mark, find_picture
from .ring_buffer import CaptureBuffer, CapturedImage

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

logger = logging.getLogger("jupyter_figserve")
THROUGH_GATEWAY = (
    "The kernels run behind a Gateway, whose messages pass this server only while a notebook is open: what they display"
    " is not captured. Publish figures instead."
)
SWITCHED_OFF = "FigServe.capture is off."
_SHOWING = frozenset({"display_data", "execute_result", "update_display_data"})
_FOLLOWED = _SHOWING | {"execute_input", "clear_output"}
_SOON_SECONDS = 0.05
_PAUSE_SECONDS = 1.0
_MARKS = 16
Tell = Callable[[str, list[CapturedImage]], None]


@dataclass(frozen=True)
class CaptureLimits:
    """What bounds capture: of a session the most pictures and bytes, of a picture the most bytes and pixels."""

    session: Quota
    bytes: int
    pixels: int


class Capture:
    """Taps the kernels of a server.

    Parameters
    ----------
    is_on
        ``FigServe.capture``.
    tell
        Hears which pictures of a kernel are new, a second apart at least.
    """

    def __init__(
        self,
        serverapp: ServerApp,
        directories: SessionDirectories,
        limits: CaptureLimits,
        clock: Clock,
        tell: Tell,
        *,
        is_on: bool,
    ) -> None:
        self.dropped = 0
        """How many displays were no picture that could be kept."""
        self._app = serverapp
        self._directories = directories
        self._limits = limits
        self._clock = clock
        self._tell = tell
        self._why_off: str | None = None if is_on else SWITCHED_OFF
        self._taps: dict[str, IopubSubscription] = {}
        self._undo: list[Callable[[], None]] = []
        self._is_open = False

    @property
    def why_off(self) -> str | None:
        """Why nothing is captured; None when everything is."""
        return self._why_off or self._directories.problem

    def open(self) -> None:
        """Wrap the manager's methods; say once when capture cannot be."""
        manager: Any = getattr(self._app, "kernel_manager", None)
        gateway = getattr(self._app, "gateway_config", None)
        if self._why_off is None and gateway is not None and gateway.gateway_enabled:
            self._why_off = THROUGH_GATEWAY
            logger.warning(THROUGH_GATEWAY)
        if self.why_off is not None or not hasattr(manager, "start_watching_activity"):
            return
        self._is_open = True
        self._wrap(manager, "start_watching_activity", before=None, after=self._start)
        self._wrap(manager, "stop_watching_activity", before=self._stop, after=None)

    def close(self) -> None:
        """Restore the manager's methods, as far as nobody else has wrapped ours."""
        self._is_open = False
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()
        for kernel in list(self._taps):
            self.end(kernel)

    def find_ring(self, kernel: str) -> CaptureBuffer | None:
        tap = self._taps.get(kernel)
        return None if tap is None else tap.ring

    def rings(self) -> list[CaptureBuffer]:
        return [tap.ring for tap in self._taps.values()]

    def end(self, kernel: str) -> None:
        """The session is over: its pictures go."""
        tap = self._taps.pop(kernel, None)
        if tap is not None:
            tap.close()
            tap.ring.clear()
            self._directories.discard(tap.ring.directory)

    def sweep(self, alive: set[str]) -> None:
        """End the sessions of kernels that are no longer there, whoever started them."""
        for kernel in self._taps.keys() - alive:
            self.end(kernel)

    async def wait_for_mark(self, kernel: str, mark: str, seconds: float) -> bool:
        """Whether everything has come that the kernel displayed before it sent ``mark``."""
        tap = self._taps.get(kernel)
        return tap is not None and await tap.wait_for_mark(mark, seconds)

    def renew(self, kernel: str) -> None:
        """A kernel was started again: after a crash on other ports perhaps, of which Jupyter does not say a word."""
        if self._is_open and kernel in self._taps and self._taps[kernel].has_moved():
            self._start(kernel)

    def _start(self, kernel: str) -> None:
        """Listen to a kernel, anew after a restart; whatever goes wrong is ours alone."""
        try:
            manager = self._app.kernel_manager.get_kernel(kernel)
            tap = self._taps.get(kernel)
            if tap is None:
                directory = self._directories.make("captured")
                if directory is None:
                    return
                tap = self._taps[kernel] = IopubSubscription(
                    kernel, CaptureBuffer(directory, self._limits.session), self
                )
            tap.listen(manager)
        except Exception:
            logger.warning("What kernel %s displays is not captured.", kernel, exc_info=True)

    def _stop(self, kernel: str) -> None:
        """The sockets go; the pictures stay until the session is over."""
        tap = self._taps.get(kernel)
        if tap is not None:
            tap.close()

    def _wrap(
        self, manager: Any, name: str, *, before: Callable[[str], None] | None, after: Callable[[str], None] | None
    ) -> None:
        original = getattr(manager, name)
        was_own = name in vars(manager)

        @functools.wraps(original)
        def wrapped(kernel: str, *args: Any, **kwargs: Any) -> Any:
            if before is not None and self._is_open:
                before(kernel)
            result = original(kernel, *args, **kwargs)
            if after is not None and self._is_open:
                after(kernel)
            return result

        def undo() -> None:
            if vars(manager).get(name) is not wrapped:
                # Somebody wrapped ours: it stays, and does nothing more than call the one below.
                return
            if was_own:
                setattr(manager, name, original)
            else:
                delattr(manager, name)

        setattr(manager, name, wrapped)
        self._undo.append(undo)

    def take(self, tap: IopubSubscription, message: dict[str, Any]) -> None:
        """One verified message of those that are followed."""
        parent = message["parent_header"].get("msg_id") if isinstance(message["parent_header"], dict) else None
        request = parent if isinstance(parent, str) else ""
        content, kind, names = message["content"], message["header"]["msg_type"], tap.ring.names
        if kind == "execute_input":
            names.begin(request, find_count(content), str(message["header"].get("session") or ""))
        elif kind == "clear_output":
            names.clear(request)
        elif (mark := find_mark(content)) is not None:
            tap.note_mark(mark)
        else:
            self._keep(tap.ring, request, content)
            tap.flush_soon()

    def _keep(self, ring: CaptureBuffer, request: str, content: Any) -> None:
        picture = find_picture(content, self._limits.bytes, self._limits.pixels)
        if picture is not None:
            key = ring.names.next_key(request, find_display_id(content))
            ring.add(key, request, get_format_of_mimetype(picture.mimetype), picture.data, self._clock())

    def flush(self, tap: IopubSubscription) -> None:
        try:
            news = tap.ring.flush()
        except OSError as error:
            self.dropped += 1
            logger.warning("What kernel %s displayed could not be kept: %s.", tap.kernel, error.strerror)
            return
        if news:
            self._tell(tap.kernel, news)


class IopubSubscription:
    """A subscription to one kernel's displays, and the ring that they go to."""

    def __init__(self, kernel: str, ring: CaptureBuffer, capture: Capture) -> None:
        self.kernel = kernel
        self.ring = ring
        self._capture = capture
        self._stream: Any = None
        self._manager: Any = None
        self._port: Any = None
        self._session: Any = None
        self._marks: deque[str] = deque(maxlen=_MARKS)
        self._waiting: dict[str, asyncio.Future[bool]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._flushed = 0.0

    def listen(self, manager: Any) -> None:
        self.close()
        # A session of its own: one refuses to see a signature twice.
        self._session = Session(config=manager.session.config, key=manager.session.key, digest_history_size=_MARKS)
        self._manager, self._port = manager, getattr(manager, "iopub_port", None)
        self._stream = manager.connect_iopub()
        self._stream.on_recv(self._receive)
        self.flush_soon()

    def has_moved(self) -> bool:
        """Whether the kernel's port is another than the one that is listened to."""
        return self._stream is not None and getattr(self._manager, "iopub_port", None) != self._port

    def close(self) -> None:
        if self._stream is not None and not self._stream.closed():
            self._stream.close()
        self._stream = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def flush_soon(self) -> None:
        """Write and tell what is new, once a second at most, so that an animation costs little."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time() + _SOON_SECONDS, self._flushed + _PAUSE_SECONDS), self._flush)

    def note_mark(self, mark: str) -> None:
        if mark:
            self._marks.append(mark)
            waiting = self._waiting.get(mark)
            if waiting is not None and not waiting.done():
                waiting.set_result(True)

    async def wait_for_mark(self, mark: str, seconds: float) -> bool:
        if mark in self._marks:
            return True
        waiting = self._waiting.setdefault(mark, asyncio.get_running_loop().create_future())
        try:
            return await asyncio.wait_for(asyncio.shield(waiting), seconds)
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(mark, None)

    def _receive(self, parts: list[bytes]) -> None:
        """Any message; nothing in one may reach Jupyter's loop as an exception."""
        try:
            _, message = self._session.feed_identities(parts)
            if self._session.unpack(message[1])["msg_type"] in _FOLLOWED:
                self._capture.take(self, self._session.deserialize(message))
        except Exception as error:
            self._capture.dropped += 1
            logger.debug("A message of kernel %s was not captured: %s", self.kernel, error)

    def _flush(self) -> None:
        self._timer, self._flushed = None, asyncio.get_running_loop().time()
        self._capture.flush(self)
