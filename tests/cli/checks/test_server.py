"""Checks of one server over HTTP, with real servers and a real proxy."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from jupyter_figserve.cli.checks.result import Result
from jupyter_figserve.cli.checks.server import Examination, _assess_bucket
from jupyter_figserve.demo.server_process import ServerProcess
from jupyter_figserve.kernel.client.address import parse_exact, parse_pasted
from jupyter_figserve.kernel.client.client import FigServeClient
from tests.waiting import wait_until


def examine(url: str, key: str | None, ca_file: str | None = None) -> dict[str, Result]:
    client = FigServeClient(parse_pasted(url)[0], key, ca_file=ca_file)
    try:
        return {result.check: result for result in Examination(client, ca_file).results()}
    finally:
        client.close()


def problems_of(found: dict[str, Result]) -> list[str]:
    return [check for check, result in found.items() if result.state == "wrong"]


@contextmanager
def proxy_to(server: ServerProcess, change: Callable[[str, dict[str, str]], int | None]) -> Iterator[str]:
    """A reverse proxy; ``change`` may remove headers or respond itself."""

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = dict(self.headers.items())
            status = change(self.command, headers)
            if status is not None:
                self.send_error(status)
                return
            target = urlsplit(server.url)
            connection = http.client.HTTPConnection(target.hostname, target.port)
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            data = response.read()
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            connection.close()

        do_GET = do_POST = pass_on

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()


def test_healthy_server(live_server):
    """With a login there are no problems, and the sandbox is the one that the server reports."""
    wait_until(lambda: "not been probed" not in live_server.fetch("figserve/api/status").text)
    found = examine(live_server.url, live_server.token)
    assert problems_of(found) == []
    assert set(found) == {"server", "clock", "key", "post", "directory", "database", "public_url", "sandbox"}
    assert "SQLite" in found["database"].says
    assert found["directory"].subject == str(live_server.data_dir)
    tier = live_server.fetch("figserve/api/status").json()["sandbox"]["tier"]
    assert tier in found["sandbox"].says
    assert found["sandbox"].state == ("note" if tier == "none" else "ok")


@pytest.mark.parametrize(
    ("scopes", "notes"),
    [(["read", "publish"], []), (["publish"], ["key"]), (["read"], ["post"]), (["admin"], ["key", "post"])],
)
def test_valid_key(scopes, notes, live_server, make_key):
    """Missing scopes are notes; the data directory is only for admins."""
    found = examine(live_server.url, make_key(*scopes))
    assert problems_of(found) == []
    assert [check for check in ("key", "post") if found[check].state == "note"] == notes
    assert ("diagnosis" in found) == ("admin" not in scopes)


def test_unreachable_server():
    """The reason is named, and no proxy is used."""
    found = examine("http://127.0.0.1:1", "t")
    assert list(found) == ["reach"]
    assert "Connection refused" in found["reach"].says
    assert "Proxy settings of the environment are ignored" in found["reach"].says


@pytest.mark.parametrize("body", [{"hello": 1}, [], None])
def test_another_program_at_the_address(body, hostile):
    """Another program, or a Jupyter server without the extension."""
    if body is None:
        hostile.answers.clear()
    else:
        hostile.print_line("api/status", body)
    found = examine(hostile.url, "t")
    assert problems_of(found) == ["extension"]
    assert "pip install jupyter_figserve" in found["extension"].mend


def test_invalid_keys(live_server, make_key):
    """Invalid, revoked and expired keys look the same; a missing key and a wrong token are distinguished."""
    revoked = make_key("read")
    live_server.fetch(f"figserve/api/keys/{revoked.split('_')[1]}", method="DELETE")
    expired = make_key("read", expires="1s")
    deadline = threading.Event()
    while examine(live_server.url, expired)["key"].state == "ok":
        deadline.wait(0.2)
    for key in (f"fsk_{'a' * 8}_{'b' * 43}", revoked, expired):
        found = examine(live_server.url, key)
        assert problems_of(found) == ["key"]
        assert "expired or revoked" in found["key"].says
        assert "keys create" in found["key"].mend
    assert "No key was given" in examine(live_server.url, None)["key"].says
    token = examine(live_server.url, "wrong-token")["key"]
    assert "login token" in token.says
    assert "jupyter server list" in token.mend


def test_proxy_that_removes_the_key(live_server, make_key):
    """A removed header is distinguished from a wrong key."""

    def change(method: str, headers: dict[str, str]) -> None:
        headers.pop("X-API-Key", None)

    with proxy_to(live_server, change) as url:
        found = examine(url, make_key("read", "publish"))
    assert problems_of(found) == ["key"]
    assert "removes the header X-API-Key" in found["key"].says


def test_proxy_that_rejects_post(live_server, make_key):
    """Reading works, but publishing would not."""
    with proxy_to(live_server, lambda method, _: 403 if method == "POST" else None) as url:
        found = examine(url, make_key("read", "publish"))
    assert problems_of(found) == ["post"]


def test_proxy_that_turns_the_login_into_a_cookie(live_server):
    """A proxy that turns the token into a cookie causes an XSRF error."""
    login = live_server.fetch("api/kernels")
    cookie = "; ".join(value.partition(";")[0] for value in login.headers.get_all("Set-Cookie"))

    def change(method: str, headers: dict[str, str]) -> None:
        headers.pop("Authorization", None)
        headers["Cookie"] = cookie
        headers["Host"] = urlsplit(live_server.url).netloc

    with proxy_to(live_server, change) as url:
        found = examine(url, live_server.token)
    assert problems_of(found) == ["post"]
    assert "browser's" in found["post"].says


def test_unknown_host_name(live_server):
    """A server on loopback that is contacted under an unknown host name."""

    def change(method: str, headers: dict[str, str]) -> None:
        headers["Host"] = "plots.example.org"

    with proxy_to(live_server, change) as url:
        found = examine(url, live_server.token)
    assert problems_of(found) == ["host_name"]
    assert "c.FigServe.public_url" in found["host_name"].mend


@pytest.mark.parametrize(("hours", "text"), [(2, "ahead of"), pytest.param(-2, "behind", marks=pytest.mark.nightly)])
def test_wrong_clock(hours, text, make_server, tmp_path):
    """A real server whose clock is hours off."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import time\nright = time.time\ntime.time = lambda: right() + {hours} * 3600\n"
    )
    server = make_server(environment={"PYTHONPATH": str(tmp_path)})
    found = examine(server.url, server.token)
    assert problems_of(found) == ["clock"]
    assert text in found["clock"].says
    assert "timedatectl" in found["clock"].mend


