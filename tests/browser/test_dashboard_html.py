"""Live functions that return HTML, on dashboards in Chromium: Plotly in a sandboxed frame, driven by controls."""

from __future__ import annotations

import pytest

from jupyter_figserve.demo.kernel_session import KernelSession
from jupyter_figserve.demo.server_process import ServerProcess
from tests.conftest import require_package
from tests.security import evil

from .conftest import check_phone, log_in, new_context, open_idle
from .test_dashboard_page import SHIFTS, open_dashboard, post
from .test_evil_documents import Guarded

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

DECLARE = """
import jupyter_figserve as figserve, plotly.graph_objects as go
from matplotlib.figure import Figure
from typing import Annotated, Literal
@figserve.live
def sightings(type: Literal["Bear", "Deer"] = "Deer", since: Annotated[int, figserve.Range(2000, 2020)] = 2010):
    "Animal sightings by year."
    if since == 2013:
        raise ValueError("an unlucky year")
    return go.Figure(go.Scatter(y=[1, 3, 2]), layout={"title": {"text": f"{type} since {since}"}})
@figserve.live
def plants(since: Annotated[int, figserve.Range(2000, 2020)] = 2010):
    return Figure(figsize=(1, 1 + (since == 2004)))
sightings.url(), plants.url()
# The cell has no deadline, unlike a call: Plotly loads its templates and its script here.
sightings().to_html()
print(sightings.id, plants.id)
"""
ALTAIR = """
import altair, jupyter_figserve as figserve
@figserve.live
def vega(n: int = 3):
    return altair.Chart(altair.Data(values=[{"x": x} for x in range(n)])).mark_point().encode(x="x:Q")
vega.url()
print(vega.id)
"""
EVIL = """
import jupyter_figserve as figserve
class Evil:
    def _repr_html_(self): return DOCUMENT
@figserve.live
def evil(n: int = 1): return Evil()
evil.url()
print(evil.id)
"""


def run(kernel, code: str) -> list[str]:
    execution = kernel.run(code)
    assert execution.error is None, execution.error
    return execution.stdout.split()


@pytest.fixture
def dashboard(live_server: ServerProcess, module_kernel: KernelSession):
    """A dashboard of a Plotly figure and of an image, both called before: its record, and a link."""
    require_package("plotly")
    sightings, plants = run(module_kernel, DECLARE)
    assert live_server.fetch(f"figserve/live/f/{sightings}.png").json()["code"] == "html_only"
    assert live_server.fetch(f"figserve/live/f/{plants}.png").status == 200
    rows = [[{"kind": "live", "live": sightings, "alt": "By year"}], [{"kind": "live", "live": plants}]]
    record = post(live_server, "dashboards", {"name": "html", "title": "Sightings", "rows": rows})
    fields = {"lock": {"type": "Bear"}, "allow": ["since"]}
    return record, post(live_server, f"dashboards/{record['id']}/links", fields)


def wait_for_text(page, text: str, place: str = "1-1") -> None:
    """Wait until a panel's frame, and no other, shows a Plotly figure with this title."""
    frame = page.frame_locator(f"[data-place='{place}'] iframe.image-frame:not(.loading)")
    frame.locator(".gtitle", has_text=text).wait_for()
    assert page.locator(f"[data-place='{place}'] iframe:not(.loading)").count() == 1


@pytest.mark.nightly
def test_owner_controls_html_panels(page, live_server, dashboard):
    """Shared controls and a panel's own controls load new frames and images; the address has their values."""
    record, _ = dashboard
    log_in(page, live_server)
    open_dashboard(page, record["url"])
    wait_for_text(page, "Deer since 2010")
    frame = page.locator("[data-place='1-1'] iframe")
    assert (frame.get_attribute("sandbox"), frame.get_attribute("title")) == ("allow-scripts", "By year")
    page.fill("#p-since", "2004")
    wait_for_text(page, "Deer since 2004")
    page.wait_for_function("() => document.querySelector('[data-place=\"2-1\"] img').naturalHeight === 200")
    page.select_option("[name='1-1.type']", "Bear")
    wait_for_text(page, "Bear since 2004")
    assert page.url == f"{record['url']}?since=2004&1-1.type=Bear"
    open_dashboard(page, page.url)
    wait_for_text(page, "Bear since 2004")


def test_viewer_changes_what_the_link_allows(page, live_server, dashboard):
    """Locked parameters keep their values in the frame too, and requests for other values are refused."""
    _, link = dashboard
    open_dashboard(page, link["url"])
    wait_for_text(page, "Bear since 2010")
    page.fill("#p-since", "2004")
    wait_for_text(page, "Bear since 2004")
    assert page.locator("[name='1-1.type']").count() == 0
    check_phone(page)
    for query in ("type=Deer", "type=Deer&_frame=1"):
        refused = live_server.fetch(f"{link['url']}/1-1.html?{query}", anonymous=True)
        assert (refused.status, "type" in refused.json()["error"]) == (400, True)


def test_frame_ends_with_its_link(page, live_server, dashboard):
    """The frame's address is 404 when the link is revoked; the page says so and keeps its content."""
    _, link = dashboard
    open_dashboard(page, link["url"])
    wait_for_text(page, "Bear since 2010")
    address = page.locator("[data-place='1-1'] iframe").evaluate("frame => frame.src")
    headers = {"Sec-Fetch-Dest": "iframe"}
    assert live_server.fetch(address, anonymous=True, headers=headers).status == 200
    live_server.fetch(f"figserve/api/links/{link['id']}", method="DELETE")
    page.get_by_text("no longer shared").wait_for()
    assert live_server.fetch(address, anonymous=True, headers=headers).status == 404
    wait_for_text(page, "Bear since 2010")


