"""Pages of live figures that follow the data, in Chromium: refreshes, progress, chosen formats and data."""

from __future__ import annotations

import pytest

from .conftest import log_in, open_idle

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

DECLARE = """
import threading
import jupyter_figserve as figserve, pandas as pd
from matplotlib.figure import Figure
data, halfway, go = {"width": 2}, threading.Event(), threading.Event()

@figserve.live(tight=True)
def plot(n: int = 1):
    figure = Figure(figsize=(data["width"], 2))
    figure.subplots().set(xlabel="A whole label", ylabel="Another")
    return figure

@figserve.live
def slow(n: int = 1):
    if n > 1:
        figserve.progress(1, 2)
        halfway.set()
        go.wait(30)
    return Figure(figsize=(2, 2))

@figserve.live(refresh="1s")
def ticking():
    data["ticks"] = data.get("ticks", 0) + 1
    return Figure(figsize=(2 + data["ticks"] / 10, 2))

@figserve.live
def table(n: int = 3):
    if n < 1:
        return figserve.Response({"error": "n is too small"}, status=422)
    return pd.DataFrame({"year": range(2000, 2000 + n), "animals": [1.5] * n})

panels = [figserve.Panel(one, format="svg") for one in (plot, plot.bind(n=2))]
board = figserve.Dashboard("Board", [panels])
board.publish()
print(plot.url(), plot.share(allow=["n"]).url, slow.url(), ticking.url(), table.url(), board.url)
"""
WIDTH = "document.querySelector('.frame img')?.naturalWidth"


@pytest.fixture(scope="module")
def opened(live_server):
    """A kernel with live figures, and their addresses."""
    with live_server.kernel("following.ipynb") as kernel:
        execution = kernel.run(DECLARE)
        assert execution.error is None, execution.error
        yield kernel, execution.stdout.split()


def test_refresh_reaches_every_page(chromium, live_server, opened):
    """The page, the link's page and the panels of a dashboard update after ``refresh()`` in a cell."""
    kernel, (url, link, *_, board) = opened
    pages = [chromium.new_page() for _ in range(3)]
    log_in(pages[0], live_server)
    for page, address in zip(pages, (url, link, board), strict=True):
        open_idle(page, address)
        page.wait_for_function(f"() => {WIDTH} > 0")
    pages[2].wait_for_function("() => document.querySelector('.dashboard').dataset.stream === 'open'")
    before = [page.evaluate(WIDTH) for page in pages]
    for page, width in zip(pages, before, strict=True):
        # Only what is in front is visible, and a hidden page holds no stream.
        page.bring_to_front()
        kernel.run("data['width'] += 1; plot.refresh()")
        page.wait_for_function(f"old => {WIDTH} > old", arg=width)
    assert [page.locator(".frame img").count() for page in pages] == [1, 1, 2]


def test_panels_have_the_chosen_format(page, live_server, opened):
    """Panels with ``format="svg"`` request SVG only."""
    _, addresses = opened
    log_in(page, live_server)
    requests = []
    page.on("request", lambda request: requests.append(request.url.partition("?")[0]))
    open_idle(page, addresses[5])
    page.wait_for_function("() => [...document.querySelectorAll('.frame img')].every(one => one.naturalWidth > 0)")
    images = [url.rpartition(".")[2] for url in requests if "/live/f/" in url]
    assert set(images) == {"svg"}


def test_progress_of_a_long_call(page, live_server, opened):
    """A bar shows how far the call is, and goes when it ends."""
    kernel, addresses = opened
    log_in(page, live_server)
    open_idle(page, addresses[2])
    with page.expect_response("**/api/events"):
        page.reload()
    page.wait_for_function(f"() => {WIDTH} > 0")
    page.fill("#p-n", "2")
    page.wait_for_function("() => document.querySelector('.frame progress')?.value === 1")
    assert page.inner_text(".state") == "Drawing … 50 %"
    kernel.run("go.set()")
    page.wait_for_function("() => document.querySelector('.live').dataset.rendered === 'n=2'")
    assert page.locator("progress").count() == 0


def test_page_asks_again_by_itself(page, live_server, opened):
    """With ``refresh=`` the image changes without any event."""
    _, addresses = opened
    log_in(page, live_server)
    open_idle(page, addresses[3])
    page.wait_for_function(f"() => {WIDTH} > 0")
    first = page.evaluate(WIDTH)
    page.wait_for_function(f"old => {WIDTH} > old", arg=first)


def test_data_is_a_table_with_its_status(chromium, live_server, opened):
    """Rows are a table, anything else is text; a status other than 200 is named."""
    _, addresses = opened
    page = chromium.new_page()
    log_in(page, live_server)
    open_idle(page, addresses[4])
    page.wait_for_selector(".data table")
    assert page.inner_text(".data thead").split() == ["year", "animals"]
    assert page.locator(".data tbody tr").count() == 3
    page.fill("#p-n", "0")
    page.wait_for_selector(".data pre")
    assert page.inner_text(".state") == "Status 422"
    assert "n is too small" in page.inner_text(".data")