class TestPublicUrl:
    def test_public_url_of_this_server(self, make_server):
        """A correct public URL, through a proxy."""
        server = make_server(start=False)
        with proxy_to(server, lambda *_: None) as url:
            server.arguments.append(f"--FigServe.public_url={url}")
            server.start()
            found = examine(server.url, server.token)
        assert problems_of(found) == []
        assert found["public_url"].state == "ok"

    def test_public_url_that_does_not_respond(self, make_server):
        """A public URL that does not respond."""
        server = make_server(public_url="http://127.0.0.1:1/")
        found = examine(server.url, server.token)
        assert problems_of(found) == ["public_url"]
        assert "does not reach this server" in found["public_url"].says
        assert "c.FigServe.public_url" in found["public_url"].mend

    def test_public_url_of_another_program(self, make_server, live_server, hostile):
        """Another program or another figserve responds at the public URL."""
        hostile.answers.clear()
        server = make_server(public_url=hostile.url)
        assert problems_of(examine(server.url, server.token)) == ["public_url"]
        live_server.fetch(
            "figserve/api/figures?name=x", method="POST", body="<svg/>", headers={"Content-Type": "image/svg+xml"}
        )
        server = make_server(public_url=live_server.url)
        found = examine(server.url, server.token)
        assert problems_of(found) == ["public_url"]
        assert "Another server responds there" in found["public_url"].says


def test_a_read_only_server(make_server):
    """A damaged catalog: the server continues, and the result has the command that fixes it."""
    server = make_server()
    server.stop()
    (server.data_dir / "catalog.db").write_bytes(b"nonsense" * 1000)
    for name in ("catalog.db-wal", "catalog.db-shm"):
        (server.data_dir / name).unlink(missing_ok=True)
    server.restart()
    found = examine(server.url, server.token)
    assert problems_of(found) == ["catalog"]
    assert f"reindex --data-dir {server.data_dir}" in found["catalog"].mend


@pytest.mark.parametrize(("milliseconds", "state", "says"), [(1.5, "ok", "in 1.5 ms"), (None, "wrong", "not answer")])
def test_bucket_is_named(milliseconds: float | None, state: str, says: str):
    """With its URL, and what to do when it does not answer."""
    found = _assess_bucket("http://here", {"kind": "s3", "name": "s3://figures/x", "milliseconds": milliseconds})
    assert (found.check, found.state, bool(found.mend)) == ("bucket", state, state == "wrong")
    assert "s3://figures/x" in found.says
    assert says in found.says


class TestSandboxOfAStatus:
    """What the server says of its sandbox."""

    def judge(self, **sandbox: object) -> Result:
        examination = Examination(FigServeClient(parse_exact("http://127.0.0.1:1/figserve"), None))
        examination.status = {"sandbox": sandbox}
        return examination._check_sandbox()

    def test_versions_are_named_once_known(self):
        """A server whose sandbox has drawn nothing yet does not know them."""
        assert self.judge(tier="NS").says == "Posted code runs in the sandbox NS."
        known = self.judge(tier="NS", libraries={"matplotlib": "3.11.2"})
        assert known.says == "Posted code runs in the sandbox NS, with matplotlib 3.11.2."

    def test_without_dask_the_server_needs_it(self):
        """No worker helps a server that cannot call it."""
        reason = "No render worker can be reached (Dask is missing: pip install 'jupyter_figserve[dask]')."
        missing = self.judge(renderer="dask", tier="none", why=[reason])
        assert missing.mend.startswith("pip install 'jupyter_figserve[dask]'  # in the environment of the server")
        assert self.judge(renderer="dask", tier="none", why=["Nobody is there."]).mend.startswith(
            "dask worker SCHEDULER"
        )
