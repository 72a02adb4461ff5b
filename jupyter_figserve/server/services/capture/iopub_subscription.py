"""A subscription to one kernel's IOPub channel, which records the figures that the kernel displays. Server process.

Only the header of a message is read, unless its type is one that capture handles; such a message is verified with the
kernel's key before it is used.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from jupyter_client.session import Session

from ....errors import FigServeError
from ....model.times import Clock
from .captured_display import Limits, find_display
from .display_messages import find_code, find_display_id, find_execution_count, find_mark, find_published
from .ring_buffer import CaptureBuffer, CapturedImage

_log = logging.getLogger("jupyter_figserve")
_DISPLAY_TYPES = frozenset({"display_data", "execute_result", "update_display_data"})
_HANDLED_TYPES = _DISPLAY_TYPES | {"execute_input", "clear_output"}
_FLUSH_DELAY_SECONDS = 0.05
_FLUSH_INTERVAL_SECONDS = 1.0
_RECONNECT_MILLISECONDS = 20
_MAX_MARKS = 16
CaptureListener = Callable[[str, list[CapturedImage]], None]
"""Called with a kernel's id and its new or updated images."""


class IopubSubscription:
    """Records what one kernel displays in its ring buffer.

    Parameters
    ----------
    limits
        Of one display; larger ones are not kept.
    on_captured
        Called at most once a second, with the new images.
    """

    def __init__(
        self,
        kernel: str,
        buffer: CaptureBuffer,
        *,
        limits: Limits,
        clock: Clock,
        on_captured: CaptureListener,
    ) -> None:
        self.kernel = kernel
        self.buffer = buffer
        self.dropped = 0
        """Number of displays that could not be captured."""
        self._limits = limits
        self._clock = clock
        self._on_captured = on_captured
        self._stream: Any = None
        self._manager: Any = None
        self._port: Any = None
        self._session: Any = None
        self._marks: deque[str] = deque(maxlen=_MAX_MARKS)
        self._mark_waiters: dict[str, asyncio.Future[bool]] = {}
        self._flush_timer: asyncio.TimerHandle | None = None
        self._last_flush = 0.0

    def open(self, manager: Any) -> None:
        """Subscribe to the kernel of this manager, again after a restart."""
        self.close()
        # A separate session, since a session rejects a signature that it has seen before.
        self._session = Session(config=manager.session.config, key=manager.session.key, digest_history_size=_MAX_MARKS)
        self._manager, self._port = manager, getattr(manager, "iopub_port", None)
        self._stream = manager.connect_iopub()
        _connect_soon(self._stream)
        self._stream.on_recv(self._receive)
        self._schedule_flush()

    def close(self) -> None:
        if self._stream is not None and not self._stream.closed():
            self._stream.close()
        self._stream = None
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None

    def has_moved(self) -> bool:
        """Whether the kernel now has another port than the one subscribed to."""
        return self._stream is not None and getattr(self._manager, "iopub_port", None) != self._port

    async def wait_for_mark(self, mark: str, seconds: float) -> bool:
        """Wait until all that the kernel displayed before it sent ``mark`` has arrived; return False on timeout."""
        if mark in self._marks:
            return True
        waiter = self._mark_waiters.setdefault(mark, asyncio.get_running_loop().create_future())
        try:
            return await asyncio.wait_for(asyncio.shield(waiter), seconds)
        except TimeoutError:
            return False
        finally:
            self._mark_waiters.pop(mark, None)

    def _receive(self, parts: list[bytes]) -> None:
        """Handle any message; no exception may reach Jupyter's loop."""
        try:
            _, message = self._session.feed_identities(parts)
            if self._session.unpack(message[1])["msg_type"] in _HANDLED_TYPES:
                self._handle(self._session.deserialize(message))
        except Exception as error:
            self.dropped += 1
            _log.debug("A message of kernel %s was not captured: %s", self.kernel, error)

    def _handle(self, message: dict[str, Any]) -> None:
        """Handle a verified message of a handled type."""
        parent = message["parent_header"].get("msg_id") if isinstance(message["parent_header"], dict) else None
        request = parent if isinstance(parent, str) else ""
        content, kind, namer = message["content"], message["header"]["msg_type"], self.buffer.namer
        if kind == "execute_input":
            kernel_session = str(message["header"].get("session") or "")
            namer.begin_cell(request, find_execution_count(content), kernel_session, find_code(content))
        elif kind == "clear_output":
            namer.clear_output(request)
        elif (mark := find_mark(content)) is not None:
            self._record_own(mark, content)
        else:
            self._record_figure(request, content)
            self._schedule_flush()

    def _record_own(self, mark: str, content: Any) -> None:
        figure = find_published(content)
        if figure is not None:
            self.buffer.add_published(figure)
        self._record_mark(mark)

    def _record_mark(self, mark: str) -> None:
        if mark:
            self._marks.append(mark)
            waiter = self._mark_waiters.get(mark)
            if waiter is not None and not waiter.done():
                waiter.set_result(True)

    def _record_figure(self, request: str, content: Any) -> None:
        namer, display_id = self.buffer.namer, find_display_id(content)
        try:
            found = find_display(content, self._limits)
        except FigServeError as error:
            self.buffer.add_not_kept(namer.next_key(request, display_id), error.message)
            raise
        if found is not None:
            self.buffer.add(namer.next_key(request, display_id), request, found, self._clock())

    def _schedule_flush(self) -> None:
        """Flush soon, at most once a second, so that an animation costs little."""
        if self._flush_timer is None:
            loop = asyncio.get_running_loop()
            at = max(loop.time() + _FLUSH_DELAY_SECONDS, self._last_flush + _FLUSH_INTERVAL_SECONDS)
            self._flush_timer = loop.call_at(at, self._flush)

    def _flush(self) -> None:
        self._flush_timer, self._last_flush = None, asyncio.get_running_loop().time()
        try:
            images = self.buffer.flush()
        except OSError as error:
            self.dropped += 1
            _log.warning("Figures displayed by kernel %s could not be stored: %s.", self.kernel, error.strerror)
            return
        if images:
            self._on_captured(self.kernel, images)


def _connect_soon(stream: Any) -> None:
    """Try to connect every few milliseconds until the kernel listens.

    ZeroMQ tries every 100 to 200 ms, and would lose the beginning of a first cell that runs at once.
    """
    socket: Any = getattr(stream, "socket", None)
    # Kernel managers of other kinds may have other streams.
    if address := getattr(socket, "last_endpoint", b""):
        # The interval applies to connections that are made after it is set.
        socket.disconnect(address)
        socket.reconnect_ivl = _RECONNECT_MILLISECONDS
        socket.connect(address)
