"""Shared fixtures and rules: real servers, kernels and browsers; skips, reruns and the order of files."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_figserve.demo.kernel_session import ExecutionResult
from jupyter_figserve.demo.server_process import ServerProcess

from .catalogs import make_data_directory
from .homes import new_home
from .postgres import Cluster, Databases, find_binary, private_cluster
from .process_state import find_changes, initial_shared_objects, read_state

PROGRAMS = {"chromium": "/usr/bin/chromium", "nginx": "/usr/sbin/nginx", "haproxy": "/usr/sbin/haproxy"}
"""Debian's paths of programs that may be missing from a user's PATH."""
WITH_PYTHON = str(Path(sys.executable).parent)
"""Directory of the programs that packages of this environment install."""
GET_PROGRAMS = "make deps"
GET_PACKAGES = 'pip install -e ".[dev]"'
ELSEWHERE = "not on this machine: "
"""Prefix of the reason for a skip that no installation could avoid: another platform, another user."""
PROGRAM_MARKS = ("kernel", "browser", "nginx", "hub", "haproxy")
"""Marks of tests that wait for other programs."""
WITHOUT_FRONT_ENDS = Path(__file__).resolve().parent / "jupyter_config"
"""Configuration that turns JupyterLab and Notebook off. They cost each server 1.3 s of CPU time, and a Node.js."""
QUICK_EXIT = str(Path(__file__).resolve().parent / "startup")
"""Directory of a module that each Python process of a test loads first; it makes start and end cheaper."""
WITH_FRONT_ENDS: dict[str, str | None] = {"JUPYTER_CONFIG_PATH": None}
"""Environment of a server that has them, as it would have outside the tests."""
EXAMPLES = {False: 30, True: 300}
"""Examples of each property that Hypothesis tests: in every run, and every night."""
TESTS = Path(__file__).parent
TOLERANT = frozenset(
    """
browser/test_dashboard_html browser/test_dashboard_page browser/test_dense_screens browser/test_embedding
browser/test_evil_documents browser/test_figure_page browser/test_live_following browser/test_live_html
browser/test_live_page browser/test_share_page browser/test_sharing cli/checks/test_running cli/checks/test_server
cli/commands/test_keys cli/test_figure_lookup kernel/client/test_running_servers kernel/figures/test_captured_plot
kernel/figures/test_cell_figure kernel/live/test_detach kernel/live/test_lasting kernel/live/test_live_figure
kernel/live/test_widget kernel/test_batch_runs kernel/test_in_a_kernel kernel/test_same_images
""".split()
)
"""Modules that share one server, with what others have published, declared and shared there."""
LONG = frozenset("plotting/test_encode store/test_stateful test_pipeline test_readme".split())
"""Modules that take long without other programs."""
SHORT = "model/"
"""Folder of the modules that take the least time."""
LEFT_CHANGED = "left changed"
"""Name of a report's property."""
MAX_RERUNS = 5
"""Reruns above which a run on CI fails. A machine that stalls disturbs a few tests; more than that is a defect."""


def require_program(name: str) -> str:
    """Return the path of a program, or skip the test (which fails with FIGSERVE_REQUIRE_ALL=1)."""
    found = shutil.which(name) or shutil.which(name, path=WITH_PYTHON) or PROGRAMS.get(name, "")
    if not os.access(found, os.X_OK):
        pytest.skip(f"{name} is missing: {GET_PROGRAMS}")
    return found


def require_package(name: str) -> Any:
    """Return the imported package, or skip the test (which fails with FIGSERVE_REQUIRE_ALL=1)."""
    return pytest.importorskip(name, reason=f"{name} is missing: {GET_PACKAGES}", exc_type=ImportError)