@pytest.mark.parametrize("who", ["owner", "stranger"])
def test_first_state_without_javascript(chromium, live_server, dashboard, who):
    """The frame follows a redirect to the HTML of the address's values; submitting the form loads another."""
    record, link = dashboard
    with new_context(chromium.browser, java_script_enabled=False) as bare:
        page = bare.new_page()
        if who == "owner":
            log_in(page, live_server)
        open_idle(page, record["url"] if who == "owner" else link["url"])
        assert "/figserve/frame/" in page.frames[1].url
        assert f"{'Deer' if who == 'owner' else 'Bear'} since 2010" in page.frames[1].content()
        page.fill("#p-since", "2004")
        page.locator(".shared-controls .draw button").click()
        page.wait_for_url("**since=2004**")
        page.wait_for_load_state("networkidle")
        assert "since 2004" in page.frames[1].content()


@pytest.mark.nightly
def test_failure_without_javascript_is_on_the_page(chromium, dashboard):
    """The reason is in the panel, in place of a frame."""
    _, link = dashboard
    with new_context(chromium.browser, java_script_enabled=False) as bare:
        page = bare.new_page()
        page.goto(f"{link['url']}?since=2013")
        page.locator("[data-place='1-1'] .error").get_by_text("an unlucky year").wait_for()
        assert page.locator("[data-place='1-1'] iframe").count() == 0


@pytest.mark.nightly
def test_first_view_detects_html(page, live_server, dashboard):
    """The form of a function that was never called is found without a failed request; HTML is preferred to an image."""
    with live_server.kernel("first.ipynb") as kernel:
        (vega,) = run(kernel, ALTAIR)
        (plotly, _) = run(kernel, DECLARE.replace("def sightings", "def unseen").replace("sightings.", "unseen."))
        rows = [[{"kind": "live", "live": vega}, {"kind": "live", "live": plotly}]]
        record = post(live_server, "dashboards", {"name": "first", "title": "First", "rows": rows})
        link = post(live_server, f"dashboards/{record['id']}/links", {})
        open_dashboard(page, link["url"])
        frame = page.frame_locator("[data-place='1-1'] iframe.image-frame:not(.loading)")
        frame.locator("svg.marks, canvas.marks").wait_for()
        wait_for_text(page, "Deer since 2010", "1-2")


@pytest.mark.nightly
def test_failure_is_reported_above_the_last_frame(chromium, dashboard):
    """The message disappears with the next frame that renders."""
    _, link = dashboard
    page = chromium.new_page()
    open_dashboard(page, link["url"])
    wait_for_text(page, "Bear since 2010")
    page.fill("#p-since", "2013")
    page.wait_for_selector("[data-place='1-1'] .error:not([hidden])")
    assert "an unlucky year" in page.inner_text("[data-place='1-1'] .error")
    wait_for_text(page, "Bear since 2010")
    page.fill("#p-since", "2012")
    wait_for_text(page, "Bear since 2012")
    assert page.locator("[data-place='1-1'] .error").is_hidden()


@pytest.mark.parametrize(("width", "expected"), [(390, (358, 288)), (1280, (1216, 672))])
@pytest.mark.nightly
def test_layout_is_stable_when_the_frame_loads(page, dashboard, width, expected):
    """The frame fills the space that was reserved for it: the panel's width, in the shape of a published figure's."""
    _, link = dashboard
    page.set_viewport_size({"width": width, "height": 900})
    page.add_init_script(SHIFTS)
    open_dashboard(page, link["url"])
    wait_for_text(page, "Bear since 2010")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert sum(page.evaluate("shifts")) < 0.01
    box = page.locator("[data-place='1-1'] iframe").bounding_box()
    assert (box["width"], box["height"]) == pytest.approx(expected, abs=1)


def test_hostile_html_of_a_function_sends_no_requests(new_chromium, live_server, other_site):
    """On the dashboard, by link and embedded, it runs without requests, cookies, APIs and navigation."""
    guarded = Guarded(new_chromium, live_server, other_site)
    document = evil.html(other_site.origin, live_server.url)
    with live_server.kernel("evil.ipynb") as kernel:
        (evil_id,) = run(kernel, EVIL.replace("DOCUMENT", repr(document)))
        rows = [[{"kind": "live", "live": evil_id}]]
        assert live_server.fetch(f"figserve/live/f/{evil_id}.png").json()["code"] == "html_only"
        record = post(live_server, "dashboards", {"name": "evil", "title": "Evil", "rows": rows})
        link = post(live_server, f"dashboards/{record['id']}/links", {})
        for url in (record["url"], link["url"], f"{link['url']}/embed"):
            guarded.page.goto(url)
            guarded.page.wait_for_selector("iframe.image-frame:not(.loading)")
            guarded.page.wait_for_load_state("networkidle")
            # It ran, and was blocked when it tried to navigate.
            assert guarded.page.frames[1].url.startswith("chrome-error:")
            guarded.check(url)
        for url in (f"{link['url']}/1-1.html", f"{live_server.url}figserve/live/f/{evil_id}.html"):
            open_idle(guarded.page, url)
            assert guarded.page.locator("#plot").inner_text() == "not drawn"
            guarded.check(url)
