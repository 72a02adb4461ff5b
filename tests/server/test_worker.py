"""A real render worker: who may use it, its slots, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.demo.server_process import Response, fetch
from jupyter_figserve.model.rendering import RenderJob
from jupyter_figserve.sandbox.host.job_frames import pack_job
from jupyter_figserve.sandbox.remote.answers import PROTOCOL, read_answer
from jupyter_figserve.server.worker import _catch_signals

from ..sandbox.harness import LINE
from ..sandbox.remote.processes import KEY, Worker
from ..waiting import PATIENCE, wait_until

HEADERS = {"Authorization": f"Bearer {KEY}", "X-Figserve-Protocol": str(PROTOCOL), "X-Figserve-Timeout": "20"}
NOISE = (
    b"import numpy as np, matplotlib.pyplot as plt\n"
    b"pixels = np.random.default_rng(1).integers(0, 255, (1600, 1600, 3), dtype='uint8')\n"
    b"plt.figure(figsize=(16, 16)).figimage(pixels)\n"
)
"""An image of 7 MB, more than the system buffers for a connection."""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    made = Worker(tmp_path_factory.mktemp("worker"), arguments=["--FigServeWorker.body_timeout=2"])
    made.wait_ready()
    yield made
    made.stop()


def frame_of(code: bytes) -> bytes:
    return b"".join(pack_job(RenderJob("code", code)).frame)


def post(worker: Worker, code: str = LINE, body: bytes | None = None, **headers: str) -> Response:
    frame = frame_of(code.encode()) if body is None else body
    given = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    return fetch(f"{worker.url}/jobs", method="POST", body=frame, headers=given)


def succeeds(response: Response) -> bool:
    assert response.status == 200, response.text
    answer = read_answer(response.body.lstrip(b"\n"), RenderJob("code", b""), 65_536)
    return answer.frame is not None and b"\x89PNG" in answer.frame


def test_health(worker: Worker):
    """Load balancers learn whether it takes jobs, servers with the key everything; a wrong key is refused."""
    assert fetch(f"{worker.url}/healthz").json() == {"state": "ready"}
    report = worker.report()
    assert (report["state"], report["slots"], report["running"]) == ("ready", 1, 0)
    assert report["tier"] in ("FULL", "NS", "STRICT")
    assert "matplotlib" in report["libraries"]
    assert fetch(f"{worker.url}/healthz", headers={"Authorization": "Bearer wrong"}).status == 401


def test_jobs_need_the_key_and_the_protocol(worker: Worker):
    """Without them nothing runs, and the body is not read."""
    for authorization in ("", "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x"):
        assert post(worker, Authorization=authorization).status == 401
    refused = post(worker, X_Figserve_Protocol="99")
    assert (refused.status, refused.json()["code"]) == (400, "worker_version")
    assert succeeds(post(worker))


def test_web_pages_run_nothing(worker: Worker):
    """A POST with an Origin is refused, also with that of the worker, which a page has after DNS rebinding."""
    for origin in ("http://evil.example", "null", worker.url):
        refused = post(worker, "while True: pass", Origin=origin)
        assert (refused.status, refused.json()["code"]) == (403, "cross_site")
    assert worker.report()["running"] == 0


@pytest.mark.parametrize("body", [b"", b"x" * 11, b"x" * 40, b"\x00" * 12, b"\x00\x00\x00\x02" + b"\x00" * 8 + b"{}"])
def test_what_is_not_a_job(worker: Worker, body: bytes):
    """400, before a child is taken."""
    response = post(worker, body=body)
    assert (response.status, response.json()["code"]) == (400, "not_a_job")


def test_any_bytes_leave_the_worker_working(worker: Worker):
    """As the body of a job, and in place of a request; no slot stays taken, and the next job is rendered."""
    honest = frame_of(LINE.encode())

    @given(st.binary(max_size=60) | st.integers(0, len(honest) - 1).map(lambda end: honest[:end] + b"\xff"))
    def check(body: bytes) -> None:
        assert post(worker, body=body).status in (200, 400)
        with socket.create_connection(("127.0.0.1", worker.port)) as connection:
            connection.sendall(b"POST /jobs HTTP/1.1\r\n" + body[:30])

    check()
    wait_until(lambda: worker.report()["running"] == 0)
    assert succeeds(post(worker))


@pytest.mark.parametrize("timeout", ["nan", "inf", "-1", "0", "soon"])
def test_timeouts(worker: Worker, timeout: str):
    """A job has a positive number of seconds."""
    assert post(worker, X_Figserve_Timeout=timeout).status == 400


def test_a_full_worker_refuses_at_once(worker: Worker):
    """503 with Retry-After; when the client of the running job leaves, its slot is free again."""
    connection = http.client.HTTPConnection("127.0.0.1", worker.port)
    connection.request("POST", "/jobs", frame_of(b"while True: pass"), HEADERS)
    wait_until(lambda: worker.report()["running"] == 1)
    refused = post(worker)
    assert (refused.status, refused.json()["code"], refused.headers["Retry-After"]) == (503, "worker_busy", "1")
    connection.close()
    wait_until(lambda: worker.report()["running"] == 0)
    assert succeeds(post(worker))


def begin(worker: Worker, length: int, start: bytes) -> http.client.HTTPConnection:
    """Send the head of a job, and the first bytes of its body."""
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=PATIENCE)
    connection.putrequest("POST", "/jobs")
    for name, value in (HEADERS | {"Content-Length": str(length)}).items():
        connection.putheader(name, value)
    connection.endheaders(start)
    return connection


def finish(connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> Response:
    """Read the rest of a response."""
    with contextlib.closing(connection):
        return Response(response.status, response.headers, response.read())


def test_a_slow_body_takes_no_slot_for_ever(worker: Worker):
    """It has to arrive within body_timeout."""
    connection = begin(worker, 1_000, b"\x00")
    assert connection.sock.recv(1) == b""
    wait_until(lambda: worker.report()["running"] == 0)
    connection.close()
    assert succeeds(post(worker))


def test_it_drains(tmp_path: Path):
    """SIGTERM: the job under way ends well, new ones are refused, the health check fails, then the process ends."""
    worker, job = Worker(tmp_path, slots=2), frame_of(LINE.encode())
    try:
        worker.wait_ready()
        connection = begin(worker, len(job), job[:1])
        wait_until(lambda: worker.report()["running"] == 1)
        worker.signal(signal.SIGTERM)
        wait_until(lambda: worker.report()["state"] == "draining")
        assert fetch(f"{worker.url}/healthz").status == 503
        assert post(worker).json()["code"] == "worker_busy"
        connection.send(job[1:])
        assert succeeds(finish(connection, connection.getresponse()))
        assert worker.process.wait(30) == 0
    finally:
        worker.stop()


def test_it_sends_what_it_has_drawn(tmp_path: Path):
    """Before it ends: a large image that its server has not read yet when SIGTERM comes."""
    worker = Worker(tmp_path)
    try:
        worker.wait_ready()
        connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=PATIENCE)
        connection.sock = socket.socket()
        # The rest stays with the worker.
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.sock.connect(("127.0.0.1", worker.port))
        connection.request("POST", "/jobs", frame_of(NOISE), HEADERS)
        response = connection.getresponse()
        wait_until(lambda: worker.report()["running"] == 0)
        worker.signal(signal.SIGTERM)
        # All that is left to do is to send.
        process = psutil.Process(worker.process.pid)
        wait_until(lambda: not process.children())
        assert succeeds(finish(connection, response))
        assert worker.process.wait(30) == 0
    finally:
        worker.stop()


@pytest.mark.parametrize(
    ("arguments", "key", "message"),
    [
        (["--ip=0.0.0.0"], "", "needs a key"),
        ([], "short", "fewer than 32 characters"),
        (["--key-file=missing"], "", "not a readable file"),
        pytest.param(["--ip=::"], "", "needs a key", marks=pytest.mark.nightly),
        pytest.param(["--certfile=/etc/hostname"], "", "cannot start", marks=pytest.mark.nightly),
    ],
)
def test_it_does_not_start_unsafely(arguments: list[str], key: str, message: str, tmp_path: Path):
    """Open to others without a key, with a guessable one, or without the files that it should use."""
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_figserve.cli", "worker", "--port=0", *arguments],
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
        env={"FIGSERVE_WORKER_KEY": key, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_named(worker: Worker, tmp_path: Path):
    """With the options that help."""
    port = urlsplit(worker.url).port
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_figserve.cli", "worker", f"--port={port}"],
        capture_output=True, text=True, timeout=60, env={"HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert f"Port {port} is in use. Choose another one with --port; 0 picks a free port." in done.stderr


def test_signals_of_windows(monkeypatch):
    """Its event loops handle none."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def refuse(*_: object) -> None:
        raise NotImplementedError

    async def scene() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", refuse)
        caught = _catch_signals()
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(caught.wait(), 20)

    try:
        asyncio.run(scene())
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
