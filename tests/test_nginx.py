"""A real nginx with the rules of deploy/nginx.conf, in front of two replicas."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from .conftest import MakeServer, require_program
from .nginx_paths import TEMPORARY_PATHS
from .ports import free_port
from .samples import read_samples
from .server.sample_images import SVG, png
from .waiting import wait_until

pytestmark = pytest.mark.nginx
RULES = Path(__file__).parent.parent / "deploy" / "nginx.conf"
MAIN = (
    """\
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
"""
    + TEMPORARY_PATHS
    + """\
  include {home}/figserve.conf;
}}
"""
)


class Address:
    """A client of a web server on loopback, without redirects."""

    def __init__(self, port: int, *, tls: bool = False) -> None:
        self.port = port
        self.log, self.plain = Path(), 0
        self._tls = ssl._create_unverified_context() if tls else None  # noqa: S323 - its certificate is the test's own

    def connect(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self._tls)

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            # Tornado writes some names in another way than nginx.
            named = {name.title(): value for name, value in answer.getheaders()}
            return answer.status, named, answer.read()


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
def servers() -> Iterator[tuple[Any, Any]]:
    """Two servers on one data directory; the first also logs in JSON."""
    made = MakeServer()
    traits = {"sendfile": "/figserve-blobs/", "link_cache_seconds": 3}
    trusting = ["--ServerApp.trust_xheaders=True"]
    first = made(args=trusting, log_format="json", **traits)
    yield first, made(data_dir=first.data_dir, args=trusting, **traits)
    made.stop_all()


@pytest.fixture(scope="module")
def server(servers) -> Any:
    return servers[0]


@pytest.fixture(scope="module")
def nginx(servers, tmp_path_factory) -> Iterator[Address]:
    home, port, plain, program = tmp_path_factory.mktemp("nginx"), free_port(), free_port(), require_program("nginx")
    make_certificate(home)
    rules = RULES.read_text()
    first, second = (urlsplit(one.url).port for one in servers)
    for pattern, text in (
        (r"listen 80;", f"listen 127.0.0.1:{plain};"),
        (r"listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        (r"server 127\.0\.0\.1:8765", f"server 127.0.0.1:{first}"),
        (r"server 127\.0\.0\.1:8766", f"server 127.0.0.1:{second}"),
        (r"/etc/ssl/figserve/fullchain\.pem", f"{home}/certificate.pem"),
        (r"/etc/ssl/figserve/privkey\.pem", f"{home}/key.pem"),
        (r"/var/cache/nginx/figserve", f"{home}/cache"),
        (r"/var/log/nginx/figserve\.log", f"{home}/access.log"),
        (r"figserve_streams 50", "figserve_streams 2"),
        (r"alias \S+;", f"alias {servers[0].data_dir}/blobs/;"),
    ):
        rules, count = re.subn(pattern, text, rules)
        assert count >= 1, pattern
    (home / "figserve.conf").write_text(rules)
    (home / "nginx.conf").write_text(MAIN.format(home=home))
    process = _start(
        [program, "-p", str(home), "-e", str(home / "error.log"), "-c", str(home / "nginx.conf")], port, home
    )
    address = Address(port, tls=True)
    address.log, address.plain = home / "access.log", plain
    yield address
    process.terminate()
    process.wait(20)


def make_certificate(home: Path) -> None:
    subject = ["-subj", "/CN=plots.example.org", "-days", "1", "-nodes"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    files = ["-keyout", str(home / "key.pem"), "-out", str(home / "certificate.pem")]
    subprocess.run(
        [require_program("openssl"), "req", "-x509", *curve, *files, *subject], check=True, capture_output=True
    )


@pytest.fixture(scope="module")
def publish(server):
    """``publish(name, data)`` returns a figure's record."""

    def publish(name: str, data: bytes, type: str = "image/png") -> dict[str, Any]:
        headers = {"Content-Type": type}
        return server.fetch(f"figserve/api/figures?name={name}", method="POST", body=data, headers=headers).json()

    return publish


@pytest.fixture(scope="module")
def key(server) -> str:
    """A key that both servers know, as it is in their catalog."""
    body = {"scopes": ["read", "publish", "admin"]}
    text: str = server.fetch("figserve/api/keys", method="POST", body=body).json()["key"]
    return text


def share(server, record: dict[str, Any], **options: object) -> dict[str, Any]:
    """Return a link, whose ``path`` is that of its image."""
    link = server.fetch(f"figserve/api/figures/{record['id']}/links", method="POST", body=options).json()
    return link | {"path": "/" + link["image_url"].split("/", 3)[3]}


def count_requests(servers) -> int:
    """Return how many requests for links have reached the servers."""
    counted = 0.0
    for server in servers:
        found = read_samples(server.fetch("figserve/metrics").text)
        counted += sum(
            value for (name, labels), value in found.items() if name == "figserve_requests_total" and "/f" in labels
        )
    return int(counted)


