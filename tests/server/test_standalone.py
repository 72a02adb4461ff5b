"""The standalone host: it serves only our routes, announces its URL, and ends with its parent."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tornado.httputil import HTTPHeaders

from jupyter_figserve.demo.server_process import Response, fetch

from .. import contract
from ..conftest import WITH_FRONT_ENDS
from ..waiting import wait_until
from .sample_images import png

START = "from jupyter_figserve.server.standalone import FigServeHost; FigServeHost.launch_instance()"
DEADLINE = 60


@dataclass
class Host:
    process: subprocess.Popen[bytes]
    url: str
    key: str

    @property
    def root(self) -> str:
        return self.url.removesuffix("/figserve")

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = fetch(self.url + path, method=method, body=body, headers=named)
        found = HTTPHeaders(dict(answer.headers.items()))
        contract.check(method, path.partition("?")[0], answer.status, found, answer.body)
        return answer


@pytest.fixture(scope="module")
def host(tmp_path_factory) -> Iterator[Host]:
    with started(tmp_path_factory.mktemp("host")) as host:
        yield host


def environment_of(home: Path) -> dict[str, str]:
    """Return the environment of this process, with Jupyter's directories below ``home``, and its other extensions."""
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    plain = {name: value for name, value in os.environ.items() if name not in WITH_FRONT_ENDS}
    return {**plain, **{f"JUPYTER_{name}": str(home / name) for name in names}}


@contextmanager
def started(home: Path, *traits: str, **variables: str) -> Iterator[Host]:
    reader, writer = os.pipe()
    arguments = [
        f"--FigServe.data_dir={home / 'figures'}",
        f"--FigServeHost.ready_fd={writer}",
        "--FigServeHost.exit_with_stdin=True",
        "--ServerApp.port=0",
        "--ServerApp.allow_root=True",
        f"--ServerApp.root_dir={home}",
        *traits,
    ]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", START, *arguments],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment_of(home) | variables,
            pass_fds=[writer],
            cwd=home,
        )
    os.close(writer)
    with os.fdopen(reader) as ready:
        line = ready.readline()
    try:
        assert line, (home / "log").read_text()
        yield Host(process, **json.loads(line))
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


def test_key_publishes_and_shares(host):
    """The announced key suffices to publish a figure and share a public link."""
    answer = host.ask("/api/figures?name=sales", "POST", png(), X_API_Key=host.key, Content_Type="image/png")
    assert answer.status == 201
    shared = host.ask(f"/api/figures/{answer.json()['id']}/links", "POST", b"{}", X_API_Key=host.key)
    link = shared.json()
    assert fetch(link["image_url"]).body == png()
    assert link["local_only"] is True


def test_key_is_no_admin(host):
    """It can neither create nor list keys."""
    assert host.ask("/api/keys", X_API_Key=host.key).status == 403
    assert host.ask("/api/keys", "POST", b'{"scopes": ["read"]}', X_API_Key=host.key).status == 403


def test_status_names_the_host(host):
    """It is "standalone"."""
    assert host.ask("/api/status").json()["host"] == "standalone"


@pytest.mark.parametrize(
    "path",
    [
        "/api/contents",
        "/api/kernels",
        "/api/kernelspecs",
        "/api/sessions",
        "/api/terminals",
        "/api/config/x",
        "/files/log",
        "/nbconvert/html/x.ipynb",
        "/view/log",
        "/terminals/websocket/1",
        "/lab",
        "/tree",
    ],
)
def test_stock_routes_are_not_there(host, path):
    """No kernels, contents, terminals and files, with any credential."""
    for headers in ({}, {"X-API-Key": host.key}):
        assert fetch(host.root + path, headers=headers).status in (302, 403, 404), path


def test_private_routes_want_a_credential(host):
    """As in the extension."""
    assert host.ask("/api/figures").status == 401


SIGNALLED_WHILE_IT_BINDS = """
import os, signal
from tornado import tcpserver

def listen_and_be_told_to_stop(*arguments):
    undo = listen(*arguments)
    os.kill(os.getpid(), signal.SIGTERM)
    return undo

listen, tcpserver.add_accept_handler = tcpserver.add_accept_handler, listen_and_be_told_to_stop
"""


def test_signal_that_comes_while_it_binds_ends_it(tmp_path):
    """SIGTERM while the sockets are being opened; also where its database is down, which the log says with the time."""
    pytest.importorskip("psycopg")
    traits = [
        "--FigServe.database_url=postgresql://figserve@127.0.0.1:1/x",
        f"--FigServe.data_dir={tmp_path / 'figures'}",
        "--ServerApp.port=0",
        f"--ServerApp.root_dir={tmp_path}",
    ]
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED_WHILE_IT_BINDS + START, *traits],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment_of(tmp_path),
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr
    assert "received signal 15" in done.stderr
    assert re.search(r"\[W [0-9- :.]+ jupyter_figserve\S*\] figserve starts, but responds with status 503", done.stderr)
    assert "Traceback" not in done.stderr


def test_it_ends_with_its_parent(host):
    """It stops when standard input closes; the last test of the module."""
    host.process.stdin.close()
    assert host.process.wait(DEADLINE) == 0


