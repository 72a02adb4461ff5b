"""Live functions that return HTML (Plotly, Altair) in Chromium: in a sandboxed frame, driven by controls."""

from __future__ import annotations

import pytest

from .conftest import check_phone, log_in, open_idle

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

DECLARE = """
import jupyter_figserve as figserve
from matplotlib.figure import Figure
calls = []
class Interactive:
    def __init__(self, text): self.text = text
    def _repr_html_(self):
        return f"<!doctype html><title>x</title><p id=result></p><script>result.textContent='{self.text}'</script>"
@figserve.live
def html_NUMBER(year: int = 2010, plain: bool = False) -> Figure:
    "Words by year."
    calls.append(year)
    if year == 2013:
        raise ValueError("an unlucky year")
    return Figure(figsize=(2, 2)) if plain else Interactive(f"year {year}")
print(html_NUMBER.url())
print(html_NUMBER.share(allow=["year"]).url)
"""
ALTAIR = """
import altair, jupyter_figserve as figserve
@figserve.live
def vega(n: int = 3):
    return altair.Chart(altair.Data(values=[{"x": x} for x in range(n)])).mark_point().encode(x="x:Q")
print(vega.url())
"""


@pytest.fixture
def opened(module_kernel, request):
    """The test's own live figure: its kernel, its page, a shared link."""
    execution = module_kernel.run(DECLARE.replace("NUMBER", request.node.name))
    assert execution.error is None, execution.error
    url, link = execution.stdout.split()
    return module_kernel, url, link


def wait_for_text(page, text: str) -> None:
    page.frame_locator("iframe.image-frame:not(.loading)").get_by_text(text).wait_for()


@pytest.mark.nightly
def test_html_is_displayed_and_updated(page, live_server, opened):
    """The first view detects HTML; its script runs only in the frame; a control replaces the frame."""
    _, url, _ = opened
    log_in(page, live_server)
    page.goto(url)
    wait_for_text(page, "year 2010")
    assert page.get_attribute("iframe.image-frame", "sandbox") == "allow-scripts"
    assert page.get_attribute("iframe.image-frame", "title") == "Words by year."
    page.fill("#p-year", "2011")
    wait_for_text(page, "year 2011")
    assert page.url == f"{url}?year=2011"
    assert page.locator("iframe.image-frame").count() == 1
    open_idle(page, page.url)
    wait_for_text(page, "year 2011")
    assert page.locator("a[data-suffix=html]").get_attribute("href").endswith(".html?year=2011")
    check_phone(page)


@pytest.mark.nightly
def test_function_may_return_image_or_html(chromium, live_server, opened):
    """An image replaces the frame and the other way round; an error is shown above the last content."""
    _, url, _ = opened
    page = chromium.new_page()
    log_in(page, live_server)
    page.goto(url)
    wait_for_text(page, "year 2010")
    page.check("#p-plain")
    page.wait_for_selector(".frame img.figure-image")
    assert page.locator("iframe").count() == 0
    page.uncheck("#p-plain")
    wait_for_text(page, "year 2010")
    page.fill("#p-year", "2013")
    page.wait_for_selector(".error:not([hidden])")
    assert "an unlucky year" in page.inner_text(".error")
    wait_for_text(page, "year 2010")


def test_html_without_javascript(open_context, live_server, opened):
    """The first page and that of the submitted form have a frame, which renders by itself."""
    _, url, _ = opened
    page = open_context(java_script_enabled=False).new_page()
    log_in(page, live_server)
    open_idle(page, url)
    page.wait_for_selector("iframe.image-frame")
    page.fill("#p-year", "2012")
    with page.expect_navigation(wait_until="networkidle"):
        page.click(".draw")
    page.wait_for_selector("iframe.image-frame")
    assert "/figserve/frame/" in page.frames[1].url
    assert "year 2012" in page.frames[1].content()


def test_viewer_sees_html(page, opened):
    """A link shows the same from the first view, without a failed request, although the annotation is wrong."""
    _, _, link = opened
    page.goto(link)
    wait_for_text(page, "year 2010")
    page.fill("#p-year", "2004")
    wait_for_text(page, "year 2004")


def test_html_is_preferred_to_an_image(page, live_server):
    """An Altair chart, which also has a PNG, is shown as a chart, also on the first view."""
    with live_server.kernel("vega.ipynb") as kernel:
        execution = kernel.run(ALTAIR)
        assert execution.error is None, execution.error
        log_in(page, live_server)
        page.goto(execution.stdout.strip())
        page.frame_locator("iframe.image-frame:not(.loading)").locator("svg.marks, canvas.marks").wait_for()