class TestFiles:
    """What nginx sends from its file has our headers."""

    def test_nginx_sends_the_file_with_our_headers(self, server, nginx, publish, key):
        """The server itself sends no byte of it; policy, ETag, caching and type are the same as without nginx."""
        path = f"/figserve/figures/{publish('one', png(grey=1))['id']}.png"
        status, direct, body = Address(urlsplit(server.url).port).ask("GET", path, X_API_Key=key)
        assert (status, body) == (200, b"")
        assert direct["X-Accel-Redirect"].startswith("/figserve-blobs/")
        status, headers, body = nginx.ask("GET", path, X_API_Key=key)
        assert (status, body) == (200, png(grey=1))
        own = {"Date", "Server", "Connection", "Content-Length", "X-Accel-Redirect", "Strict-Transport-Security"}
        own.add("Server-Timing")
        named = [{k.lower(): v for k, v in one.items() if k not in own} for one in (headers, direct)]
        assert named[0] == named[1]
        assert headers["Content-Length"] == str(len(body))
        assert "Last-Modified" not in headers

    def test_blobs_have_no_address_of_their_own(self, nginx, publish):
        """The location is internal: nobody reads a blob without a link or a login."""
        digest = publish("five", png(grey=5))["representations"][0]["digest"]
        assert nginx.ask("GET", f"/figserve-blobs/{digest[:2]}/{digest}")[0] == 404

    @pytest.mark.parametrize("place", ["link", "own"])
    def test_conditions_heads_and_ranges(self, server, nginx, publish, place, key):
        """As without nginx; a range with ``If-Range`` is the range."""
        data = png(grey=2)
        record = publish("two", data)
        path = share(server, record)["path"] if place == "link" else f"/figserve/figures/{record['id']}.png"
        login = {} if place == "link" else {"X_API_Key": key}
        _, headers, _ = nginx.ask("GET", path, **login)
        assert nginx.ask("GET", path, If_None_Match=headers["Etag"], **login)[::2] == (304, b"")
        status, head, body = nginx.ask("HEAD", path, **login)
        assert (status, head["Content-Length"], head["Etag"], body) == (200, str(len(data)), headers["Etag"], b"")
        for more in ({}, {"If_Range": headers["Etag"]}):
            status, part, body = nginx.ask("GET", path, Range="bytes=2-5", **more, **login)
            assert (status, part["Content-Range"], body) == (206, f"bytes 2-5/{len(data)}", data[2:6])
        assert nginx.ask("GET", path, Range="bytes=99999999-", **login)[0] == 416
        assert nginx.ask("GET", path, Range="bytes=2-5", If_Range='"other"', **login)[::2] == (200, data)


class TestCache:
    """Links for anyone come from nginx's cache; nothing else does."""

    def test_a_link_is_asked_for_once(self, servers, nginx, publish):
        """For as long as it may be cached; browsers ask nginx each time, which has the same ETag and policy."""
        link = share(servers[0], publish("cached", png(grey=11)))
        before = count_requests(servers)
        answers = [nginx.ask("GET", link["path"]) for _ in range(10)]
        assert {(status, body) for status, _, body in answers} == {(200, png(grey=11))}
        assert count_requests(servers) == before + 1
        _, headers, _ = answers[-1]
        assert headers["Cache-Control"] == "public, no-cache"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; sandbox")
        assert nginx.ask("GET", link["path"], If_None_Match=headers["Etag"])[0] == 304
        assert count_requests(servers) == before + 1

    def test_a_revoked_link_ends_within_its_time(self, server, nginx, publish):
        """The cache serves nothing beyond ``link_cache_seconds``, also on the first request after a pause."""
        link = share(server, publish("revoked", png(grey=12)))
        assert nginx.ask("GET", link["path"])[0] == 200
        server.fetch(f"figserve/api/links/{link['id']}", method="DELETE")
        began = time.monotonic()
        wait_until(lambda: nginx.ask("GET", link["path"])[0] == 404)
        assert time.monotonic() - began < 3 + 3
        assert nginx.ask("GET", link["path"])[0] == 404

    def test_views_are_counted(self, server, nginx, publish):
        """The second viewer of a link with one view gets nothing; heads and ranges use none up."""
        path = share(server, publish("three", png(grey=3)), views=1)["path"]
        assert nginx.ask("HEAD", path)[0] == 200
        assert nginx.ask("GET", path, User_Agent="one")[::2] == (200, png(grey=3))
        assert nginx.ask("GET", path, User_Agent="two")[0] == 404

    def test_what_a_login_sees_is_not_for_strangers(self, servers, nginx, publish, key):
        """A link for its owner alone: what the owner has seen is not in the cache, and each request is a new one."""
        link = share(servers[0], publish("mine", png(grey=13)), audience="me")
        login = {"X_API_Key": key}
        before = count_requests(servers)
        for _ in range(2):
            status, headers, body = nginx.ask("GET", link["path"], **login)
            assert (status, headers["Cache-Control"], body) == (200, "private, no-store", png(grey=13))
            status, _, body = nginx.ask("GET", link["path"])
            assert (status, png(grey=13) in body) == (401, False)
        assert count_requests(servers) == before + 4

    def test_documents_with_scripts_keep_their_policy(self, server, nginx, publish):
        """From the cache as from the server."""
        path = share(server, publish("four", SVG, "image/svg+xml"))["path"]
        for _ in range(2):
            status, headers, body = nginx.ask("GET", path)
            assert (status, body) == (200, SVG)
            assert "sandbox" in headers["Content-Security-Policy"]


