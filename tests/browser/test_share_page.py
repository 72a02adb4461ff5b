"""The page of a link, in Chromium."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from tests.security.actors import HTML, PDF, SVG, make_png, publish, share
from tests.server.sample_images import multipart

from .conftest import WIDTH, SharedFigure, check_contrast, check_phone, log_in, open_idle, open_page, tab_stops
from .labels import keep_labels

pytestmark = pytest.mark.browser


def test_page_shows_title_image_and_texts(page, shared_figure: SharedFigure) -> None:
    """The title is the tab's and the heading, the image has its alt text, and its space is reserved."""
    held: list[Any] = []
    page.route("**/*.png*", lambda route: held.append(route))
    page.goto(shared_figure.link["url"], wait_until="domcontentloaded")
    # Nothing is drawn before.
    page.wait_for_function("() => [...document.querySelectorAll('link[rel=stylesheet]')].every((link) => link.sheet)")
    before = page.evaluate("document.querySelector('img').getBoundingClientRect().height")
    for route in held:
        route.continue_()
    page.unroute("**/*.png*")
    page.wait_for_load_state("networkidle")
    assert page.title() == shared_figure.title
    assert page.inner_text("h1") == shared_figure.title
    assert page.get_attribute("img", "alt") == shared_figure.alt
    assert page.inner_text("figcaption") == shared_figure.caption
    assert page.evaluate(WIDTH) == 1200
    assert page.evaluate("document.querySelector('img').getBoundingClientRect().height") == before > 100
    assert page.evaluate("document.querySelectorAll('h1').length") == 1
    assert page.get_attribute("html", "lang") == "en"
    assert "link expires" in page.inner_text("footer")


def test_image_opens_in_full_size_and_downloads(chromium, shared_figure: SharedFigure) -> None:
    """The image links to itself; the download is named after the figure's id."""
    # Errors are expected: Chromium's image viewer logs that the policy blocks its styles.
    page = chromium.new_page()
    open_page(page, shared_figure.link["url"])
    with page.expect_download() as download:
        page.click(".download a")
    assert download.value.suggested_filename == f"{shared_figure.record['name']}.png"
    page.click("a.full-size")
    page.wait_for_url(shared_figure.link["image_url"])
    assert page.evaluate(WIDTH) == 1200


def test_keyboard_reaches_everything_with_visible_focus(page, shared_figure: SharedFigure) -> None:
    """Tab reaches image, download and summary, and after Enter each snippet and its button; all show their focus."""
    open_page(page, shared_figure.link["url"])
    closed = tab_stops(page)
    assert [stop.split()[0] for stop in closed] == ["A", "BUTTON", "BUTTON", "A", "SUMMARY"]
    page.focus("summary")
    page.keyboard.press("Enter")
    opened = tab_stops(page)
    assert [stop.split()[0] for stop in opened] == ["A", "BUTTON", "BUTTON", "A", "SUMMARY"] + ["CODE", "BUTTON"] * 5
    assert [stop for stop in opened if stop.startswith("BUTTON")][4] == "BUTTON Copy Markdown"


def test_copy_button_copies_and_confirms(chromium, page, shared_figure: SharedFigure) -> None:
    """The clipboard has the snippet, and the page says so, also to screen readers."""
    chromium.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(page, shared_figure.link["url"])
    page.click("summary")
    keep_labels(page)
    for row in page.query_selector_all(".snippet"):
        button = row.query_selector("button")
        width = button.bounding_box()["width"]
        button.click()
        page.wait_for_function("button => button.firstChild.textContent === 'Copied'", arg=button)
        assert page.evaluate("navigator.clipboard.readText()") == row.query_selector("code").text_content()
        assert page.text_content("#copied") == "Copied."
        assert button.bounding_box()["width"] == width
    assert page.evaluate("navigator.clipboard.readText()").startswith("% save http")


def test_without_a_clipboard_the_text_is_selected(page, shared_figure: SharedFigure) -> None:
    """Where neither the clipboard API nor the older command copies, the button selects the text for Ctrl-C."""
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.add_init_script("document.execCommand = () => false")
    open_page(page, shared_figure.link["url"])
    page.click("summary")
    page.click(".snippet button")
    assert page.evaluate("getSelection().toString()") == shared_figure.link["url"]
    assert page.text_content("#copied") == "Selected."


