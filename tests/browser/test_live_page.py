"""A live figure's page in Chromium: controls, the address, states; with and without JavaScript; own and shared."""

from __future__ import annotations

import pytest

from .conftest import check_contrast, check_phone, log_in, open_idle, tab_stops

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

DECLARE = """
import threading
import jupyter_figserve as figserve
from matplotlib.figure import Figure
from typing import Annotated, Literal
calls, go = [], threading.Event()
@figserve.live
def animal(type: Literal["Bear", "Deer"] = "Deer", since: Annotated[int, figserve.Range(2000, 2020)] = 2010,
           log: bool = False, x: list[float] = [1, 2, 3], wait: bool = False):
    "Animal sightings by year."
    calls.append((type, since, log, x))
    if wait:
        go.wait(30)
    if since == 2013:
        raise ValueError("an unlucky year")
    fig = Figure(figsize=(2 + (type == "Bear"), 2))
    fig.subplots().plot(x)
    return fig
print(animal.url())
print(animal.share(lock={"type": "Bear"}, allow=["since"]).url)
"""
WIDTH = "document.querySelector('.frame img')?.naturalWidth"


@pytest.fixture
def opened(module_kernel):
    """A live figure that was declared just now: its kernel, its page, a shared link."""
    execution = module_kernel.run(DECLARE)
    assert execution.error is None, execution.error
    url, link = execution.stdout.split()
    return module_kernel, url, link


def wait_for_query(page, query: str) -> None:
    page.wait_for_function("query => document.querySelector('.live').dataset.rendered === query", arg=query)


def test_controls_render_and_update_the_url(page, live_server, opened):
    """Each control renders again; the address has the values that differ from the defaults."""
    kernel, url, _ = opened
    log_in(page, live_server)
    open_idle(page, url)
    assert page.title() == "animal"
    assert page.evaluate(WIDTH) == 200
    page.select_option("#p-type", "Bear")
    wait_for_query(page, "type=Bear")
    assert page.evaluate(WIDTH) == 300
    assert page.url == f"{url}?type=Bear"
    page.check("#p-log")
    wait_for_query(page, "type=Bear&log=true")
    page.fill("#p-x", "3,2,1")
    wait_for_query(page, "type=Bear&log=true&x=3,2,1")
    page.select_option("#p-type", "Deer")
    wait_for_query(page, "log=true&x=3,2,1")
    open_idle(page, page.url)
    assert page.is_checked("#p-log")
    assert page.input_value("#p-x") == "3,2,1"
    assert kernel.run("print(calls[-1])").stdout.strip() == "('Deer', 2010, True, [3.0, 2.0, 1.0])"


def test_hidpi_image(open_context, live_server, opened):
    """In the same size, with twice the pixels: the first image, after a change, and at once when it is cached."""
    _, url, _ = opened
    page = open_context(device_scale_factor=2).new_page()
    log_in(page, live_server)
    state = "image => [image.currentSrc.includes('_density=2'), image.naturalWidth, image.clientWidth].join()"
    # Values that were not rendered before.
    open_idle(page, f"{url}?x=9,8")
    page.wait_for_function("() => document.querySelector('.frame img')?.naturalWidth === 400")
    assert page.eval_on_selector(".frame img", "image => image.clientWidth") == 200
    page.select_option("#p-type", "Bear")
    wait_for_query(page, "type=Bear&x=9,8")
    assert page.eval_on_selector(".frame img", "image => [image.naturalWidth, image.clientWidth]") == [600, 300]
    open_idle(page, f"{url}?x=9,8")
    # The page's srcset declares the density, so the natural size is in CSS pixels.
    assert page.eval_on_selector(".frame img", state) == "true,200,200"


def test_latest_change_wins(page, live_server, opened):
    """A slider that is dragged ends at its last value, with fewer calls than steps."""
    kernel, url, _ = opened
    log_in(page, live_server)
    open_idle(page, url)
    kernel.run("calls.clear()")
    slider = page.locator("input[type=range]")
    slider.focus()
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    wait_for_query(page, "since=2002")
    assert page.input_value("#p-since") == "2002"
    calls = int(kernel.run("print(len(calls))").stdout)
    assert calls <= 8
    assert "2002" in kernel.run("print(calls[-1])").stdout


