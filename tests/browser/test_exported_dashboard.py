"""Saved dashboards, opened from disk and from a static host."""

from __future__ import annotations

import functools
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from jupyter_figserve.kernel.dashboard import Dashboard
from tests.conftest import require_package
from tests.kernel.export import example_dashboard as example
from tests.security import evil

from .conftest import check_contrast, check_phone, tab_stops

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return example.dashboard().save(tmp_path_factory.mktemp("saved") / "dashboard.html")


def opened(page, address: str) -> list[str]:
    """Open an address; return the list of all requested URLs except data URLs."""
    asked: list[str] = []
    page.on("request", lambda request: None if request.url.startswith("data:") else asked.append(request.url))
    page.goto(address)
    page.wait_for_function("() => [...document.images].every(image => image.complete && image.naturalWidth > 0)")
    return asked


def image_size(page, place: str) -> tuple[int, int]:
    """Return the size of a panel's image, in inches."""
    sides = page.evaluate(
        "async place => { const i = document.querySelector(`#panel-${place} img`);"
        " await i.decode(); return [i.naturalWidth, i.naturalHeight]; }",
        place,
    )
    return tuple(round(side / 96) for side in sides)


def test_controls_work_from_disk(page, path):
    """By mouse and keyboard, a shared control drives both panels and a panel's own only that one, without requests."""
    asked = opened(page, path.as_uri())
    assert image_size(page, "1-1") == (3, 3)
    page.get_by_label("Type").select_option("Wolf")
    assert image_size(page, "1-1") == (4, 3)
    assert image_size(page, "1-2") == (5, 3)
    slider = page.get_by_role("slider", name="Since")
    slider.focus()
    page.keyboard.press("End")
    assert (image_size(page, "1-1"), image_size(page, "1-2")) == ((4, 6), (5, 6))
    assert slider.get_attribute("aria-valuetext") == "6"
    box = slider.bounding_box()
    page.mouse.click(box["x"] + 3, box["y"] + box["height"] / 2)
    assert (image_size(page, "1-1"), image_size(page, "1-2")) == ((4, 2), (5, 2))
    assert asked == [path.as_uri()]


def test_fragment_keeps_the_controls(page, path):
    """The address restores the controls; parameters that no control has are ignored."""
    opened(page, path.as_uri())
    page.get_by_label("Type").select_option("Wolf")
    page.get_by_role("slider", name="Since").focus()
    page.keyboard.press("End")
    page.wait_for_url("**#*since=6*")
    address = page.url
    page.goto("about:blank")
    opened(page, address)
    assert (image_size(page, "1-1"), image_size(page, "1-2")) == ((4, 6), (5, 6))
    assert page.get_by_role("slider", name="Since").get_attribute("aria-valuetext") == "6"
    page.evaluate("location.hash = '#since=<b>&month=3&1-1.type=@99'")
    page.wait_for_function("() => document.querySelector('output').value !== '6'")
    assert image_size(page, "1-1") == (3, 3)


def test_failing_state_has_a_message(page, path):
    """Its message replaces the image, as text; the next state shows its image again."""
    opened(page, path.as_uri())
    page.get_by_label("Type").select_option("Wolf")
    page.get_by_label("Log").check()
    fault = page.locator("#panel-1-1 .error")
    assert "no wolves <script>" in fault.inner_text()
    assert not page.locator("#panel-1-1 img").is_visible()
    assert page.locator("#panel-1-2 img").is_visible()
    page.get_by_label("Type").select_option("Bear")
    assert not fault.is_visible()
    assert image_size(page, "1-1") == (2, 3)


def test_markup_stays_text(page, path):
    """In title, caption, alt text, Markdown and messages, and nothing of it runs."""
    opened(page, path.as_uri())
    assert page.title() == f"Sightings {example.SCRIPT}"
    assert page.get_by_role("heading", level=1).inner_text() == page.title()
    assert page.locator("#panel-1-1 img").get_attribute("alt") == f'Animals" {example.SCRIPT}'
    page.get_by_label("Type").select_option("Bear")
    assert page.locator("#panel-1-1 img").get_attribute("alt") == f'Animals" {example.SCRIPT}'
    assert page.locator("section.text img").count() == 0


def test_phone_and_dark_theme(page, path):
    """Nothing is cut off, text is readable in both colour schemes, and the Tab key reaches every control."""
    opened(page, path.as_uri())
    assert [stop.partition(" ")[0] for stop in tab_stops(page)] == ["INPUT", "SELECT", "INPUT"]
    check_phone(page)
    check_contrast(page, "h1", "figcaption", ".control label", "output", ".notes p", "section.text p")


