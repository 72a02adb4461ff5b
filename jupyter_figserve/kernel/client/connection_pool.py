"""A pool of keep-alive connections to one server: plain HTTP, TLS and Unix sockets. Kernel."""

from __future__ import annotations

import contextlib
import http.client
import os
import selectors
import socket
import ssl
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from ...errors import FigServeError, NotConnected, ServerError, Unavailable
from .address import UNIX, Address
from .responses import to_error
from .tls import explain_certificate, make_tls_context

_MAX_BODY_BYTES = 256 * 2**20
_MAX_ERROR_BYTES = 64 * 1024
_MAX_IDLE = 4
HTTPConnection = http.client.HTTPConnection


@dataclass(frozen=True)
class HttpRequest:
    """A request; ``is_idempotent`` allows a retry if the connection drops."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None
    is_idempotent: bool


@dataclass(frozen=True)
class HttpResponse:
    """A response: status, headers with lower-case names, and the complete body."""

    status: int
    headers: dict[str, str]
    body: bytes


class ConnectionPool:
    """Sends requests to one server; thread-safe.

    A forked child does not share its parent's connections. Redirects are not followed, so the credential reaches no
    other host.

    Parameters
    ----------
    ca_file
        PEM file of the certificate authority to trust; None trusts the system's authorities.
    connect_timeout, read_timeout
        Seconds to establish a connection, and to wait for data.
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
        """Send a request and read the response; retry once if an idle connection turns out to be closed.

        Parameters
        ----------
        meanwhile
            Called once, while the server works on the request.

        Raises
        ------
        NotConnected
            No connection can be established.
        Unavailable
            The response does not arrive in time, or is incomplete.
        """
        actions = [] if meanwhile is None else [meanwhile]
        try:
            connection = self._pop_idle()
            if connection is not None:
                try:
                    return self._send_on(connection, request, actions)
                except ConnectionError:
                    if not request.is_idempotent:
                        raise
            return self._send_on(self._open(), request, actions)
        except (OSError, http.client.HTTPException) as error:
            raise self._to_unavailable(error) from error

    @contextlib.contextmanager
    def stream(
        self, request: HttpRequest, body: IO[bytes] | None, headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request on a separate connection, and yield the unread response if it is successful.

        Raises
        ------
        FigServeError
            The response is an error, or the connection drops, also while the response is read.
        """
        connection = self._open()
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                # The server may reject a large body before its end; its response still has to be read.
                connection.request(request.method, request.target, body, {**request.headers, **headers})
            response = connection.getresponse()
            if not 200 <= response.status < 300:
                names = {name.lower(): value for name, value in response.getheaders()}
                raise to_error(response.status, names, response.read(_MAX_ERROR_BYTES), self.address)
            yield response
        except (OSError, http.client.HTTPException) as error:
            raise self._to_unavailable(error) from error
        finally:
            connection.close()

    def _send_on(
        self, connection: HTTPConnection, request: HttpRequest, actions: list[Callable[[], None]]
    ) -> HttpResponse:
        try:
            is_complete = _send(connection, request)
            while actions:
                actions.pop()()
            response = connection.getresponse()
            body = response.read(_MAX_BODY_BYTES + 1)
            if len(body) > _MAX_BODY_BYTES:
                raise ServerError(f"{self.address.url} sent more than {_MAX_BODY_BYTES:,} bytes.")
        except BaseException:
            # Including an interrupted cell: the next request must not read the rest of this response.
            connection.close()
            raise
        headers = {name.lower(): value for name, value in response.getheaders()}
        if response.will_close or not is_complete or len(self._idle) >= _MAX_IDLE:
            connection.close()
        else:
            self._idle.append(connection)
        return HttpResponse(response.status, headers, body)

    def _open(self) -> HTTPConnection:
        return open_connection(self.address, self.ca_file, self._connect_timeout, self._read_timeout)

    def _pop_idle(self) -> HTTPConnection | None:
        if self._process != os.getpid():
            # The parent keeps using these connections; this closes only the child's copies of the descriptors.
            _close_all(self._idle)
            self._process = os.getpid()
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not _is_closed_by_peer(connection):
                return connection
            connection.close()

    def _to_unavailable(self, error: Exception) -> FigServeError:
        if isinstance(error, TimeoutError):
            text = f"{self.address.url} did not respond within {self._read_timeout:g} s."
            return Unavailable(text, code="timeout")
        return Unavailable(f"The connection to {self.address.url} was interrupted: {error or type(error).__name__}.")


class _UnixConnection(HTTPConnection):
    """HTTP over the Unix socket at ``path``."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except BaseException:
            self.close()
            raise


def open_connection(
    address: Address, ca_file: str | None, connect_timeout: float, read_timeout: float
) -> HTTPConnection:
    """Open a connection.

    Raises
    ------
    NotConnected
        Nothing listens there, the host name is unknown, or the certificate is not trusted.
    """
    connection = _make_connection(address, ca_file, connect_timeout)
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        raise NotConnected(explain_certificate(address, error), code="certificate") from error
    except OSError as error:
        raise NotConnected(f"Cannot connect to {address.url}: {_reason(error)}.", code="unreachable") from error
    except UnicodeError as error:
        # The name is one that no domain can have, such as one with a label of more than 63 characters.
        problem = f"Cannot connect to {address.url:.200}: {address.host!r:.80} is not the name of a host."
        raise NotConnected(problem, code="unreachable") from error
    sock: socket.socket = connection.sock
    sock.settimeout(read_timeout)
    return connection


def _make_connection(address: Address, ca_file: str | None, timeout: float) -> HTTPConnection:
    if address.scheme == UNIX:
        return _UnixConnection(address.host, timeout)
    if address.scheme == "https":
        context = make_tls_context(address, ca_file)
        return http.client.HTTPSConnection(address.host, address.port, timeout=timeout, context=context)
    return HTTPConnection(address.host, address.port, timeout=timeout)


def _is_closed_by_peer(connection: HTTPConnection) -> bool:
    """Whether the peer closed an idle connection: it is readable although no response is pending."""
    sock = connection.sock
    if sock is None or sock.fileno() < 0:
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _send(connection: HTTPConnection, request: HttpRequest) -> bool:
    """Send a request; return False if the server rejected its body early, in which case a response follows."""
    try:
        with _sent_together(connection.sock):
            connection.request(request.method, request.target, request.body, request.headers)
    except (BrokenPipeError, ConnectionResetError):
        if request.body is None or connection.sock is None:
            raise
        return False
    return True


@contextlib.contextmanager
def _sent_together(sock: socket.socket | None) -> Iterator[None]:
    """Have the system send headers and body together, where it can: the server wakes up once instead of twice."""
    cork = getattr(socket, "TCP_CORK", None)
    if cork is None or sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        yield
        return
    sock.setsockopt(socket.IPPROTO_TCP, cork, 1)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, cork, 0)


def _close_all(connections: deque[HTTPConnection]) -> None:
    while connections:
        connections.pop().close()


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        is_silent = "handshake" in str(error)
        return "it does not answer as https; try http://" if is_silent else "the connection timed out"
    if getattr(error, "reason", None) == "WRONG_VERSION_NUMBER":
        return "it does not speak https; try http://"
    return error.strerror or str(error) or type(error).__name__
