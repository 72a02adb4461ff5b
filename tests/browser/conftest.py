"""Fixtures of the browser tests: Chromium, pages that fail on console errors, accessibility checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from jupyter_figserve.demo.kernel_session import KernelSession
from jupyter_figserve.demo.server_process import ServerProcess
from tests.conftest import launch_chromium, playwright_session
from tests.security.actors import Listener, listening, publish, share
from tests.waiting import PATIENCE

from .lab import PLACES, application_server, ending_sessions


@pytest.fixture(scope="package")
def playwright() -> Iterator:
    """Playwright, for this folder only: its event loop excludes others in the same thread."""
    with playwright_session() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def chromium_process(playwright) -> Iterator:
    """One Chromium for all tests of this folder. The pages of a context share a process, which starts once."""
    with launch_chromium(playwright, "--renderer-process-limit=1") as browser:
        yield browser


@pytest.fixture(scope="package")
def returning_context(chromium_process) -> Iterator:
    """A context whose process stays, since it has an empty page: a new process costs each test 0.2 s of CPU time."""
    with new_context(chromium_process) as context:
        context.new_page()
        yield context


@pytest.fixture
def chromium(chromium_process, returning_context) -> Iterator:
    """A Chromium context without cookies and permissions, and with the static files that tests before have loaded.

    Its pages are closed after the test, with any other context that the test opens.
    """
    context, contexts = returning_context, chromium_process.contexts
    pages = context.pages
    yield context
    for other in chromium_process.contexts:
        if other not in contexts:
            other.close()
    for page in context.pages:
        if page not in pages:
            page.close()
    context.clear_cookies()
    context.clear_permissions()


@pytest.fixture
def new_chromium(chromium_process) -> Iterator:
    """A Chromium context with an empty profile."""
    with new_context(chromium_process) as context:
        yield context


@pytest.fixture
def open_context(chromium_process) -> Iterator:
    """``open_context(device_scale_factor=2)`` returns a context of its own, which is closed after the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(new_context(chromium_process, **options))


@contextmanager
def new_context(browser, **options) -> Iterator:
    """A context with an empty profile, and the patience of the tests."""
    with browser.new_context(**options) as context:
        context.set_default_timeout(1_000 * PATIENCE)
        yield context


@pytest.fixture(scope="package")
def lab_server() -> Iterator[ServerProcess]:
    """One JupyterLab for the tests of all modules."""
    with application_server(*PLACES[0]) as server:
        yield server


@pytest.fixture
def lab(lab_server: ServerProcess) -> Iterator[ServerProcess]:
    """The server of JupyterLab; the test's kernels end with the test."""
    with ending_sessions(lab_server) as server:
        yield server


@pytest.fixture(scope="package")
def lab_context(chromium_process) -> Iterator:
    """A context for JupyterLab, which loads a fifth faster when its files are in the browser's cache."""
    with new_context(chromium_process, viewport={"width": 1280, "height": 1000}) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.new_page()
        yield context


@pytest.fixture
def lab_page(lab_context) -> Iterator:
    """A page for JupyterLab. Errors in its console are ignored: JupyterLab logs its own."""
    with lab_context.new_page() as page:
        yield page


@pytest.fixture(scope="module")
def module_kernel(live_server: ServerProcess) -> Iterator[KernelSession]:
    """One kernel for the tests of a module, each of which declares its live figures again."""
    with live_server.kernel("live.ipynb") as kernel:
        yield kernel


@pytest.fixture
def other_site() -> Iterator[Listener]:
    """Another site, on another port of loopback."""
    with listening() as listener:
        yield listener


@pytest.fixture(scope="module")
def figure_png() -> bytes:
    """PNG of a real figure, 1200 × 675 pixels."""
    from io import BytesIO

    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([190, 260, 40], [9, 16, 6])
    axes.set(title="Sightings", xlabel="day")
    buffer = BytesIO()
    figure.savefig(buffer, dpi=150)
    return buffer.getvalue()


@dataclass(frozen=True)
class SharedFigure:
    """A figure with a link, and its title and alt text."""

    record: dict
    link: dict
    title: str = "Animal sightings, by day of the year"
    alt: str = "Bears are seen in July, deer in September and wolves in February."
    caption: str = "Counts of rangers, 2010 to 2024."


@pytest.fixture(scope="module")
def shared_figure(live_server: ServerProcess, figure_png: bytes) -> SharedFigure:
    texts = {name: getattr(SharedFigure, name) for name in ("title", "alt", "caption")}
    record = publish(live_server, figure_png, name="sightings", **texts)
    return SharedFigure(record, share(live_server, record, label="for the meeting"))


