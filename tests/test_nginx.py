"""Stored images that a real nginx sends from their files, with the rules of deploy/nginx.conf."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from .conftest import MakeServer, require_program
from .server.sample_images import SVG, png

RULES = Path(__file__).parent.parent / "deploy" / "nginx.conf"
MAIN = """\
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  include {home}/figserve.conf;
}}
"""


class Address:
    """A client of a web server on loopback, without redirects."""

    def __init__(self, port: int, prefix: str = "") -> None:
        self.port, self.prefix = port, prefix

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


def _start(command: list[str], port: int, home: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return process
        log = home / "error.log"
        assert process.poll() is None, log.read_text() if log.exists() else "nginx ended"
        assert time.monotonic() < deadline, "nginx does not listen"


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    made = MakeServer()
    yield made(sendfile="/figserve-blobs/")
    made.stop_all()


@pytest.fixture(scope="module")
def nginx(server, tmp_path_factory) -> Iterator[Address]:
    home = tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    rules = RULES.read_text()
    for pattern, text in (
        (r"listen 8080", f"listen 127.0.0.1:{port}"),
        (r"server 127\.0\.0\.1:8888", f"server 127.0.0.1:{urlsplit(server.url).port}"),
        (r"alias \S+;", f"alias {server.data_dir}/blobs/;"),
    ):
        rules, count = re.subn(pattern, text, rules)
        assert count == 1, pattern
    (home / "figserve.conf").write_text(rules)
    (home / "nginx.conf").write_text(MAIN.format(home=home))
    program = require_program("nginx")
    process = _start(
        [program, "-p", str(home), "-e", str(home / "error.log"), "-c", str(home / "nginx.conf")], port, home
    )
    yield Address(port)
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def publish(server):
    """``publish(name, data)`` returns a figure's record; ``share(record, views=…)`` the path of a link's image."""

    def publish(name: str, data: bytes, type: str = "image/png") -> dict[str, Any]:
        headers = {"Content-Type": type}
        return server.fetch(f"figserve/api/figures?name={name}", method="POST", body=data, headers=headers).json()

    return publish


def share(server, record: dict[str, Any], **options: object) -> str:
    link = server.fetch(f"figserve/api/figures/{record['id']}/links", method="POST", body=options).json()
    return "/" + link["image_url"].split("/", 3)[3]


def test_nginx_sends_the_file_with_our_headers(server, nginx, publish):
    """The server itself sends no byte of it; policy, ETag, caching and type are the same as without nginx."""
    path = share(server, publish("one", png(grey=1)))
    status, direct, body = Address(urlsplit(server.url).port).ask("GET", path)
    assert (status, body) == (200, b"")
    assert direct["X-Accel-Redirect"].startswith("/figserve-blobs/")
    status, headers, body = nginx.ask("GET", path)
    assert (status, body) == (200, png(grey=1))
    own = {"Date", "Server", "Connection", "Content-Length", "X-Accel-Redirect"}
    named = [{k.lower(): v for k, v in one.items() if k not in own} for one in (headers, direct)]
    assert named[0] == named[1]
    assert headers["Content-Length"] == str(len(body))
    assert "Last-Modified" not in headers


def test_conditions_heads_and_ranges(server, nginx, publish):
    """As without nginx; a range with ``If-Range`` is the range."""
    data = png(grey=2)
    path = share(server, publish("two", data))
    _, headers, _ = nginx.ask("GET", path)
    assert nginx.ask("GET", path, If_None_Match=headers["ETag"])[::2] == (304, b"")
    status, head, body = nginx.ask("HEAD", path)
    assert (status, head["Content-Length"], head["ETag"], body) == (200, str(len(data)), headers["ETag"], b"")
    for more in ({}, {"If_Range": headers["ETag"]}):
        status, part, body = nginx.ask("GET", path, Range="bytes=2-5", **more)
        assert (status, part["Content-Range"], body) == (206, f"bytes 2-5/{len(data)}", data[2:6])
    assert nginx.ask("GET", path, Range="bytes=99999999-")[0] == 416
    assert nginx.ask("GET", path, Range="bytes=2-5", If_Range='"other"')[::2] == (200, data)


def test_views_are_counted(server, nginx, publish):
    """The second viewer of a link with one view gets nothing; heads and ranges use none up."""
    path = share(server, publish("three", png(grey=3)), views=1)
    assert nginx.ask("HEAD", path)[0] == 200
    assert nginx.ask("GET", path, User_Agent="one")[::2] == (200, png(grey=3))
    assert nginx.ask("GET", path, User_Agent="two")[0] == 404


def test_documents_with_scripts_are_not_passed_on(server, nginx, publish):
    """Its policy does not depend on the web server's rules."""
    path = share(server, publish("four", SVG, "image/svg+xml"))
    assert "X-Accel-Redirect" not in Address(urlsplit(server.url).port).ask("GET", path)[1]
    status, headers, body = nginx.ask("GET", path)
    assert (status, body) == (200, SVG)
    assert "sandbox" in headers["Content-Security-Policy"]


def test_blobs_have_no_address_of_their_own(server, nginx, publish):
    """The location is internal: nobody reads a blob without a link or a login."""
    digest = publish("five", png(grey=5))["representations"][0]["digest"]
    assert nginx.ask("GET", f"/figserve-blobs/{digest[:2]}/{digest}")[0] == 404
