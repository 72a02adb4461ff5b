"""A dashboard's page in Chromium: controls, live updates, phone, dark theme, print, and without JavaScript."""

from __future__ import annotations

import pytest

from jupyter_figserve.demo.kernel_session import KernelSession
from jupyter_figserve.demo.server_process import ServerProcess
from tests.security.actors import make_png, publish
from tests.waiting import wait_until

from .conftest import check_contrast, check_phone, log_in, new_context, tab_stops

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

DECLARE = """
import jupyter_figserve as figserve
from matplotlib.figure import Figure
from typing import Annotated, Literal
@figserve.live
def animal(type: Literal["Bear", "Deer"] = "Deer", since: Annotated[int, figserve.Range(2000, 2020)] = 2010):
    "Animal sightings by year."
    if since == 2013:
        raise ValueError("an unlucky year")
    return Figure(figsize=(2 + (type == "Bear"), 2 + (since == 2004)))
@figserve.live
def plants(since: Annotated[int, figserve.Range(2000, 2020)] = 2010):
    return Figure(figsize=(1, 1 + (since == 2004)))
animal.url(), plants.url()
print(animal.id, plants.id)
"""
NOTES = "## Notes\n\nBears are seen in **July**."
SIZES = "[...document.querySelectorAll('img.figure-image')].map(i => [i.naturalWidth, i.naturalHeight].join('x'))"


def post(server: ServerProcess, path: str, body: dict) -> dict:
    response = server.fetch(f"figserve/api/{path}", method="POST", body=body)
    assert response.status == 201, response.text
    return response.json()


def wait_for_sizes(page, *sizes: str) -> None:
    """Wait until the images have these sizes in pixels, in this order."""
    page.wait_for_function(
        f"expected => JSON.stringify({SIZES}) === expected", arg=str(list(sizes)).replace("'", '"').replace(" ", "")
    )


def open_dashboard(page, url: str) -> None:
    """Open a dashboard's page, and return when its event stream is open."""
    page.goto(url)
    page.wait_for_function("() => document.querySelector('.dashboard').dataset.stream === 'open'")


@pytest.fixture
def dashboard(live_server: ServerProcess, module_kernel: KernelSession):
    """A dashboard of a figure, text and two live figures: its record, and a link that allows `since`."""
    execution = module_kernel.run(DECLARE)
    assert execution.error is None, execution.error
    animal, plants = execution.stdout.split()
    figure = publish(live_server, make_png(50, 40), name="sales", alt="Sales by month")
    rows = [
        [
            {"kind": "figure", "figure": figure["id"], "share": 2, "caption": "Sales"},
            {"kind": "text", "markdown": NOTES},
        ],
        [{"kind": "live", "live": animal}, {"kind": "live", "live": plants}],
    ]
    record = post(live_server, "dashboards", {"name": "dashboard", "title": "Sightings", "rows": rows})
    link = post(live_server, f"dashboards/{record['id']}/links", {"allow": ["since"]})
    return record, link


def test_controls_render_their_panels_and_update_the_url(page, live_server, dashboard):
    """A shared control drives both panels, a panel's own control only that panel; the address has their values."""
    record, _ = dashboard
    log_in(page, live_server)
    open_dashboard(page, record["url"])
    wait_for_sizes(page, "50x40", "200x200", "100x100")
    page.fill("#p-since", "2004")
    wait_for_sizes(page, "50x40", "200x300", "100x200")
    page.select_option("[name='2-1.type']", "Bear")
    wait_for_sizes(page, "50x40", "300x300", "100x200")
    assert page.url == f"{record['url']}?since=2004&2-1.type=Bear"
    open_dashboard(page, page.url)
    wait_for_sizes(page, "50x40", "300x300", "100x200")
    assert page.input_value("#p-since") == "2004"


def test_new_image_appears_without_reload(page, live_server, dashboard):
    """On the open page of a link, in place, without a reload."""
    _, link = dashboard
    open_dashboard(page, link["url"])
    wait_for_sizes(page, "50x40", "200x200", "100x100")
    page.evaluate("window.stayed = true")
    publish(live_server, make_png(60, 30), name="sales", alt="Sales, corrected")
    wait_for_sizes(page, "60x30", "200x200", "100x100")
    assert page.evaluate("window.stayed")
    assert page.get_attribute("[data-place='1-1'] img", "alt") == "Sales, corrected"
    publish(live_server, make_png(50, 40), name="sales", alt="Sales by month")


def test_failing_panel_has_a_message_and_the_others_stay(chromium, live_server, dashboard):
    """The panel shows its error, which disappears with the next image."""
    _, link = dashboard
    page = chromium.new_page()
    open_dashboard(page, link["url"])
    page.fill("#p-since", "2013")
    page.wait_for_selector("[data-place='2-1'] .error:not([hidden])")
    assert "an unlucky year" in page.inner_text("[data-place='2-1'] .error")
    assert page.locator("[data-place='2-2'] .error").is_hidden()
    page.fill("#p-since", "2004")
    wait_for_sizes(page, "50x40", "200x300", "100x200")
    assert page.locator("[data-place='2-1'] .error").is_hidden()