def test_theme_of_the_dashboard(page, tmp_path):
    """A dark dashboard is dark for a reader who prefers light."""
    opened(page, Dashboard("Dark", ["Words"], theme="dark").save(tmp_path / "dark.html").as_uri())
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 26)"


def test_print_style(page, path):
    """Controls are replaced by their values in text."""
    opened(page, path.as_uri())
    page.get_by_label("Type").select_option("Wolf")
    page.emulate_media(media="print")
    assert not page.get_by_label("Type").is_visible()
    assert "Type: Wolf" in page.locator("#panel-1-1 .values").inner_text()


def test_nearest_state_is_noted(page, tmp_path):
    """For a state that was not rendered, the page shows the nearest one and says which; the default always exists."""
    opened(page, example.dashboard().save(tmp_path / "few.html", max_states=3).as_uri())
    assert image_size(page, "1-2") == (5, 3)
    page.get_by_role("slider", name="Since").focus()
    page.keyboard.press("ArrowRight")
    state = page.locator("#panel-1-2 .state")
    assert state.inner_text() == "Since: showing 3, the nearest to 4 in this file."
    assert image_size(page, "1-2") == (5, 3)
    page.keyboard.press("End")
    assert image_size(page, "1-2") == (5, 6)
    assert state.inner_text() == ""


def test_without_javascript(chromium, path):
    """The page shows the default state with its values in text, and no controls."""
    page = chromium.new_page()
    policy = {"Content-Security-Policy": "script-src 'none'"}
    page.route(path.as_uri(), lambda route: route.fulfill(path=path, content_type="text/html", headers=policy))
    page.goto(path.as_uri())
    assert page.locator("main.scripted").count() == 0
    assert page.locator("#panel-1-1 img").is_visible()
    assert not page.get_by_label("Type").is_visible()
    assert "Type: Deer" in page.locator("#panel-1-1 .values").inner_text()


def test_interactive_figure_runs_in_its_frame(page, tmp_path):
    """Plotly runs from disk, in a frame without an origin and not in the page itself."""
    plotly = require_package("plotly.graph_objects")
    dashboard = Dashboard("Interactive", [plotly.Figure(plotly.Scatter(y=[1, 3, 2]))]).save(tmp_path / "dashboard.html")
    asked = opened(page, dashboard.as_uri())
    page.frame_locator("iframe").locator(".scatterlayer .trace").wait_for(state="attached")
    assert page.frames[1].evaluate("self.origin") == "null"
    assert page.evaluate("typeof Plotly") == "undefined"
    assert asked == [dashboard.as_uri()]


class _Connecting:
    """A figure that opens connections, also in a frame that it makes from its own scripts."""

    def __init__(self, origin: str) -> None:
        self.page = evil.connecting_html(origin)

    def _repr_html_(self) -> str:
        nested = (
            "if (parent === top) { const inner = document.createElement('iframe');"
            " inner.srcdoc = document.documentElement.outerHTML; document.documentElement.append(inner); }"
        )
        return f"{self.page}<script>{nested}</script>"


def test_kind_C1_html_opens_no_connection(chromium, tmp_path, other_site):
    """From disk, a hostile figure's scripts reach nothing by WebRTC, nor do those of a frame inside it."""
    path = Dashboard("Hostile", [_Connecting(other_site.origin)]).save(tmp_path / "dashboard.html")
    page = chromium.new_page()
    page.goto(path.as_uri())
    frame = page.frame_locator("iframe")
    frame.get_by_text("refused").wait_for()
    frame.frame_locator("iframe").get_by_text("refused").wait_for()
    assert other_site.packets == 0


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """A test prints nothing of its own."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A directory with the unpacked archive in "sub folder"."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(example.dashboard().save(folder / "dashboard.zip")) as file:
        file.extractall(folder / "sub folder")
    return folder


@pytest.fixture
def host(folder) -> Iterator[str]:
    """The URL at which a static file server serves the directory."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("is_served", [True, False], ids=["served", "from disk"])
def test_the_folder(page, folder, host, is_served):
    """Unpacked on a static host or on disk, the page loads images only from its own folder."""
    base = f"{host}sub%20folder/" if is_served else f"{(folder / 'sub folder').as_uri()}/"
    # The page names no icon, so browsers may request the host's favicon.
    page.route("**/favicon.ico", lambda route: route.fulfill(body=b""))
    asked = opened(page, f"{base}index.html")
    page.get_by_label("Type").select_option("Bear")
    page.get_by_role("slider", name="Since").press("End")
    assert image_size(page, "1-1") == (2, 6)
    assert all(url.startswith(base) or url.endswith("favicon.ico") for url in asked)