class TestStreams:
    """Event streams pass at once, and their number is limited."""

    def test_events_arrive_at_once(self, server, nginx, publish, key):
        """The first block and an event come while the stream is open; a third stream of one client is refused."""
        with contextlib.ExitStack() as stack:
            streams = []
            for _ in range(2):
                connection = stack.enter_context(contextlib.closing(nginx.connect()))
                connection.request("GET", "/figserve/api/events", headers={"X-API-Key": key})
                answer = connection.getresponse()
                assert (answer.status, answer.getheader("Content-Type")) == (200, "text/event-stream; charset=utf-8")
                assert answer.readline().startswith(b"retry:")
                streams.append(answer)
            assert nginx.ask("GET", "/figserve/api/events", X_API_Key=key)[0] == 429
            publish("event", png(grey=21))
            for answer in streams:
                assert b"figure.published" in b"".join(answer.readline() for _ in range(4))


def find_lines(log: Path) -> list[str]:
    """Return the paths of links with their status."""
    return re.findall(r"/f/\S+ \d{3}", log.read_text(encoding="utf-8"))


class TestReplicas:
    """Two servers behind one address."""

    def test_the_client_is_known(self, server, nginx, publish, key):
        """Its address and scheme are the server's, and a header of its own making is not."""
        publish("known", png(grey=30))
        path = "/figserve/api/figures?limit=1"
        status, _, body = nginx.ask("GET", path, X_API_Key=key, X_Forwarded_For="203.0.113.9", X_Forwarded_Proto="http")
        assert (status, b'"https://127.0.0.1:' in body) == (200, True)
        assert "203.0.113.9" not in server.log

    def test_metrics_are_not_for_the_outside(self, server, nginx, key):
        """They would be those of either replica."""
        assert nginx.ask("GET", "/figserve/metrics", X_API_Key=key)[0] == 404

    def test_the_log_has_no_tokens(self, servers, nginx, publish):
        """That of nginx, which sees the addresses of links; and the server's is JSON, one object a request."""
        link = share(servers[0], publish("logged", png(grey=31)))
        assert nginx.ask("GET", link["path"] + "?token=abc")[0] == 400
        assert Address(nginx.plain).ask("GET", link["path"])[0] == 301
        wait_until(lambda: {"/f/[secret].png 400", "/f/[secret].png 301"} <= {*find_lines(nginx.log)})
        assert link["url"].rpartition("/")[2] not in nginx.log.read_text()
        assert '"message": "access", "method": "GET"' in servers[0].log

    def test_the_log_has_no_secrets_in_wrong_places(self, servers, nginx):
        """A key or a token that somebody put into a path, encoded or not."""
        token, key = "AbCdEfGhIjKlMnOpQrStUvWxYz012345", "fsk_abcdefgh_0123456789abcdefghijklmnopqrstuvwxyz0123456"
        for path in (
            f"/figserve/{token}",
            f"/figserve/x/{token}.png",
            f"/figserve/{key}.png",
            f"/figserve/%66sk_{key[4:]}",
        ):
            nginx.ask("GET", path)
        nginx.ask("GET", "/figserve/plots/0b1ff0b6-5d6b-4c27-9c9a-bb1fd0e3d2a1/last.png")
        wait_until(lambda: "last.png" in nginx.log.read_text())
        text = nginx.log.read_text()
        assert token not in text
        assert key[4:] not in text
        assert "/figserve/x/[secret].png" in text

    def test_one_replica_is_enough(self, servers, nginx, publish):
        """No request fails when one of them is gone; with none, nginx says when to come back."""
        link = share(servers[0], publish("left", png(grey=32)))
        servers[1].stop()
        found = [nginx.ask("GET", f"{link['path']}?_={number}")[0] for number in range(6)]
        assert found == [200] * 6
        assert [nginx.ask("GET", "/figserve/api/health/ready")[0] for _ in range(6)] == [200] * 6
        servers[0].stop()
        for path in ("/figserve/api/figures", f"{link['path']}?_=other"):
            status, headers, body = nginx.ask("GET", path)
            assert (status, headers["Retry-After"], headers["Content-Type"]) == (503, "2", "application/json")
            assert json.loads(body)["code"] == "server_gone"