def test_failure_keeps_the_last_image(chromium, live_server, opened):
    """The owner sees the message as an alert with its traceback, until the next image renders."""
    _, url, _ = opened
    page = chromium.new_page()
    log_in(page, live_server)
    open_idle(page, url)
    before = page.locator(".figure-image").bounding_box()
    page.fill("#p-since", "2013")
    page.wait_for_selector(".error:not([hidden])")
    assert page.locator(".figure-image").bounding_box() == before, "the image has moved"
    assert "ValueError: an unlucky year" in page.inner_text(".error")
    assert page.locator(".error summary").inner_text() == "Traceback"
    assert page.evaluate(WIDTH) == 200
    page.fill("#p-since", "1")
    page.locator("#p-since-error").wait_for()
    assert page.is_hidden(".error")
    assert page.get_attribute("#p-since", "aria-invalid") == "true"
    page.fill("#p-since", "2012")
    wait_for_query(page, "since=2012")
    assert page.is_hidden(".error")
    assert page.locator(".field-error").count() == 0


def test_busy_is_visible(page, live_server, opened):
    """While the kernel renders, the page says so, also to screen readers."""
    kernel, url, _ = opened
    log_in(page, live_server)
    open_idle(page, url)
    page.check("#p-wait")
    page.wait_for_selector(".live[aria-busy=true]")
    assert page.inner_text(".state") == "Drawing …"
    kernel.run("go.set()")
    wait_for_query(page, "wait=true")
    page.wait_for_selector(".live:not([aria-busy])")
    assert page.inner_text(".state") == ""


def test_stale_image_is_marked_and_redefinition_is_announced(chromium, live_server, opened):
    """When the kernel restarts, the last image stays, marked stale; a cell with other parameters changes the page."""
    kernel, url, _ = opened
    page = chromium.new_page()
    log_in(page, live_server)
    open_idle(page, url)
    response = live_server.fetch(f"api/kernels/{kernel.kernel_id}/restart", method="POST", body={})
    assert response.status == 200
    page.wait_for_selector(".live[data-state=stale]")
    wide = page.viewport_size
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.locator(".live .state").first.evaluate("element => element.scrollWidth <= element.clientWidth")
    page.set_viewport_size(wide)
    assert "the kernel is busy or not running" in page.inner_text(".state")
    assert page.evaluate(WIDTH) == 200
    kernel.disconnect()
    kernel.connect()
    code = DECLARE.replace("log: bool = False", "logarithmic: bool = False").replace("log, x))", "logarithmic, x))")
    assert kernel.run(code).error is None
    page.wait_for_selector(".live:not([data-state=stale])")
    open_idle(page, url)
    assert page.is_visible("#p-logarithmic")


def test_page_works_as_a_plain_form(open_context, live_server, opened):
    """Without JavaScript the form is submitted, with unticked boxes, and the page shows the image."""
    kernel, url, _ = opened
    page = open_context(java_script_enabled=False).new_page()
    log_in(page, live_server)
    open_idle(page, url)
    page.select_option("#p-type", "Bear")
    page.fill("#p-since", "2005")
    with page.expect_navigation(wait_until="networkidle"):
        page.click(".draw")
    assert "type=Bear" in page.url
    assert page.input_value("#p-since") == "2005"
    assert kernel.run("print(calls[-1])").stdout.strip() == "('Bear', 2005, False, [1.0, 2.0, 3.0])"


def test_viewer_changes_allowed_parameters(page, opened):
    """A shared page has only the allowed control; locked parameters keep their values."""
    kernel, _, link = opened
    open_idle(page, link)
    assert page.eval_on_selector_all(".controls [name]", "all => all.map(one => one.name)") == ["since"]
    assert page.evaluate(WIDTH) == 300
    page.fill("#p-since", "2004")
    wait_for_query(page, "since=2004")
    assert page.url == f"{link}?since=2004"
    assert kernel.run("print(calls[-1])").stdout.strip() == "('Bear', 2004, False, [1.0, 2.0, 3.0])"


def test_phone_keyboard_and_contrast(page, live_server, opened):
    """No overflow at 375 pixels, Tab reaches every control, and text is readable in both colour schemes."""
    _, url, _ = opened
    log_in(page, live_server)
    open_idle(page, url)
    stops = " ".join(tab_stops(page))
    for name in ("p-type", "p-since", "p-log", "p-x"):
        assert name in stops
    check_contrast(page, "h1", ".control label", ".meta")
    check_phone(page)