def test_viewer_changes_allowed_parameters_by_keyboard_on_a_phone(page, dashboard):
    """Nothing overflows, Tab reaches the control, and text is readable in both colour schemes."""
    _, link = dashboard
    open_dashboard(page, link["url"])
    assert page.eval_on_selector_all(".controls [name]", "all => all.map(one => one.name)") == ["since"]
    assert "p-since" in " ".join(tab_stops(page))
    check_contrast(page, "h1", ".control label", ".meta", "figcaption", ".prose p")
    wait_for_sizes(page, "50x40", "200x200", "100x100")
    check_phone(page)
    boxes = [page.locator(f"[data-place='{place}']").bounding_box() for place in ("1-1", "1-2", "2-1", "2-2")]
    assert [box["y"] for box in boxes] == sorted({box["y"] for box in boxes})


def test_closed_link_is_reported(page, live_server, dashboard):
    """An open page says that its link was closed, and keeps its content."""
    _, link = dashboard
    open_dashboard(page, link["url"])
    # Later requests of the page would be refused, as intended.
    page.wait_for_function("() => [...document.querySelectorAll('.panel.live')].every(one => one.dataset.form)")
    live_server.fetch(f"figserve/api/links/{link['id']}", method="DELETE")
    page.get_by_text("no longer shared").wait_for()


def test_works_without_javascript(chromium, dashboard):
    """Submitting the form shows the images of its values."""
    _, link = dashboard
    page = chromium.new_page()
    page.route("**/dashboard.js", lambda route: route.abort())
    page.goto(link["url"])
    page.fill("#p-since", "2004")
    page.locator(".shared-controls .draw button").click()
    page.wait_for_url("**since=2004**")
    page.locator("[data-place='2-1']").scroll_into_view_if_needed()
    wait_for_sizes(page, "50x40", "200x300", "100x200")
    assert page.input_value("#p-since") == "2004"


SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((one) => one.value)))
  .observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.nightly
def test_layout_is_stable_when_the_script_loads(page, dashboard, width):
    """Sliders fill the space that was reserved for them, and the script hides no visible button."""
    _, link = dashboard
    page.set_viewport_size({"width": width, "height": 900})
    page.add_init_script(SHIFTS)
    for _ in range(2):  # the size of a live image is known after its first render
        open_dashboard(page, link["url"])
        wait_for_sizes(page, "50x40", "200x200", "100x100")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert sum(page.evaluate("shifts")) < 0.01  # the Web Vitals call up to 0.1 good


def test_failing_panel_without_javascript_names_the_reason(chromium, dashboard):
    """The page that the browser goes on to makes the calls, and has the reason in place of the image."""
    _, link = dashboard
    with new_context(chromium.browser, java_script_enabled=False) as bare:
        page = bare.new_page()
        page.goto(f"{link['url']}?since=2013")
        page.locator("[data-place='2-1']").get_by_text("an unlucky year").wait_for()


@pytest.mark.nightly
def test_prints_and_keeps_its_theme(page, live_server, dashboard):
    """On paper, controls are their values in text; a dark theme is dark for all readers, and white on paper."""
    text = [[{"kind": "text", "markdown": NOTES}]]
    dark = post(live_server, "dashboards", {"name": "dark", "title": "Dark", "rows": text, "theme": "dark"})
    _, link = dashboard
    open_dashboard(page, f"{link['url']}?since=2004")
    page.emulate_media(media="print")
    assert page.input_value("#p-since") == "2004"
    assert page.locator("#p-since").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('#p-since')).borderTopWidth") == "0px"
    assert page.locator("#controls :is(button, [type=range], .meta):visible").count() == 0
    url = post(live_server, f"dashboards/{dark['id']}/links", {})["url"]
    page.emulate_media(media="screen", color_scheme="light")
    open_dashboard(page, url)
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(21, 23, 26)"
    page.emulate_media(media="print")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_gallery_links_to_dashboards(page, live_server, dashboard):
    """The gallery lists dashboards above figures; it adds new ones and removes deleted ones without a reload."""
    record, _ = dashboard
    log_in(page, live_server)
    with page.expect_response("**/api/events"):
        page.goto(f"{live_server.url}figserve/")
    assert page.locator(f"[data-dashboard='{record['id']}'] a").inner_text() == "Sightings"
    text = [[{"kind": "text", "markdown": NOTES}]]
    other = post(live_server, "dashboards", {"name": "other", "title": "Another one", "rows": text})
    page.get_by_role("link", name="Another one").wait_for()
    live_server.fetch(f"figserve/api/dashboards/{other['id']}", method="DELETE")
    wait_until(lambda: page.get_by_role("link", name="Another one").count() == 0)