def pytest_configure(config: pytest.Config) -> None:
    """Make Ctrl-C reach the processes that tests start, also in a shell's background job, which ignores it.

    They start without JupyterLab and Notebook, and cheaply. Properties are tested with more examples every night.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["JUPYTER_CONFIG_PATH"] = str(WITHOUT_FRONT_ENDS)
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path not in ("", QUICK_EXIT)]
    os.environ["PYTHONPATH"] = os.pathsep.join([QUICK_EXIT, *paths])
    if config.pluginmanager.hasplugin("hypothesispytest"):
        from hypothesis import settings

        # A machine that stalls is no defect of what is tested.
        is_nightly = "not nightly" not in config.option.markexpr
        settings.register_profile("tests", settings.default, max_examples=EXAMPLES[is_nightly], deadline=None)
        settings.load_profile("tests")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect thousands of tests without garbage collections, which then leave them alone."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remove the timeout of soak tests, allow one rerun on CI, and put slow files first.

    CI runs on a shared machine, so a test that waits for other programs may run twice there; each rerun is reported.
    """
    reruns = os.environ.get("CI") == "true" and config.pluginmanager.hasplugin("rerunfailures")
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(0))
        if reruns and _waits_for_programs(item):
            item.add_marker(pytest.mark.flaky(reruns=1))
    # Workers take whole files in this order, so that the last files, while other workers are idle, are short.
    slow = {item.path for item in items if _waits_for_programs(item) or item.get_closest_marker("packaging")}
    items.sort(key=lambda item: (item.path not in slow and _module(item) not in LONG, _module(item).startswith(SHORT)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadfile``, run modules that share something expensive in one process."""
    if config.getoption("dist") != "loadfile":
        return None
    from .scheduling import GroupScheduling

    return GroupScheduling(config, log)


def _module(item: pytest.Item) -> str:
    """Return the path of a test's module below this folder, without its suffix."""
    return item.path.relative_to(TESTS).with_suffix("").as_posix()


_STATE: dict[str, Any] = {"path": None, "before": {}, "undo": ExitStack()}
"""The module whose tests are running, the state of the process before them, and what ends with the module."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item):
    """Note the state of the process before the first test of a module, and undo what the last one drew into it."""
    if _STATE["path"] != item.path:
        _STATE["undo"].close()
        _STATE["undo"].enter_context(initial_shared_objects())
        _STATE.update(path=item.path, before=read_state())
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None):
    """Name in the summary what a module has left changed: its tests would pass or fail by what runs after them."""
    result = yield
    if nextitem is None or nextitem.path != item.path:
        changes = find_changes(_STATE["before"], read_state())
        item.user_properties.extend((LEFT_CHANGED, f"{_module(item)}: {change}") for change in changes)
        # What the module has imported stays, and collections need not look at it again: a tenth of the time of a run.
        gc.collect()
        gc.freeze()
    return result


def pytest_unconfigure() -> None:
    """Undo what the last module drew, while the modules that do so are still there."""
    _STATE["undo"].close()


def _waits_for_programs(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(mark) for mark in PROGRAM_MARKS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """With FIGSERVE_REQUIRE_ALL=1, report a skip as a failure unless no installation could avoid it."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _all_is_required():
        reason = _reason(report)
        if not reason.startswith(ELSEWHERE):
            report.outcome, report.longrepr = "failed", f"skipped, but FIGSERVE_REQUIRE_ALL is set: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """Apply the same rule to modules that skip themselves."""
    report = yield
    if report.skipped and _all_is_required():
        report.outcome, report.longrepr = "failed", f"skipped, but FIGSERVE_REQUIRE_ALL is set: {_reason(report)}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Undo what the last module drew into the process, and fail a run with too many reruns."""
    _STATE["undo"].close()
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and len(_reruns(reporter)) > MAX_RERUNS and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter) -> None:
    """Report which tests were rerun, and how to run the skipped ones."""
    reruns = _reruns(terminalreporter)
    if reruns:
        verdict = f"more than {MAX_RERUNS} fail the run" if len(reruns) > MAX_RERUNS else "find the cause"
        terminalreporter.write_line(f"{len(reruns)} tests failed once and were rerun ({verdict}):")
        for name, fault in reruns.items():
            terminalreporter.write_line(f"  {name}: {fault}")
    reports = [one for some in terminalreporter.stats.values() for one in some if isinstance(one, pytest.TestReport)]
    changes = {value for one in reports for name, value in one.user_properties if name == LEFT_CHANGED}
    if changes:
        terminalreporter.write_line("Modules left the state of their process changed (undo it):")
        for change in sorted(changes):
            terminalreporter.write_line(f"  {change}")
    reasons = {_reason(report) for report in terminalreporter.stats.get("skipped", [])}
    commands = sorted({c for c in (GET_PROGRAMS, GET_PACKAGES) for reason in reasons if reason.endswith(c)})
    if commands:
        missing = sorted(reason.partition(" is missing")[0] for reason in reasons if " is missing" in reason)
        terminalreporter.write_line(f"Tests that need {', '.join(missing)} were skipped: run {' and '.join(commands)}")


def _reruns(reporter) -> dict[str, str]:
    """Return by name what each test that was rerun failed with the first time."""
    reports = reporter.stats.get("rerun", [])
    crashes = {report.nodeid: getattr(report.longrepr, "reprcrash", None) for report in reports}
    return {name: " ".join(crash.message.split())[:500] if crash else "" for name, crash in crashes.items()}


def _all_is_required() -> bool:
    return os.environ.get("FIGSERVE_REQUIRE_ALL") == "1"


def _reason(report) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def require_postgres() -> None:
    """Skip the test where PostgreSQL is missing (which fails with FIGSERVE_REQUIRE_ALL=1)."""
    if find_binary("initdb") is None:
        pytest.skip(f"PostgreSQL is missing: {GET_PROGRAMS}")
    require_package("psycopg")


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """A private PostgreSQL for all tests that do not stop it."""
    require_postgres()
    with private_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def databases(postgres_cluster: Cluster) -> Databases:
    return Databases(postgres_cluster)


@contextmanager
def running_server() -> Iterator[ServerProcess]:
    """A real Jupyter server with an empty catalog, which also stops after an error."""
    server = ServerProcess(new_home())
    make_data_directory(server.data_dir)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.home, ignore_errors=True)


