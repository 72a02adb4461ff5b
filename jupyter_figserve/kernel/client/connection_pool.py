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

from ...errors import FigServeError, InvalidInput, NotConnected, ServerError, Unavailable
from .address import UNIX, Address
from .responses import to_error

_MAX_BODY_BYTES = 256 * 2**20
_MAX_ERROR_BYTES = 64 * 1024
_MAX_IDLE = 4
_WRONG_NAME = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
BUNDLE_VARIABLE = "REQUESTS_CA_BUNDLE"
"""Names a file or a directory of certificates, for the library requests and what follows it."""
FOR_KERNELS = " Kernels have it from the environment of their Jupyter server."
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
            text = f"{self.address.url} did not respond within {self._read_timeout:g} seconds."
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
    sock: socket.socket = connection.sock
    sock.settimeout(read_timeout)
    return connection


def explain_certificate(address: Address, error: ssl.SSLCertVerificationError) -> str:
    """Return a sentence that says why the server's certificate is not trusted, and what to do."""
    problem = f"The certificate of {address.url} is not trusted ({error.verify_message})."
    if error.verify_code in _WRONG_NAME:
        return f"{problem} Use an address that it names; for kernels, FigServe.kernel_url sets it."
    return f"{problem} Set KERNEL_FIGSERVE_CA to the file of its certificate authority.{FOR_KERNELS}"


def _make_connection(address: Address, ca_file: str | None, timeout: float) -> HTTPConnection:
    if address.scheme == UNIX:
        return _UnixConnection(address.host, timeout)
    if address.scheme == "https":
        context = make_tls_context(address, ca_file)
        return http.client.HTTPSConnection(address.host, address.port, timeout=timeout, context=context)
    return HTTPConnection(address.host, address.port, timeout=timeout)


def make_tls_context(address: Address, ca_file: str | None) -> ssl.SSLContext:
    """Make the TLS context of all connections to a server, HTTP and WebSocket.

    It trusts the system's authorities and those of ``ca_file``, which may also hold the server's own certificate. On
    loopback it trusts ``ca_file`` alone if there is one, and does not check the host name: the certificate names the
    public host, while a kernel on the same machine connects to 127.0.0.1.

    Without ``ca_file`` it trusts the system's, or those of SSL_CERT_FILE (which OpenSSL reads), and those of
    REQUESTS_CA_BUNDLE.

    Raises
    ------
    InvalidInput
        ``ca_file`` cannot be read.
    """
    if not ca_file:
        return _make_default_context()
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise InvalidInput(f"Cannot read the file {ca_file!r} that KERNEL_FIGSERVE_CA names: {_reason(error)}.") from (
            error
        )
    # A certificate of the file is trusted as it is, although its own authority is not in the file.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # Python 3.13 rejects authorities without the extensions of RFC 5280, which private ones often lack.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if address.is_loopback:
        context.check_hostname = False
    else:
        context.load_default_certs()
    return context


def _make_default_context() -> ssl.SSLContext:
    context, bundle = ssl.create_default_context(), os.environ.get(BUNDLE_VARIABLE)
    if bundle:
        # It is the variable of others: what cannot be read changes nothing.
        with contextlib.suppress(OSError):
            context.load_verify_locations(**{"capath" if os.path.isdir(bundle) else "cafile": bundle})
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


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
        connection.request(request.method, request.target, request.body, request.headers)
    except (BrokenPipeError, ConnectionResetError):
        if request.body is None or connection.sock is None:
            raise
        return False
    return True


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
