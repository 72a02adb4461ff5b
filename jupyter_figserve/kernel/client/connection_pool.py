"""Requests and their answers, over connections to one server that are kept alive. Kernel."""

from __future__ import annotations

import contextlib
import http.client
import os
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from ... import errors
from .address import Address
from .responses import error_of
from .transport import HTTPConnection, has_been_dropped, open_connection

_BODY_LIMIT = 256 * 2**20
_IDLE_CONNECTIONS = 4
_ERROR_LIMIT = 64 * 1024


@dataclass(frozen=True)
class HttpResponse:
    """What came back: status, headers in lower case, and the whole body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class HttpRequest:
    """What is sent; ``is_repeatable`` allows sending it again when the connection dropped on the way."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None
    is_repeatable: bool


class ConnectionPool:
    """Sends requests to a server and reads what comes back; may be used by any thread.

    Connections are not shared with a forked child. Redirects are not followed, so a credential goes to no other host.

    Parameters
    ----------
    address
        Which server.
    ca_file
        PEM file of the authority to trust, None for the system's authorities.
    connect_timeout, read_timeout
        Seconds until the connection stands, and between two reads.
    """

    def __init__(self, address: Address, ca_file: str | None, connect_timeout: float, read_timeout: float) -> None:
        self.address = address
        self.ca_file = ca_file
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._idle: deque[HTTPConnection] = deque()
        self._process = os.getpid()
        weakref.finalize(self, _close_all, self._idle)

    def close(self) -> None:
        _close_all(self._idle)

    def send(self, request: HttpRequest, meanwhile: Callable[[], None] | None = None) -> HttpResponse:
        """Send and read, once more on a new connection if a kept one turns out to be dropped.

        Raises
        ------
        NotConnected
            When no connection can be made.
        Unavailable
            When the answer does not come in time, or breaks off.
        """
        aside = _Once(meanwhile)
        try:
            connection = self._take_idle()
            if connection is not None:
                try:
                    return self._send_on(connection, request, aside)
                except ConnectionError:
                    if not request.is_repeatable:
                        raise
            connection = self._open()
            return self._send_on(connection, request, aside)
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from error

    @contextlib.contextmanager
    def stream(
        self, request: HttpRequest, body: IO[bytes] | None, headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        """The same on a connection of its own; the answer, which is a success, is yet to be read."""
        connection = self._open()
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                # A server may refuse a large body before its end; its answer is then to be read.
                connection.request(request.method, request.target, body, {**request.headers, **headers})
            response = connection.getresponse()
            if not 200 <= response.status < 300:
                names = {name.lower(): value for name, value in response.getheaders()}
                raise error_of(response.status, names, response.read(_ERROR_LIMIT), self.address)
            yield response
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from error
        finally:
            connection.close()

    def _send_on(self, connection: HTTPConnection, request: HttpRequest, aside: _Once) -> HttpResponse:
        try:
            is_sent = _send(connection, request)
            aside.run()
            response = connection.getresponse()
            body = response.read(_BODY_LIMIT + 1)
            if len(body) > _BODY_LIMIT:
                raise errors.ServerError(f"{self.address.url} sent more than {_BODY_LIMIT:,} bytes.")
        except BaseException:
            # Also after an interrupt of the cell: half an answer must not be the next request's.
            connection.close()
            raise
        headers = {name.lower(): value for name, value in response.getheaders()}
        if response.will_close or not is_sent or len(self._idle) >= _IDLE_CONNECTIONS:
            connection.close()
        else:
            self._idle.append(connection)
        return HttpResponse(response.status, headers, body)

    def _open(self) -> HTTPConnection:
        return open_connection(self.address, self.ca_file, self._connect_timeout, self._read_timeout)

    def _take_idle(self) -> HTTPConnection | None:
        if self._process != os.getpid():
            # The parent goes on talking on these: only the child's copies of their descriptors are closed.
            _close_all(self._idle)
            self._process = os.getpid()
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not has_been_dropped(connection):
                return connection
            connection.close()

    def _broken(self, error: Exception) -> errors.FigServeError:
        if isinstance(error, TimeoutError):
            text = f"{self.address.url} did not answer within {self._read_timeout:g} seconds."
            return errors.Unavailable(text, code="timeout")
        return errors.Unavailable(f"The connection to {self.address.url} broke off: {error or type(error).__name__}.")


def _close_all(connections: deque[HTTPConnection]) -> None:
    while connections:
        connections.pop().close()


class _Once:
    """Something to do while the server works, done once even when the request is sent twice."""

    def __init__(self, action: Callable[[], None] | None) -> None:
        self._action = action

    def run(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()


def _send(connection: HTTPConnection, request: HttpRequest) -> bool:
    """Whether all was taken; a server may refuse a large body before its end, and its answer is then to be read."""
    try:
        connection.request(request.method, request.target, request.body, request.headers)
    except (BrokenPipeError, ConnectionResetError):
        if request.body is None or connection.sock is None:
            raise
        return False
    return True
