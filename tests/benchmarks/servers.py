"""Servers under measurement: ours in a real Jupyter server, and its peers, as context managers."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jupyter_figserve.demo.kernel_session import KernelSession
from jupyter_figserve.demo.server_process import Response, ServerProcess
from jupyter_figserve.plotting.png import encode_png

REPOSITORY = Path(__file__).parents[2]
_SECONDS_TO_START = 30


@dataclass(frozen=True)
class Peer:
    """URL of a server's image, and the server's first process."""

    url: str
    pid: int


@contextlib.contextmanager
def jupyter(home: Path, data_dir: Path | None = None, arguments: Sequence[str] = ()) -> Iterator[ServerProcess]:
    """Run a Jupyter server with our extension, with default settings except for ``arguments``."""
    server = ServerProcess(home, arguments, data_dir=data_dir)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def flask(home: Path, file: Path, *options: str) -> Iterator[Peer]:
    """Run one gunicorn worker with ``send_file``."""
    app = f"tests.benchmarks.peers.flask_file:make_app({str(file)!r})"
    command = ["-m", "gunicorn", "--workers", "1", "--bind", "127.0.0.1:0", *options, app]
    log = home / f"flask-{'-'.join(options).strip('-')}.log"
    with _process(log, command, r"Listening at: (http://\S+)") as peer:
        yield peer


@contextlib.contextmanager
def flask_exec(home: Path, workers: int) -> Iterator[Peer]:
    """Run gunicorn workers that execute posted code in their own processes."""
    app = "tests.benchmarks.peers.flask_exec:make_app()"
    command = ["-m", "gunicorn", "--workers", str(workers), "--bind", "127.0.0.1:0", app]
    with _process(home / f"flask-exec-{workers}.log", command, r"Listening at: (http://\S+)") as peer:
        yield peer


@contextlib.contextmanager
def bare_tornado(home: Path, file: Path) -> Iterator[Peer]:
    """Run a ``RequestHandler`` that holds the bytes, in a ``tornado.web.Application``."""
    command = ["-m", "tests.benchmarks.peers.bare_tornado", str(file)]
    with _process(home / "tornado.log", command, r"Listening at: (http://\S+)") as peer:
        yield peer


def make_png(seed: int = 0, side: int = 158) -> bytes:
    """Return a PNG of incompressible grey noise: 25 KB for a side of 158 pixels."""
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 1), dtype=np.uint8)
    opaque = np.full((side, side, 1), 255, np.uint8)
    return encode_png(np.concatenate([noise, noise, noise, opaque], axis=2))


def make_noise(side: int, seed: int = 0) -> bytes:
    """Return a PNG of incompressible noise in colour."""
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return encode_png(np.concatenate([noise, np.full((side, side, 1), 255, np.uint8)], axis=2))


def run_cell(kernel: KernelSession, code: str) -> str:
    """Run a cell without an error; return what it prints."""
    execution = kernel.run(code, timeout=600)
    assert execution.error is None, f"{execution.error}\n{execution.stderr}"
    return execution.stdout


def publish(server: ServerProcess, data: bytes, name: str) -> dict[str, Any]:
    """Publish over HTTP; return the figure's record."""
    headers = {"Content-Type": "image/png"}
    return json_of(server.fetch(f"figserve/api/figures?name={name}", method="POST", body=data, headers=headers))


def share(server: ServerProcess, figure: str) -> str:
    """Create a link with the default expiry; return the URL of its image on this server."""
    link = json_of(server.fetch(f"figserve/api/figures/{figure}/links", method="POST", body={}))
    return str(link["image_url"])


def json_of(response: Response) -> dict[str, Any]:
    assert response.status in (200, 201), f"{response.status}: {response.text[:500]}"
    value: dict[str, Any] = response.json()
    return value


def login(server: ServerProcess) -> dict[str, str]:
    """Return the headers of a logged-in browser's image request: cookie and referrer."""
    answer = server.fetch(f"tree?token={server.token}", anonymous=True)
    cookies = [line.partition(";")[0] for line in answer.headers.get_all("Set-Cookie", [])]
    assert cookies, f"{answer.status}: the token gave no cookie"
    return {"Cookie": "; ".join(cookies), "Referer": server.url}


@contextlib.contextmanager
def _process(log: Path, command: Sequence[str], ready: str) -> Iterator[Peer]:
    """Start a Python process and wait until its log reports its address."""
    # Newer gunicorns keep a socket in the home directory, which this run must not touch.
    environment = os.environ | {"HOME": str(log.parent)}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *command], stdout=output, stderr=output, cwd=REPOSITORY, env=environment
        )
    try:
        yield Peer(f"{_await_line(process, log, ready)}/picture.png", process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_line(process: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    deadline = time.monotonic() + _SECONDS_TO_START
    while not (found := re.search(pattern, log.read_text(encoding="utf-8", errors="replace"))):
        is_well = process.poll() is None and time.monotonic() < deadline
        assert is_well, log.read_text(encoding="utf-8", errors="replace")[-2_000:]
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    return found[1]
