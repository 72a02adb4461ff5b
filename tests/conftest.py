"""Fixtures of all tests: the extension inside a test's own loop, real servers, real kernels, a real browser."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_figserve.demo.kernel_session import ExecutionResult
from jupyter_figserve.demo.server_process import ServerProcess

pytest_plugins = ["pytest_jupyter.jupyter_server"]

PROGRAMS = {"chromium": "/usr/bin/chromium", "nginx": "/usr/sbin/nginx"}
"""Where Debian puts what is not always on a user's PATH."""
GET_PROGRAMS = "make deps"
GET_PACKAGES = 'pip install -e ".[dev]"'
ELSEWHERE = "not on this machine: "
"""How the reason of a skip begins that nothing installed could change: another platform, another user."""
OF_REAL_PROGRAMS = ("kernel", "browser", "nginx")
"""Marks of tests whose other half runs in processes of its own."""


def require_program(name: str) -> str:
    """The path of a program; without it the test is skipped, or fails where nothing may be skipped."""
    found = shutil.which(name) or PROGRAMS.get(name, "")
    if not os.access(found, os.X_OK):
        pytest.skip(f"{name} is missing: {GET_PROGRAMS}")
    return found


def require_package(name: str) -> Any:
    """The imported package; without it the test is skipped, or fails where nothing may be skipped."""
    return pytest.importorskip(name, reason=f"{name} is missing: {GET_PACKAGES}", exc_type=ImportError)


def pytest_configure() -> None:
    """Ctrl-C reaches what tests start, also where they run in a shell's background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long has no deadline. On CI's machine, which others load too, a test of real programs is tried twice;
    the first try stays in the summary as a rerun."""
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(0))
    if os.environ.get("CI") != "true" or not config.pluginmanager.hasplugin("rerunfailures"):
        return
    for item in items:
        if any(item.get_closest_marker(mark) for mark in OF_REAL_PROGRAMS):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """With FIGSERVE_REQUIRE_ALL=1 every skip is a failure but those that nothing installed could change."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _all_is_required():
        reason = _reason(report)
        if not reason.startswith(ELSEWHERE):
            report.outcome, report.longrepr = "failed", f"skipped, but FIGSERVE_REQUIRE_ALL is set: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """The same for a module that skips itself whole."""
    report = yield
    if report.skipped and _all_is_required():
        report.outcome, report.longrepr = "failed", f"skipped, but FIGSERVE_REQUIRE_ALL is set: {_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how to run what was skipped."""
    reasons = {_reason(report) for report in terminalreporter.stats.get("skipped", [])}
    commands = sorted({c for c in (GET_PROGRAMS, GET_PACKAGES) for reason in reasons if reason.endswith(c)})
    if commands:
        missing = sorted(reason.partition(" is missing")[0] for reason in reasons if " is missing" in reason)
        terminalreporter.write_line(f"Tests that need {', '.join(missing)} were skipped: run {' and '.join(commands)}")


def _all_is_required() -> bool:
    return os.environ.get("FIGSERVE_REQUIRE_ALL") == "1"


def _reason(report) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


@pytest.fixture
def figserve_config() -> dict[str, object]:
    """Traits of FigServe for ``jp_serverapp``; override it in a test module or class."""
    return {}


@pytest.fixture
def jp_server_config(tmp_path: Path, figserve_config: dict[str, object]) -> dict[str, object]:
    """pytest-jupyter's server has the extension, with figures in the test's own directory."""
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_figserve": True}},
        "FigServe": {"data_dir": str(tmp_path / "figures"), **figserve_config},
    }


def _new_home() -> Path:
    """Short, since a Unix socket's path may have 107 bytes."""
    return Path(tempfile.mkdtemp(prefix="figserve-")).resolve()


@pytest.fixture(scope="module")
def live_server() -> Iterator[ServerProcess]:
    """One real Jupyter server for all tests of a module."""
    server = ServerProcess(_new_home())
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.home, ignore_errors=True)


@pytest.fixture
def make_server() -> Iterator[MakeServer]:
    """A factory of real servers that end with the test: ``make_server(keep_versions=3, args=[...])``."""
    made = MakeServer()
    yield made
    made.stop_all()


class MakeServer:
    """Starts servers; ``traits`` are FigServe's, other settings go in ``args``.

    ``home``, ``root``, ``data_dir``, ``environment`` and ``command`` are those of ``ServerProcess``.
    """

    def __init__(self) -> None:
        self.servers: list[ServerProcess] = []
        self.homes: list[Path] = []

    def __call__(
        self,
        *,
        home: Path | None = None,
        root: Path | None = None,
        data_dir: Path | None = None,
        environment: dict[str, str | None] | None = None,
        args: tuple[str, ...] | list[str] = (),
        command: tuple[str, ...] = ("-m", "jupyter_server"),
        start: bool = True,
        **traits: object,
    ) -> ServerProcess:
        if home is None:
            home = _new_home()
            self.homes.append(home)
        arguments = [*(f"--FigServe.{name}={value}" for name, value in traits.items()), *args]
        server = ServerProcess(home, arguments, root=root, data_dir=data_dir, environment=environment, command=command)
        self.servers.append(server)
        if start:
            server.start()
        return server

    def stop_all(self) -> None:
        for server in self.servers:
            server.stop()
        for home in self.homes:
            shutil.rmtree(home, ignore_errors=True)


def run_in_kernel(
    server: ServerProcess,
    code: str,
    *,
    notebook: str = "Untitled.ipynb",
    cell_id: str | None = None,
    timeout: float = 120,
    fails: bool = False,
) -> ExecutionResult:
    """Run ``code`` in a fresh kernel of ``server``, started for a notebook; an error of it fails the test.

    For several cells in one kernel there is ``with server.kernel(path) as kernel: kernel.run(...)``.
    """
    with server.kernel(notebook) as kernel:
        execution = kernel.run(code, cell_id=cell_id, timeout=timeout)
    assert fails == (execution.error is not None), f"{execution.error}\n{execution.stderr}"
    return execution


@pytest.fixture
def chromium(tmp_path: Path):
    """A browser context of Chromium with an empty profile; it ends with the test, and its loop with it."""
    sync_api = require_package("playwright.sync_api")
    arguments = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
        " --disable-component-update --disable-sync"
    )
    program = require_program("chromium")
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=program, args=arguments.split(), headless=True
        )
        yield context
        context.close()
