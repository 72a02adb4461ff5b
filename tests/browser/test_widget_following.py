"""Widgets in JupyterLab in Chromium that follow the server: new versions, deletions, functions defined again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jupyter_figserve.demo.kernel_session import KernelSession
from jupyter_figserve.demo.server_process import ServerProcess
from tests.security.actors import make_png, post_figure

from ..conftest import require_package
from .lab import open_notebook, run_all, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

PUBLISH = """
import os, pathlib, jupyter_figserve as figserve
from matplotlib.figure import Figure
pub = figserve.publish(Figure(figsize=(2, 1)), "sales", alt="Sales")
pathlib.Path("key").write_text(os.environ["KERNEL_FIGSERVE_KEY"])
"""
DASHBOARD = 'figserve.Dashboard("Dashboard", [[pub, figserve.Panel(pub, alt="In my words")]])'
DECLARE = """
import jupyter_figserve as figserve
from matplotlib.figure import Figure
@figserve.live
def animal(since: int = 2):
    return Figure(figsize=(since, {height}))
"""
SIZES = "[...document.querySelectorAll('SELECTOR img')].map(i => `${i.naturalWidth}x${i.naturalHeight}`).join(' ')"
STATUSES = "[...document.querySelectorAll('.figserve-dashboard [role=status]')]"
STREAMS = "[...(globalThis[Symbol.for('jupyter_figserve.streams.3')] ?? new Map()).values()]"
SEEN = "isHidden => { Object.defineProperty(document, 'hidden', { value: isHidden, configurable: true });" + (
    " document.dispatchEvent(new Event('visibilitychange')); }"
)


@pytest.fixture
def server(lab):
    return lab


@pytest.fixture
def page(lab_page):
    return lab_page


def open_and_run(page, server: ServerProcess, *sources: str) -> None:
    open_notebook(page, server, write_notebook(server, *sources))
    run_all(page)


def publish(server: ServerProcess, data: bytes, content_type: str = "image/png", **texts: str) -> dict:
    """Publish another version of the notebook's figure, by another client than its kernel."""
    key = {"X-API-Key": (server.root / "key").read_text()}
    response = post_figure(server, data, content_type, headers=key, name="sales", **texts)
    assert response.status == 201, response.text
    return response.json()


def wait_for_sizes(page, *sizes: str, selector: str = ".figserve-dashboard") -> None:
    """Wait until the images have these sizes in pixels, in this order."""
    page.wait_for_function(f"expected => {SIZES.replace('SELECTOR', selector)} === expected", arg=" ".join(sizes))


def wait_for_streams(page, *, is_open: bool = True) -> None:
    """Wait until all event streams of the page's widgets are open, or none is."""
    page.wait_for_function(
        f"expected => {STREAMS}.length && {STREAMS}.every(stream => stream.isOpen() === expected)", arg=is_open
    )


@contextmanager
def connect_to_kernel(server: ServerProcess) -> Iterator[KernelSession]:
    """The notebook's running kernel, as another client sees it."""
    (session,) = server.fetch("api/sessions").json()
    kernel = KernelSession(session["id"], session["kernel"]["id"], server.runtime)
    kernel.connect()
    try:
        yield kernel
    finally:
        kernel.disconnect()


def run(kernel: KernelSession, code: str) -> None:
    execution = kernel.run(code)
    assert execution.error is None, execution.error


@pytest.mark.nightly
def test_published_figure_is_followed_while_the_kernel_is_busy(page, server):
    """The new image has its own size and alt text, unless the panel has one; deletion and restoration are shown."""
    open_and_run(page, server, PUBLISH, DASHBOARD, "input()")
    wait_for_sizes(page, "200x100", "200x100")
    wait_for_streams(page)
    page.evaluate("window.stayed = document.querySelector('.figserve-dashboard img')")
    record = publish(server, make_png(30, 20), alt="Sales, corrected")
    wait_for_sizes(page, "30x20", "30x20")
    assert page.evaluate("[stayed.isConnected, stayed.width, stayed.height]") == [True, 30, 20]
    alts = [image.get_attribute("alt") for image in page.query_selector_all(".figserve-dashboard img")]
    assert alts == ["Sales, corrected", "In my words"]
    server.fetch(f"figserve/api/figures/{record['id']}", method="DELETE")
    page.wait_for_function(f"() => {STATUSES}.every(status => /deleted/.test(status.textContent))")
    wait_for_sizes(page, "30x20", "30x20")
    assert server.fetch(f"figserve/api/figures/{record['id']}/restore", method="POST").status == 200
    page.wait_for_function(f"() => {STATUSES}.every(status => status.textContent === '')")