def test_plain_http_copies_by_the_older_command(chromium, page, shared_figure: SharedFigure) -> None:
    """Under a host name and plain HTTP there is no clipboard API."""
    chromium.grant_permissions(["clipboard-read"])
    open_page(page, shared_figure.link["url"])
    page.evaluate("window.clipboard = navigator.clipboard")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.click("summary")
    page.click(".snippet button")
    page.wait_for_function("() => document.getElementById('copied').textContent === 'Copied.'")
    assert page.evaluate("clipboard.readText()") == shared_figure.link["url"]


def test_snippets_are_the_apis(page, shared_figure: SharedFigure) -> None:
    """Page and JSON have the same Markdown, HTML and LaTeX."""
    open_page(page, shared_figure.link["url"])
    texts = page.eval_on_selector_all(".snippet code", "codes => codes.map(code => code.textContent)")
    snippets = shared_figure.link["snippets"]
    expected = [
        shared_figure.link["url"],
        shared_figure.link["image_url"],
        *(snippets[name] for name in ("markdown", "html", "latex")),
    ]
    assert texts == expected


def test_page_fits_a_phone(page, live_server: ServerProcess, shared_figure: SharedFigure) -> None:
    """No overflow at 375 pixels: long words, wide and tall images, right-to-left titles, open snippets."""
    links = [shared_figure.link]
    for name, data, title in (
        ("long", make_png(600, 300), "Donaudampfschifffahrtsgesellschaft" * 8),
        ("wide", make_png(4000, 200), "A wide one"),
        ("tall", make_png(300, 4000), "مشاهدات الحيوانات حسب يوم السنة"),
        ("tiny", make_png(1, 1), "x"),
    ):
        links.append(share(live_server, publish(live_server, data, name=name, title=title, alt=title + " in words")))
    for link in links:
        open_page(page, link["url"])
        page.click("summary")
        check_phone(page)


def test_right_to_left_texts(page, live_server: ServerProcess) -> None:
    """An Arabic title is right-aligned, and the page around it is unchanged."""
    record = publish(live_server, name="rtl", title="مشاهدات الحيوانات", alt="في يوليو وسبتمبر")
    open_page(page, share(live_server, record)["url"])
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).direction") == "rtl"
    assert page.evaluate("getComputedStyle(document.body).direction") == "ltr"


def test_text_is_legible_in_light_and_dark(page, shared_figure: SharedFigure) -> None:
    """Heading, caption, dates, links, snippets and buttons."""
    open_page(page, shared_figure.link["url"])
    page.click("summary")
    check_contrast(page, "h1", "figcaption", ".meta", ".download a", "a", "summary", "code", ".snippet-label", "button")


def test_print_omits_controls(page, shared_figure: SharedFigure) -> None:
    """On paper: title, image and caption, black on white, without downloads and snippets."""
    open_page(page, shared_figure.link["url"])
    page.emulate_media(media="print", color_scheme="dark")
    for selector, is_shown in (
        ("h1", True),
        ("img", True),
        ("figcaption", True),
        (".snippets", False),
        (".download", False),
    ):
        assert page.is_visible(selector) is is_shown, selector
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(0, 0, 0)"


def test_page_works_without_scripts(chromium, page, shared_figure: SharedFigure) -> None:
    """Image, download and snippets are there; buttons that need a script are hidden."""
    chromium.new_cdp_session(page).send("Emulation.setScriptExecutionDisabled", {"value": True})
    open_page(page, shared_figure.link["url"])
    assert page.get_by_role("heading", name=shared_figure.title).is_visible()
    assert page.get_by_role("img", name=shared_figure.alt).is_visible()
    page.click("summary")
    assert page.locator(".snippet code").first.is_visible()
    assert not page.locator("button.copy").first.is_visible()