@pytest.mark.parametrize(
    "setting", ["--FigServe.keep_session_plots=7 dayz", "--FigServe.keep_versions=-1", "--FigServeHost.port=99999"]
)
def test_it_does_not_start_with_a_wrong_setting(setting, tmp_path):
    """It exits with a code other than 0 and names the setting; no files are created."""
    environment = os.environ | {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    arguments = ["--ServerApp.port=0", f"--FigServe.data_dir={tmp_path / 'figures'}", setting]
    done = subprocess.run(
        [sys.executable, "-c", START, *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 1
    assert setting.partition("=")[2] in done.stderr
    assert not (tmp_path / "figures").exists()


def test_a_server_that_only_renders(tmp_path):
    """It serves renders, keys and its status, but no figures, links or pages.

    It also logs in JSON, and has time to drain.
    """
    traits = ("--FigServeHost.render_only=True", "--FigServe.log_format=json", "--FigServeHost.drain_seconds=3600")
    with started(tmp_path, *traits, FIGSERVE_API_KEY=", ".join(PRESET)) as host:
        check_root(host)
        code = b"import matplotlib.pyplot as plt; plt.plot([1, 2])"
        answer = host.ask("/api/renders?format=svg", "POST", code, X_API_Key=host.key, Content_Type="text/x-python")
        if answer.status == 503:
            pytest.skip("not on this machine: a sandbox")
        assert (answer.status, answer.body[:5]) == (200, b"<?xml")
        kept = host.ask("/api/renders?keep=1", "POST", code, X_API_Key=host.key, Content_Type="text/x-python")
        assert (kept.status, kept.json()["code"]) == (409, "render_only")
        assert host.ask("/api/status").json()["host"] == "standalone"
        for path in ("/api/figures", "/api/links", "/api/events", "/export.zip", "/figures/x", "/f/" + "x" * 32, "/"):
            assert fetch(host.url + path, headers={"X-API-Key": host.key}).status == 404, path
        post = fetch(host.url + "/api/figures?name=x", method="POST", body=png(), headers={"X-API-Key": host.key})
        assert post.status == 404
        check_drain(host)
    log = (tmp_path / "log").read_text()
    assert not [key for key in PRESET if key in log]
    check_log([json.loads(line) for line in log.splitlines()])


def check_drain(host: Host) -> None:
    """Told to stop, it still answers but is not ready; told again, it ends."""
    assert host.ask("/api/health/ready").status == 200
    host.process.terminate()
    wait_until(lambda: host.ask("/api/health/ready").status == 503)
    assert host.ask("/api/health/live").status == host.ask("/api/status").status == 200
    host.process.terminate()
    assert host.process.wait(DEADLINE) == 0


def check_log(lines: list[dict[str, object]]) -> None:
    """Each message is an object with its time, and a request has its fields."""
    assert {"time", "level", "logger", "message"} <= set.intersection(*map(set, lines))
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line["time"])) for line in lines)
    refused = [line for line in lines if line.get("status") == 401]
    assert refused
    assert {(line["message"], line["level"], line["method"]) for line in refused} == {("access", "warning", "POST")}


PRESET = ("first-key-0123456789abcdef", "second-key-fedcba9876543210")


def check_root(host: Host) -> None:
    """Check the status and the simple contract at the root, with the keys of the environment."""
    status = fetch(host.root + "/")
    assert (status.status, status.json()["render"]) == (200, host.root + "/render-matplotlib")
    page = fetch(host.root + "/", headers={"Accept": "text/html"}).body.decode()
    assert "X-API-Key" in page
    style = re.search(r'href="(figserve/static/[^"]+\.css)"', page)
    assert style
    assert fetch(f"{host.root}/{style[1]}").status == 200
    assert PRESET[0] not in page

    def render(key: str, body: object) -> Response:
        data = json.dumps(body).encode()
        return fetch(host.root + "/render-matplotlib", method="POST", body=data, headers={"X-API-Key": key})

    good = {"code": "import matplotlib.pyplot as plt; plt.plot([1, 2])"}
    for key in PRESET:
        answer = render(key, good)
        if answer.status == 503:
            pytest.skip("not on this machine: a sandbox")
        assert (answer.status, answer.body[:4]) == (200, b"\x89PNG")
        bearer = {"Authorization": f"Bearer {key}"}
        slash = fetch(host.root + "/render-matplotlib/", method="POST", body=json.dumps(good).encode(), headers=bearer)
        assert (slash.status, slash.body[:4]) == (200, b"\x89PNG")
    for method, path in (("POST", "/render-matplotlb"), ("POST", "/render/"), ("GET", "/plots"), ("GET", "/api")):
        missing = fetch(host.root + path, method=method, body=b"{}" if method == "POST" else None)
        assert (missing.status, missing.json()["code"]) == (404, "not_found")
    assert render(PRESET[0][:-1] + "x", good).status == 401
    assert render(", ".join(PRESET), good).status == 401
    assert render(PRESET[0], {"cod": ""}).status == 400
    failed = render(PRESET[0], {"code": "1 / 0"})
    assert (failed.status, "ZeroDivisionError" in failed.json()["traceback"]) == (500, True)
    assert fetch(host.url + "/api/keys", headers={"X-API-Key": PRESET[0]}).status == 403
