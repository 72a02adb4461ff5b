"""Responses at the pace of their clients: in pieces, within time, and with limited memory. Server process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from tornado.iostream import StreamClosedError

from ....errors import FigServeError
from ...services.callers import Caller
from ...services.traffic.client_addresses import group_address
from ...services.traffic.send_budget import Hold, Reader, SendBudget

PIECE_BYTES = 256 * 1024
"""Larger bodies are sent in pieces of this size."""
_UNSENT_BYTES = 128 * 1024
"""Bytes that the kernel keeps for a client that does not read; else it keeps megabytes, and progress shows late."""
_RESET = struct.pack("ii", 1, 0)


class PacedResponseMixin(JupyterHandler):
    """Sends each response in pieces that the client has to take within ``FigServe.send_timeout`` seconds each."""

    _sending: asyncio.Future[None] | None = None

    @property
    def caller(self) -> Caller:
        """Whose turns the work of this request takes in queues."""
        raise NotImplementedError

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Any:
        """Finish the response; a large one goes on in the background."""
        if self._sending is not None:
            return self._sending
        if chunk is not None:
            self.write(chunk)
        size = sum(map(len, self._write_buffer))
        has_body = self.request.method != "HEAD" and self.get_status() not in (204, 304)
        if size > PIECE_BYTES and has_body and not self._headers_written:
            body = self._write_buffer[0] if len(self._write_buffer) == 1 else b"".join(self._write_buffer)
            self._write_buffer = []

            async def read(start: int, end: int) -> bytes:
                return body[start:end]

            return self.send_in_pieces(0, size, read, body=body)
        finished = super().finish()
        if self._stream is not None and self._stream.writing():
            traffic = self.settings["figserve"].traffic
            drop_unread(self._stream, finished, size, traffic.send_budget, self._reader, self._send_timeout)
        return finished

    def send_in_pieces(
        self, start: int, end: int, read: Callable[[int, int], Awaitable[bytes]], *, body: object = None
    ) -> asyncio.Future[None]:
        """Finish the response with a range of a body that is read piece by piece.

        Parameters
        ----------
        body
            The body if it is in memory, so that it counts as long as it is sent.

        Raises
        ------
        Unavailable
            When too much of the memory is taken by slow readers.
        """
        held, size = (body, end - start) if body is not None else (object(), PIECE_BYTES)
        hold = self._budget.hold(self._reader, held, size, self.drop_connection)
        self._auto_finish = False
        self.set_header("Content-Length", str(end - start))
        if self._stream is not None:
            with contextlib.suppress(AttributeError, OSError):
                self._stream.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        self._sending = asyncio.ensure_future(self._send_paced(start, end, read, hold))
        return self._sending

    async def flush_in_time(self, data: bytes = b"") -> None:
        """Send ``data`` in pieces; the connection is closed when the client does not take one in time.

        Raises
        ------
        StreamClosedError
            When the connection is closed.
        """
        for start in range(0, len(data) or 1, PIECE_BYTES):
            self._write_buffer += [data[start : start + PIECE_BYTES]] if data else []
            try:
                await asyncio.wait_for(self.flush(), self._send_timeout)
            except TimeoutError:
                self.drop_connection()
                raise StreamClosedError from None

    def drop_connection(self) -> None:
        """Close the connection of a client that does not read, and let the system forget what it was sent."""
        if self._stream is not None:
            _drop_stream(self._stream)

    async def _send_paced(self, start: int, end: int, read: Callable[[int, int], Awaitable[bytes]], hold: Hold) -> None:
        try:
            for position in range(start, end, PIECE_BYTES):
                self._write_buffer.append(await read(position, min(end, position + PIECE_BYTES)))
                await asyncio.wait_for(self.flush(), self._send_timeout)
                self._budget.progress(hold)
        except (TimeoutError, StreamClosedError):
            self.drop_connection()
        except FigServeError as error:
            self.log.error("figserve could not send the rest of a response: %s", error.message)
            self.drop_connection()
        finally:
            self._budget.release(hold)
            self._write_buffer = []
            super().finish()

    @property
    def _stream(self) -> Any:
        return getattr(self.request.connection, "stream", None)

    @property
    def _budget(self) -> SendBudget:
        budget: SendBudget = self.settings["figserve"].traffic.send_budget
        return budget

    @property
    def _send_timeout(self) -> float:
        seconds: float = self.settings["figserve"].config.send_timeout
        return seconds

    @property
    def _reader(self) -> Reader:
        if self.caller.is_visitor:
            return Reader(group_address(self.request.remote_ip or ""))
        return Reader(self.caller.share, is_visitor=False)


def drop_unread(
    stream: Any, finished: asyncio.Future[None], size: int, budget: SendBudget, reader: Reader, seconds: float
) -> None:
    """Close the connection of a client that has not read the end of a response in time.

    Parameters
    ----------
    finished
        Done when the response of ``size`` bytes has been passed to the system.
    """

    def drop() -> None:
        _drop_stream(stream)

    try:
        hold = budget.hold(reader, finished, size, drop)
    except FigServeError:
        drop()
        return
    timer = asyncio.get_running_loop().call_later(seconds, drop)

    def on_done(future: asyncio.Future[None]) -> None:
        timer.cancel()
        budget.release(hold)

    finished.add_done_callback(on_done)


def _drop_stream(stream: Any) -> None:
    """Close a connection, and let the system forget what it was sent."""
    if not stream.closed():
        with contextlib.suppress(AttributeError, OSError):
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        stream.close()
