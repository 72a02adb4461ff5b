"""Renderers of each kind with their processes, for tests at the level of the seam."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from jupyter_figserve.sandbox.host.job_limits import JobLimits
from jupyter_figserve.sandbox.remote import dask_renderer, http_renderer
from jupyter_figserve.sandbox.remote.dask_exchange import DaskExchange
from jupyter_figserve.sandbox.remote.dask_renderer import DaskRenderer
from jupyter_figserve.sandbox.remote.http_exchange import AnswerLimits, HttpExchange
from jupyter_figserve.sandbox.remote.http_renderer import HttpRenderer
from jupyter_figserve.sandbox.remote.remote_renderer import RemoteLimits

from ..harness import SECRET, SECRET_NAME, Sandbox, is_started
from .processes import KEY, HAProxy, Worker

RESULT_BYTES = 4 * 2**20
WHOLE_RESULT_BYTES = 16 * 2**20
JOBS = JobLimits(25_000_000, 64 * 2**20, 60.0)
CONNECT_SECONDS = 30.0
"""More than workers and schedulers take to accept a connection, or to answer, on a machine with other work."""
SETTINGS = (f"--FigServe.render_result_bytes={RESULT_BYTES}",)


def make_http_renderer(url: str, *, keys: tuple[str, ...] = (KEY,), **settings: Any) -> HttpRenderer:
    exchange = HttpExchange(url, connect_timeout=settings.pop("connect_timeout", CONNECT_SECONDS))
    return HttpRenderer(exchange, make_limits(**settings), keys)


def make_limits(
    *, queue_timeout: float = 3.0, allow_unsandboxed: bool = False, result_bytes: int = RESULT_BYTES
) -> RemoteLimits:
    return RemoteLimits(JOBS, result_bytes, 64 * 2**10, queue_timeout, allow_unsandboxed)


def patient_reports() -> AbstractContextManager[Any]:
    """A worker that has no core for a second does not count as one that is gone."""
    return mock.patch.object(http_renderer, "_FOR_REPORTS", AnswerLimits(CONNECT_SECONDS, CONNECT_SECONDS, 65_536))


class HttpSandbox(Sandbox):
    """A renderer whose workers are processes of their own."""

    def __init__(self, url: str, workers: list[Worker], **settings: Any) -> None:
        self.url, self.workers = url, workers
        super().__init__("FULL", **settings)

    def make_renderer(self, settings: dict[str, Any]) -> HttpRenderer:
        settings.pop("wrap")
        return make_http_renderer(self.url, **settings)

    def processes(self) -> list[psutil.Process]:
        return [
            child for worker in self.workers for child in psutil.Process(worker.process.pid).children(recursive=True)
        ]


@contextlib.contextmanager
def http_fleet(home: Path, count: int = 2, *, proxy: bool = True) -> Iterator[HttpSandbox]:
    """Workers of one slot each behind HAProxy, with a secret in their environment."""
    with contextlib.ExitStack() as stack:
        os.environ[SECRET_NAME] = SECRET
        try:
            workers = [Worker(home, arguments=SETTINGS) for _ in range(count)]
        finally:
            del os.environ[SECRET_NAME]
        for worker in workers:
            stack.callback(worker.stop)
        for worker in workers:
            worker.wait_ready()
        url = workers[0].url
        if proxy:
            haproxy = HAProxy(home, workers)
            stack.callback(haproxy.stop)
            url = haproxy.url
        stack.enter_context(patient_reports())
        sandbox = HttpSandbox(url, workers)
        stack.callback(sandbox.close)
        yield sandbox


@contextlib.contextmanager
def local_pool(_home: Path) -> Iterator[Sandbox]:
    sandbox = Sandbox("FULL", jobs=2, result_bytes=RESULT_BYTES)
    yield sandbox
    sandbox.close()


class DaskSandbox(Sandbox):
    """A renderer on the workers of a Dask cluster, which is one process."""

    def __init__(self, address: str, process: subprocess.Popen[str]) -> None:
        self.address, self.process = address, process
        super().__init__("FULL")

    def make_renderer(self, settings: dict[str, Any]) -> DaskRenderer:
        return make_dask_renderer(self.address)

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def make_dask_renderer(address: str, **settings: Any) -> DaskRenderer:
    exchange = DaskExchange(address, settings.pop("connect_timeout", CONNECT_SECONDS))
    return DaskRenderer(exchange, make_limits(**settings), {"result_bytes": RESULT_BYTES, "warm": 0})


@contextlib.contextmanager
def dask_cluster(
    _home: Path, threads: Sequence[str] = ("1", "1"), kind: type[DaskSandbox] = DaskSandbox
) -> Iterator[DaskSandbox]:
    """Two workers of one thread each, with a secret in their environment."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.sandbox.remote.dask_cluster", *threads],
        cwd=Path(__file__).parents[3],
        env=os.environ | {SECRET_NAME: SECRET},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        sandbox = kind(process.stdout.readline().strip(), process)
        try:
            with mock.patch.object(dask_renderer, "_ALIVE_SECONDS", CONNECT_SECONDS):
                yield sandbox
        finally:
            sandbox.close()
    process.wait(30)


class WholeHttpSandbox(HttpSandbox):
    """One worker of two slots with the limits of the local pool, for the complete matrix of attacks."""

    def make_renderer(self, settings: dict[str, Any]) -> Any:
        renderer: Any = make_http_renderer(self.url, result_bytes=WHOLE_RESULT_BYTES, queue_timeout=30.0)
        renderer.jobs = renderer.warm = 2
        return renderer

    def zygote(self) -> psutil.Process:
        return find_zygote(self.workers[0].process.pid)


class WholeDaskSandbox(DaskSandbox):
    """One Dask worker of two threads, the same."""

    def make_renderer(self, settings: dict[str, Any]) -> Any:
        limits = make_limits(result_bytes=WHOLE_RESULT_BYTES, queue_timeout=30.0)
        exchange = DaskExchange(self.address, CONNECT_SECONDS)
        renderer: Any = DaskRenderer(exchange, limits, {"result_bytes": WHOLE_RESULT_BYTES})
        renderer.jobs = renderer.warm = 2
        return renderer

    def zygote(self) -> psutil.Process:
        return find_zygote(self.process.pid)


def find_zygote(pid: int) -> psutil.Process:
    """Return the process that forks, below the one that the worker has started."""
    (outer,) = filter(is_started, psutil.Process(pid).children())
    return outer.children()[0]


@contextlib.contextmanager
def whole_http(home: Path) -> Iterator[Sandbox]:
    os.environ[SECRET_NAME] = SECRET
    worker = Worker(home, slots=2, arguments=[f"--FigServe.render_result_bytes={WHOLE_RESULT_BYTES}"])
    del os.environ[SECRET_NAME]
    try:
        worker.wait_ready()
        with patient_reports():
            sandbox = WholeHttpSandbox(worker.url, [worker])
            try:
                yield sandbox
            finally:
                sandbox.close()
    finally:
        worker.stop()


@contextlib.contextmanager
def whole_dask(home: Path) -> Iterator[Sandbox]:
    with dask_cluster(home, threads=("2",), kind=WholeDaskSandbox) as made:
        yield made


REMOTE = {"http": whole_http, "dask": whole_dask}
