"""Connections that cannot be opened have an error of one sentence."""

from __future__ import annotations

import socket
import threading

import pytest

from jupyter_figserve.errors import NotConnected
from jupyter_figserve.kernel.client.address import parse_exact
from jupyter_figserve.kernel.client.connection_pool import open_connection


def test_unknown_host_name_has_a_plain_error():
    """The resolver's error becomes one sentence."""
    with pytest.raises(NotConnected, match="Cannot connect to"):
        open_connection(parse_exact("http://does-not-exist.invalid/figserve"), None, 5, 5)


def test_server_without_tls_that_waits_or_answers():
    """Neither what tornado does, which waits for a request, nor a reply in clear text is reported as it is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = parse_exact(f"https://127.0.0.1:{server.getsockname()[1]}/figserve")
        with pytest.raises(NotConnected, match="try http://"):
            open_connection(address, None, 0.2, 5)
        server.accept()[0].close()

        def answer() -> None:
            with server.accept()[0] as peer:
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                peer.recv(1_000)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NotConnected, match="try http://"):
            open_connection(address, None, 5, 5)
        thread.join()