def test_page_loads_nothing_from_other_sites(page, shared_figure: SharedFigure, live_server: ServerProcess) -> None:
    """Style, script, icon and image come from the same server; nothing is stored in the browser."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_idle(page, shared_figure.link["url"])
    assert asked
    assert all(url.startswith(live_server.url + "figserve/") for url in asked)
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_owner_sees_the_viewers_page(page, shared_figure: SharedFigure, live_server: ServerProcess) -> None:
    """The page is the same, to the byte, with and without a login."""
    open_page(page, shared_figure.link["url"])
    stranger = page.content()
    log_in(page, live_server)
    open_page(page, shared_figure.link["url"])
    assert page.content() == stranger


def test_vector_images_are_displayed(page, live_server: ServerProcess) -> None:
    """An SVG is shown as an image, in its own size."""
    link = share(live_server, publish(live_server, SVG, "image/svg+xml", name="vector"))
    open_page(page, link["url"])
    assert page.evaluate(WIDTH) == 80


def test_hidpi_image(chromium, live_server: ServerProcess) -> None:
    """The stored SVG replaces the PNG, in exactly the PNG's size, on the page, embedded, and for its owner."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="96" height="48"><rect width="96" height="48"/></svg>'
    sizes = [{"width": 100, "height": 50, "dpi": 100}, {"width": 96, "height": 48}]
    body, headers = multipart(
        {"name": "sharp", "sizes": sizes}, ("image/png", make_png(100, 50)), ("image/svg+xml", svg)
    )
    record = live_server.fetch("figserve/api/figures", method="POST", body=body, headers=headers).json()
    url = share(live_server, record)["url"]
    state = (
        "image => [new URL(image.currentSrc).pathname.split('.').pop(), image.clientWidth, image.clientHeight].join()"
    )
    for scale, suffix in ((1, "png"), (2, "svg")):
        page = chromium.browser.new_context(device_scale_factor=scale).new_page()
        log_in(page, live_server)
        for address in (url, f"{url}/embed", record["url"]):
            open_page(page, address)
            assert page.eval_on_selector("img.figure-image", state) == f"{suffix},100,50"


def test_html_figures_run_in_their_frame(page, live_server: ServerProcess) -> None:
    """The frame's own script renders it, isolated; the page offers its link to copy."""
    link = share(live_server, publish(live_server, HTML, "text/html", name="html", title="Interactive"))
    open_page(page, link["url"])
    assert page.frame_locator("iframe").locator("#plot").inner_text() == "drawn"
    assert page.get_attribute("iframe", "title") == "Interactive"
    assert page.get_attribute("iframe", "sandbox") == "allow-scripts"
    page.click("summary")
    assert page.inner_text(".snippet code") == link["url"]
    check_phone(page)


@pytest.fixture(scope="module")
def fixed_height(live_server: ServerProcess) -> str:
    """A link of a document that fills its window around a plot of a fixed size, whose root has no box, as of Bokeh."""
    style = "<style>html, body { height: 100%; margin: 0; display: flow-root }</style>"
    content = f'{style}<div style="display: contents"><div style="height: 210px">plot</div></div>'
    record = publish(live_server, f"<!doctype html><body>{content}".encode(), "text/html", name="fixed height")
    url: str = share(live_server, record)["url"]
    return url


FITS = "() => document.querySelector('iframe').getBoundingClientRect().height === 212"


def test_frame_is_as_high_as_its_content(page, fixed_height: str) -> None:
    """Not as high as before, when only its width was known."""
    open_page(page, fixed_height)
    page.wait_for_function(FITS)


def test_frame_that_loaded_before_the_page_is_as_high(page, fixed_height: str) -> None:
    """What it said while nobody listened is said again, and not taken for content that shrinks with its window."""
    held = []
    page.route("**/frames.js*", lambda route: held.append(route))
    page.add_init_script("addEventListener('message', (event) => { self.heard = event.data });")
    page.goto(fixed_height, wait_until="commit")
    page.wait_for_function("() => self.heard?.figserveHeight === 210")
    held.pop().continue_()
    page.wait_for_function(FITS)


def test_document_figure_can_be_opened(page, live_server: ServerProcess) -> None:
    """A PDF without an image is named, with its size and a link that opens it."""
    link = share(live_server, publish(live_server, PDF, "application/pdf", name="document", title="A document"))
    open_page(page, link["url"])
    assert "PDF file of" in page.inner_text(".file")
    assert page.evaluate("document.querySelector('.file a').href") == link["url"] + ".pdf"


def test_invalid_links_share_one_page(chromium, live_server: ServerProcess, shared_figure: SharedFigure) -> None:
    """Revoked, expired and guessed links have the same page: our style, no script, and no hint of a figure."""
    revoked, paused = (share(live_server, shared_figure.record) for _ in range(2))
    live_server.fetch(f"figserve/api/links/{revoked['id']}", method="DELETE")
    live_server.fetch(f"figserve/api/links/{paused['id']}", method="PATCH", body={"paused": True})
    page = chromium.new_page()
    texts = set()
    for url in (revoked["url"], paused["url"], f"{live_server.url}figserve/f/{'A' * 32}", revoked["url"] + "/embed"):
        response = page.goto(url)
        assert response is not None
        assert response.status == 404
        texts.add((page.title(), page.inner_text("body")))
        assert page.query_selector_all("script") == []
    ((title, text),) = texts
    assert title == "Not found"
    assert "mistyped, expired or revoked" in text
    assert shared_figure.title not in text
    check_contrast(page, "h1", "p", ".meta")
    check_phone(page)