@pytest.fixture(scope="session")
def common_server() -> Iterator[ServerProcess]:
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def live_server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """One real Jupyter server for all tests of a module, or of all modules that tolerate what others leave behind."""
    if request.path.relative_to(TESTS).with_suffix("").as_posix() in TOLERANT:
        yield request.getfixturevalue("common_server")
    else:
        with running_server() as server:
            yield server


@pytest.fixture
def make_server() -> Iterator[MakeServer]:
    """Create real servers that stop after the test: ``make_server(keep_versions=3, args=[...])``."""
    made = MakeServer()
    yield made
    made.stop_all()


class MakeServer:
    """Starts servers; ``traits`` are those of FigServe, other settings go in ``args``.

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
            home = new_home()
            self.homes.append(home)
            if data_dir is None:
                make_data_directory(home / "figures")
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
    """Run ``code`` in a new kernel of ``server``, started for a notebook; an error in the code fails the test.

    For several cells in one kernel, use ``with server.kernel(path) as kernel: kernel.run(...)``.
    """
    with server.kernel(notebook) as kernel:
        execution = kernel.run(code, cell_id=cell_id, timeout=timeout)
    assert fails == (execution.error is not None), f"{execution.error}\n{execution.stderr}"
    return execution


CHROMIUM_ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()


@contextmanager
def playwright_session() -> Iterator[Any]:
    """Playwright's API. Its event loop runs in this thread until the session ends, and excludes any other loop."""
    with require_package("playwright.sync_api").sync_playwright() as playwright:
        yield playwright


def require_chromium() -> str:
    """Return the path of Chromium: of its headless shell where that is installed, unless FIGSERVE_CHROMIUM names one.

    The shell is the same engine without the windows of a desktop, which cost each page 0.7 s of CPU time.
    """
    named = os.environ.get("FIGSERVE_CHROMIUM")
    return named or shutil.which("chromium-headless-shell") or require_program("chromium")


@contextmanager
def launch_chromium(playwright: Any, *arguments: str) -> Iterator[Any]:
    """Headless Chromium without pages; each of its contexts has an empty profile."""
    browser = playwright.chromium.launch(
        executable_path=require_chromium(), args=[*CHROMIUM_ARGUMENTS, *arguments], headless=True
    )
    yield browser
    browser.close()
