"""Participants of the security tests: an author who publishes, an attacker, and a listener elsewhere on loopback."""

from __future__ import annotations

import re
import socket
import socketserver
import struct
import threading
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

from jupyter_figserve.demo.server_process import Response, ServerProcess, fetch

FRAME = re.compile(r'src="([^"]*/frame/[^"]+\.html)"')


def make_png(width: int = 8, height: int = 6, shade: int = 128, text: bytes = b"") -> bytes:
    """Return a grey PNG with ``text`` as a comment."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + bytes([shade]) * width) * height)
    comment = chunk(b"tEXt", b"Comment\x00" + text) if text else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + comment + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PNG = make_png()
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60"><rect width="80" height="60" fill="teal"/></svg>'
HTML = b"<!doctype html><title>plot</title><div id=plot>a plot</div><script>plot.textContent = 'drawn'</script>"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def post_figure(
    server: ServerProcess,
    data: bytes = PNG,
    content_type: str = "image/png",
    headers: dict[str, str] | None = None,
    **fields: str,
) -> Response:
    """Publish with the login of the server's owner, or with the key in ``headers``; return any response."""
    query = urlencode({"name": "plot", **fields})
    return server.fetch(
        f"figserve/api/figures?{query}",
        method="POST",
        body=data,
        headers={"Content-Type": content_type, **(headers or {})},
        anonymous=bool(headers and "X-API-Key" in headers),
    )


def publish(server: ServerProcess, data: bytes = PNG, content_type: str = "image/png", **fields: Any) -> dict:
    answer = post_figure(server, data, content_type, **fields)
    assert answer.status == 201, answer.text
    return answer.json()


def share(server: ServerProcess, record: dict, **body: object) -> dict:
    answer = server.fetch(f"figserve/api/figures/{record['id']}/links", method="POST", body=body)
    assert answer.status == 201, answer.text
    return answer.json()


def make_key(server: ServerProcess, *scopes: str, **body: object) -> dict:
    answer = server.fetch("figserve/api/keys", method="POST", body={"scopes": list(scopes), **body})
    assert answer.status == 201, answer.text
    return answer.json()


def get_frame_url(page_url: str) -> str:
    """Return the signed URL of the raw HTML that a share page frames."""
    page = fetch(page_url, headers={"Accept": "text/html"})
    found = FRAME.search(page.text)
    assert found is not None, page.text
    prefix = page_url.rpartition("/f/")[0]
    return f"{prefix}/{found[1].removeprefix('../').removeprefix('../')}"


def ask_raw(server: ServerProcess, request: bytes, timeout: float = 30) -> bytes:
    """Send raw bytes, and read until the server closes the connection or stops sending."""
    with open_raw(server, timeout) as connection:
        connection.sendall(request)
        return read_all(connection)


def open_raw(server: ServerProcess, timeout: float = 30) -> socket.socket:
    host, _, port = server.url.partition("://")[2].partition("/")[0].partition(":")
    return socket.create_connection((host, int(port)), timeout)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except (ConnectionResetError, TimeoutError):
        pass
    return received


class Listener:
    """A web server on another loopback port: an attacker's site that records its requests.

    It counts every connection to this port and every UDP packet, too.
    """

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.connections = self.packets = 0
        self._news = threading.Condition()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listener._record(self.command, self.path, dict(self.headers))
                content_type, body = listener.pages.get(self.path.partition("?")[0], ("text/plain", b""))
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.do_GET()

            do_OPTIONS = do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def verify_request(self, *_: object) -> bool:
                listener.connections += 1
                return True

        class PacketHandler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                listener._count_packet()

        self._server = Server(("127.0.0.1", 0), Handler)
        self._packets = socketserver.UDPServer(("127.0.0.1", self._server.server_port), PacketHandler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._threads = [
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            for server in (self._server, self._packets)
        ]

    @property
    def hits(self) -> list[str]:
        """Return the requested paths, except those of its own pages and of an icon."""
        return [path for _, path, _ in self.requests if path not in self.pages and path != "/favicon.ico"]

    def serve(self, path: str, body: str | bytes, content_type: str = "text/html; charset=utf-8") -> str:
        """Serve a page at ``path``; return its URL."""
        self.pages[path] = content_type, body.encode() if isinstance(body, str) else body
        return self.origin + path

    def wait_for_hit(self, start: str, timeout: float = 20) -> bool:
        """Return whether a path with this prefix is requested within ``timeout`` seconds."""
        with self._news:
            return self._news.wait_for(lambda: any(path.startswith(start) for path in self.hits), timeout)

    def wait_for_packet(self, timeout: float = 20) -> bool:
        """Return whether a UDP packet arrives within ``timeout`` seconds."""
        with self._news:
            return self._news.wait_for(lambda: bool(self.packets), timeout)

    def _count_packet(self) -> None:
        with self._news:
            self.packets += 1
            self._news.notify_all()

    def _record(self, method: str, path: str, headers: dict[str, str]) -> None:
        with self._news:
            self.requests.append((method, path, headers))
            self._news.notify_all()


@contextmanager
def listening():
    """Run a listener for the block."""
    listener = Listener()
    for thread in listener._threads:
        thread.start()
    try:
        yield listener
    finally:
        for server, thread in zip((listener._server, listener._packets), listener._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()