@pytest.mark.nightly
def test_widgets_of_a_page_share_one_stream(page, server):
    """Two dashboards and a live figure share one event stream, which is closed with the last of them."""
    streams = []
    page.on("request", lambda request: streams.append(request.url) if request.url.endswith("/api/events") else None)
    open_and_run(page, server, PUBLISH, DASHBOARD, DASHBOARD, DECLARE.format(height=1) + "animal.widget()")
    wait_for_sizes(page, *["200x100"] * 4)
    wait_for_sizes(page, "200x100", selector=".figserve-live")
    wait_for_streams(page)
    assert page.evaluate(f"(window.kept = {STREAMS}[0]).listeners.size") == 5
    publish(server, make_png(30, 20))
    wait_for_sizes(page, *["30x20"] * 4)
    assert streams == [f"{server.url}figserve/api/events"]
    page.evaluate("(() => { window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs'); })()")
    page.wait_for_function(f"() => {STREAMS}.length === 0 && !kept.isOpen()")


@pytest.mark.nightly
def test_missed_events_are_caught_up(page, server):
    """After an error response, and after the page was hidden, when it has no stream."""
    refused = threading.Event()

    def refuse_once(route) -> None:
        if refused.is_set():
            route.continue_()
        else:
            refused.set()
            route.fulfill(status=503, body="busy")

    page.route("**/api/events", refuse_once)
    open_and_run(page, server, PUBLISH, DASHBOARD)
    page.wait_for_function(f"() => {STREAMS}.length")
    wait_for_sizes(page, "200x100", "200x100")
    publish(server, make_png(30, 20))
    wait_for_sizes(page, "30x20", "30x20")
    assert refused.is_set()
    page.evaluate(SEEN, True)
    wait_for_streams(page, is_open=False)
    publish(server, make_png(40, 10))
    page.evaluate(SEEN, False)
    wait_for_sizes(page, "40x10", "40x10")


@pytest.mark.nightly
def test_published_interactive_figure_is_interactive(page, server):
    """A sandboxed frame shows the newest version too, also when that is an image."""
    require_package("plotly")
    code = PUBLISH.replace("Figure(figsize=(2, 1))", "plotly.Figure(plotly.Scatter(y=[1, 3, 2]))")
    dashboard = 'figserve.Dashboard("Board", [[figserve.Panel(pub, caption="Plotly"), "text"]])'
    open_and_run(page, server, "import plotly.graph_objects as plotly\n" + code, dashboard)
    # While the next version loads, there are two frames.
    frame = page.frame_locator(".figserve-dashboard iframe:not(.loading)")
    frame.locator(".plotly").first.wait_for()
    assert page.get_attribute(".figserve-dashboard iframe", "sandbox") == "allow-scripts"
    assert page.get_attribute(".figserve-dashboard iframe", "title") == "Sales"
    wait_for_streams(page)
    publish(server, b"<!doctype html><title>x</title><p>the second one", "text/html", alt="Second")
    frame.locator("text=the second one").wait_for()
    assert page.locator(".figserve-dashboard iframe").count() == 1
    assert page.get_attribute(".figserve-dashboard iframe", "title") == "Second"
    publish(server, make_png(30, 20))
    wait_for_sizes(page, "30x20")
    assert page.locator(".figserve-dashboard iframe").count() == 0


def test_redefined_function_is_rendered_again(page, server):
    """In dashboards and in its widget; with other parameters, the widget says to run its cell again."""
    show = 'figserve.Dashboard("Board", [[animal, animal.bind(since=3)]])'
    open_and_run(page, server, DECLARE.format(height=1), show, "animal.widget()")
    wait_for_sizes(page, "200x100", "300x100")
    wait_for_sizes(page, "200x100", selector=".figserve-live")
    wait_for_streams(page)
    with connect_to_kernel(server) as kernel:
        # A new default does not move the controls.
        run(kernel, DECLARE.format(height=2).replace("int = 2", "int = 1"))
        wait_for_sizes(page, "200x200", "300x200")
        wait_for_sizes(page, "200x200", selector=".figserve-live")
        notices = page.locator("[role=status] >> text=Run this cell again")
        assert notices.count() == 0
        run(kernel, DECLARE.format(height=3).replace("int = 2", "int = 2, until: int = 5"))
        wait_for_sizes(page, "200x300", "300x300")
        wait_for_sizes(page, "200x300", selector=".figserve-live")
    assert notices.count() == 3
    page.locator(".figserve-live input").fill("4")
    wait_for_sizes(page, "400x300", selector=".figserve-live")
    assert notices.count() == 3


@pytest.mark.nightly
def test_other_sites_follow_nothing(page, server):
    """On a page without a Jupyter server, widgets use messages only and open no stream."""
    streams, faults = [], []
    page.on("request", lambda request: streams.append(request.url) if request.url.endswith("/api/events") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    open_notebook(
        page, server, write_notebook(server, PUBLISH, DASHBOARD, DECLARE.format(height=1) + "animal.widget()")
    )
    page.evaluate("document.getElementById('jupyter-config-data').remove()")
    run_all(page)
    wait_for_sizes(page, "200x100", "200x100")
    wait_for_sizes(page, "200x100", selector=".figserve-live")
    assert streams == []
    assert faults == []
    assert page.evaluate(f"{STREAMS}.length") == 0