@dataclass
class ErrorLog:
    """A record of all errors on a page: of its console, scripts and requests."""

    errors: list[str] = field(default_factory=list)

    def attach(self, page):
        page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("requestfailed", self._record_failure)
        page.on("response", lambda r: self.errors.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        return page

    def _record_failure(self, request) -> None:
        if request.failure != "net::ERR_ABORTED":  # navigation cancelled the request
            self.errors.append(f"{request.failure}: {request.url}")


@pytest.fixture
def page(chromium) -> Iterator:
    """A page on which any error fails the test."""
    log = ErrorLog()
    page = log.attach(chromium.new_page())
    yield page
    assert log.errors == []


LOGINS: dict[str, list] = {}
"""Cookies of one login by the token of each server."""


def open_login(page, server: ServerProcess) -> None:
    """Log in as by the address in the server's log; the cookies are the server's own, to their last attribute."""
    page.goto(f"{server.url}login?token={server.token}")


def log_in(page, server: ServerProcess) -> None:
    """Log the page's context in with the cookies of the first login to this server, which saves a navigation."""
    if server.token not in LOGINS:
        open_login(page, server)
        LOGINS[server.token] = page.context.cookies(server.url)
    page.context.add_cookies(LOGINS[server.token])


WIDTH = "document.querySelector('img').naturalWidth"


def open_page(page, url: str) -> None:
    """Open a page, and return when it has loaded with its images, frames and scripts."""
    page.goto(url)


def open_idle(page, url: str) -> None:
    """Open a page whose scripts send requests, and return when they have sent none for half a second."""
    page.goto(url)
    page.wait_for_load_state("networkidle")


def open_own(page, server: ServerProcess, path: str = "figserve/", *, script: bool = True) -> None:
    """Log in and open one of the owner's pages; with its script, return when its event stream is open."""
    log_in(page, server)
    if not script:
        page.goto(server.url + path)
        return
    with page.expect_response("**/api/events"):
        page.goto(server.url + path)
    # Wait for the images of all visible cards.
    page.wait_for_function("() => [...document.images].every(i => i.complete || i.loading === 'lazy')")


def read_toast(page) -> str:
    """Return the text of a message, which is set in the frame after that in which the message appears."""
    page.wait_for_function("() => document.querySelector('.toast p')?.textContent")
    text: str = page.inner_text(".toast p")
    return text


CONTRAST = """
element => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = rgb => {
    const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.slice(0, 3).map(v => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let ground = element;
  const filled = e => { const c = parse(getComputedStyle(e).backgroundColor); return c.length === 3 || c[3] === 1; };
  while (ground && !filled(ground)) ground = ground.parentElement;
  const behind = light(ground ? parse(getComputedStyle(ground).backgroundColor) : [255, 255, 255]);
  const front = light(parse(getComputedStyle(element).color));
  return (Math.max(front, behind) + 0.05) / (Math.min(front, behind) + 0.05);
}
"""
"""Contrast ratio of an element's text. Source: WCAG 2.2, definition of relative luminance."""


def check_contrast(page, *selectors: str) -> None:
    """Check that text has a contrast of at least 4.5:1 in both colour schemes (WCAG 2.2, 1.4.3)."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for selector in selectors:
            elements = page.query_selector_all(selector)
            assert elements, selector
            for element in elements:
                ratio = element.evaluate(CONTRAST)
                assert ratio >= 4.5, (scheme, selector, ratio)


def check_phone(page, width: int = 375) -> None:
    """Check that on a phone nothing is cut off and the page does not scroll horizontally."""
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for element in page.query_selector_all("main *"):
        box = element.bounding_box()
        if box and box["width"] > 1:
            assert box["x"] >= 0, element.inner_html()
            assert box["x"] + box["width"] <= width, element.inner_html()


def tab_stops(page, max_stops: int = 40) -> list[str]:
    """Return the elements that the Tab key reaches, in order; each must show its focus."""
    found: list[str] = []
    # After blur() alone, Tab would continue from the old focus.
    page.evaluate("document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
    for _ in range(max_stops):
        page.keyboard.press("Tab")
        here = page.evaluate(
            """() => {
              const e = document.activeElement, style = getComputedStyle(e);
              if (e === document.body) return null;
              return [e.tagName, e.id || e.textContent.trim().slice(0, 30), style.outlineStyle, style.outlineWidth];
            }"""
        )
        if here is None:
            return found
        tag, name, style, width = here
        assert style != "none", here
        assert float(width.removesuffix("px")) >= 2, here
        found.append(f"{tag} {name}")
    return found
