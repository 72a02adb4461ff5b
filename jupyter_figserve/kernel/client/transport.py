"""Opens connections: plain, TLS and Unix socket, and tells whether a kept one was dropped meanwhile. Kernel."""

from __future__ import annotations

import http.client
import selectors
import socket
import ssl

from ...errors import InvalidInput, NotConnected
from .address import UNIX, Address

HTTPConnection = http.client.HTTPConnection


class UnixConnection(HTTPConnection):
    """HTTP over the socket file at ``path``."""

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
    """A connection that stands.

    Raises
    ------
    NotConnected
        When nobody listens there, the name is unknown, or the certificate is not trusted.
    """
    connection = _unconnected(address, ca_file, connect_timeout)
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        raise NotConnected(
            f"The certificate of {address.url} is not trusted ({error.verify_message}); name its authority's file in"
            " KERNEL_FIGSERVE_CA.",
            code="certificate",
        ) from error
    except OSError as error:
        raise NotConnected(f"No server can be reached at {address.url}: {_why(error)}.", code="unreachable") from error
    sock: socket.socket = connection.sock
    sock.settimeout(read_timeout)
    return connection


def has_been_dropped(connection: HTTPConnection) -> bool:
    """Whether the other end closed an idle connection: it is readable although nothing was asked."""
    sock = connection.sock
    if sock is None or sock.fileno() < 0:
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _unconnected(address: Address, ca_file: str | None, timeout: float) -> HTTPConnection:
    if address.scheme == UNIX:
        return UnixConnection(address.host, timeout)
    if address.scheme == "https":
        context = _tls_context(address, ca_file)
        return http.client.HTTPSConnection(address.host, address.port, timeout=timeout, context=context)
    return HTTPConnection(address.host, address.port, timeout=timeout)


def _tls_context(address: Address, ca_file: str | None) -> ssl.SSLContext:
    """Trust in the system's authorities or the given one; on loopback a given one vouches for any host name.

    A server's own certificate names the host that people use, while a kernel beside it connects to 127.0.0.1.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise InvalidInput(f"KERNEL_FIGSERVE_CA names {ca_file!r}, which cannot be read: {_why(error)}.") from error
    if ca_file and address.is_loopback:
        context.check_hostname = False
    return context


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error) or type(error).__name__
