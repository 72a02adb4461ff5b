"""The gallery in Chromium: browsing, search, paging, live updates, deletion, accessibility."""

from __future__ import annotations

import contextlib
import sqlite3
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from tests.benchmarks.catalog_rows import fill
from tests.security.actors import HTML, PDF, make_png, publish, share

from .conftest import ErrorLog, check_contrast, check_phone, log_in, open_own, read_toast, tab_stops

pytestmark = pytest.mark.browser
TIMERS = """
window.waiting = new Map();
const start = window.setTimeout, stop = window.clearTimeout;
window.setTimeout = (run, pause) => { const id = start(() => {}, pause); waiting.set(id, run); return id; };
window.clearTimeout = (id) => { waiting.delete(id); stop(id); };
"""
"""Timers of a page end when the test runs them."""
RUN_TIMERS = "() => { for (const [id, run] of waiting) { waiting.delete(id); run(); } }"
CARDS = "[...document.querySelectorAll('#sections .card h3')].map(h => h.textContent)"


@pytest.fixture
def server(live_server: ServerProcess):
    """The module's server, without figures at the end of each test."""
    yield live_server
    for record in live_server.fetch("figserve/api/figures?limit=1000").json()["figures"]:
        live_server.fetch(f"figserve/api/figures/{record['id']}", method="DELETE")


@pytest.fixture
def three(server: ServerProcess) -> list[dict]:
    """Figures one, two and three; three is the newest."""
    return [
        publish(server, make_png(300 + n, 200, 60 * n), name=name, title=f"Figure {name}", alt=f"What {name} shows")
        for n, name in enumerate(("one", "two", "three"))
    ]


class TestReading:
    def test_cards_show_images_and_link_to_figures(self, page, server, three) -> None:
        """Newest first; each image has its alt text, and the whole card is the link."""
        open_own(page, server)
        assert page.evaluate(CARDS) == ["Figure three", "Figure two", "Figure one"]
        image = page.get_by_role("img", name="What two shows")
        image.scroll_into_view_if_needed()
        page.wait_for_function("() => [...document.querySelectorAll('.card img')].every(i => i.naturalWidth >= 300)")
        box = image.bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_url(three[1]["url"])

    def test_search_and_filters(self, page, server, three) -> None:
        """With the keyboard; Back shows everything again."""
        share(server, three[0])
        open_own(page, server)
        page.get_by_role("searchbox", name="Search figures").fill("TWO")
        page.keyboard.press("Enter")
        page.wait_for_url("**/figserve/?q=TWO")
        assert page.evaluate(CARDS) == ["Figure two"]
        page.get_by_role("link", name="show all 3 figures").click()
        page.wait_for_url("**/figserve/")
        page.get_by_role("link", name="Shared").click()
        page.wait_for_url("**/figserve/?show=shared")
        assert page.evaluate(CARDS) == ["Figure one"]

    @pytest.mark.parametrize("is_fetching", [False, True])
    def test_enter_leaves_the_page_as_it_is(self, page, server, three, is_fetching) -> None:
        """However late the results come: they are a page of their own, and Back leads to all figures."""
        page.add_init_script(TIMERS)
        fetches = []
        open_own(page, server)
        page.route("**/figserve/?q=TWO", lambda route: fetches.append(route))
        page.get_by_role("searchbox", name="Search figures").fill("TWO")
        if is_fetching:
            with page.expect_request("**/figserve/?q=TWO"):
                page.evaluate(RUN_TIMERS)
        # What a browser does on Enter, but for the page that it opens.
        page.evaluate("document.querySelector('form.search').dispatchEvent(new Event('submit'))")
        page.evaluate(RUN_TIMERS)
        assert len(fetches) == is_fetching
        for route in fetches:
            with page.expect_response("**/figserve/?q=TWO") as answered:
                route.continue_()
            answered.value.finished()
        page.unroute_all()
        page.evaluate("() => new Promise(requestAnimationFrame)")
        assert (page.url, len(page.evaluate(CARDS))) == (server.url + "figserve/", 3)

    def test_empty_gallery_shows_the_first_figure_when_published(self, chromium, page, server) -> None:
        """The two lines can be copied; the first published figure replaces them."""
        chromium.grant_permissions(["clipboard-read", "clipboard-write"])
        page.set_viewport_size({"width": 360, "height": 740})
        open_own(page, server)
        button = page.get_by_role("button", name="Copy the two lines")
        assert page.locator(".empty code").bounding_box()["x"] < button.bounding_box()["x"]  # beside, on a phone too
        button.click()
        page.wait_for_function("() => document.getElementById('copied-lines').textContent === 'Copied.'")
        lines = page.evaluate("navigator.clipboard.readText()")
        assert lines == "import jupyter_figserve as figserve\nfigserve.publish()"
        publish(server, name="first", title="The first")
        page.get_by_role("heading", name="The first").wait_for()
        assert page.locator("[data-empty]").count() == 0

    def test_page_has_landmarks_and_one_heading(self, page, server, three) -> None:
        """Screen readers find search, navigation and figures as landmarks."""
        open_own(page, server)
        for role in ("banner", "main", "search"):
            assert page.get_by_role(role).count() == 1, role
        assert page.get_by_role("navigation", name="Which figures").is_visible()
        assert page.locator("h1").count() == 1
        assert page.get_attribute("html", "lang") == "en"
        fields = "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]"
        assert page.evaluate(f"{fields}.filter(field => !field.labels.length).length") == 0

    def test_keyboard_reaches_everything_with_visible_focus(self, page, server, three) -> None:
        """One Tab stop for each card and each of its buttons, which have accessible names."""
        open_own(page, server)
        stops = tab_stops(page)
        assert stops[0] == "A Skip to main content"
        cards = stops[-12:]
        assert cards[:3] == ["A Figure three", "BUTTON Share Figure three", "BUTTON Delete Figure three"]
        assert cards[3].startswith("INPUT")
        page.evaluate("document.querySelector('.skip').focus()")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"

    def test_text_is_legible_in_light_and_dark(self, page, server, three) -> None:
        """Headings, dates, buttons, filters and counts."""
        share(server, three[0])
        open_own(page, server)
        check_contrast(page, "h1", "h2", "h3 a", ".meta", ".card-tools button", ".side a", ".bar button", ".shared")

    def test_page_fits_a_phone(self, page, server) -> None:
        """No overflow at 360 pixels: long words, wide and tall images, documents, right-to-left titles."""
        for name, data, kind, title in (
            ("long", make_png(600, 300), "image/png", "Donaudampfschifffahrtsgesellschaft" * 6),
            ("wide", make_png(4000, 200), "image/png", "A wide one"),
            ("tall", make_png(300, 4000), "image/png", "مشاهدات الحيوانات حسب يوم السنة"),
            ("doc", PDF, "application/pdf", "A document"),
            ("page", HTML, "text/html", "A page"),
        ):
            publish(server, data, kind, name=name, title=title)
        for number in range(3):
            with server.kernel(f"a long way down/to notebook {number}.ipynb") as kernel:
                kernel.run(f"import jupyter_figserve as figserve; figserve.publish({make_png()!r}, 'one')")
        open_own(page, server)
        assert page.locator(".notebooks li").count() >= 3
        check_phone(page, 360)
        for image in page.query_selector_all(".card img"):
            image.scroll_into_view_if_needed()
            inside, around = image.bounding_box(), image.query_selector("xpath=..").bounding_box()
            assert inside["height"] <= around["height"]

    def test_layout_is_stable_while_images_load(self, page, server, three) -> None:
        """The layout is the same before and after."""
        log_in(page, server)
        page.add_init_script(
            "window.shift = 0;"
            "new PerformanceObserver(list => { for (const e of list.getEntries()) shift += e.value; })"
            ".observe({type: 'layout-shift', buffered: true})"
        )
        with page.expect_response("**/api/events"):
            page.goto(server.url + "figserve/")
        page.wait_for_function("() => [...document.querySelectorAll('.card img')].every(i => i.naturalWidth)")
        assert page.evaluate("shift") < 0.02

    def test_page_works_without_scripts(self, chromium, page, server, three) -> None:
        """Cards, search and filters work; buttons that need a script are hidden."""
        chromium.new_cdp_session(page).send("Emulation.setScriptExecutionDisabled", {"value": True})
        open_own(page, server, script=False)
        assert page.locator(".card").count() == 3
        assert page.locator("button:visible").all_inner_texts() == ["Search"]
        page.get_by_role("searchbox").fill("two")
        page.get_by_role("button", name="Search").click()
        page.wait_for_url("**?q=two")
        assert page.locator(".card").count() == 1

    def test_print_has_only_the_figures(self, page, server, three) -> None:
        """Black on white, without bar, filters and buttons."""
        open_own(page, server)
        page.emulate_media(media="print", color_scheme="dark")
        assert page.locator(".card:visible").count() == 3
        for selector in (".bar", ".side", ".card-tools"):
            assert not page.locator(f"{selector}:visible").count(), selector
        assert page.evaluate("getComputedStyle(document.querySelector('h3 a')).color") == "rgb(0, 0, 0)"

    def test_times_are_in_the_readers_zone(self, chromium, page, server, three) -> None:
        """In the browser's language; without scripts, in UTC."""
        chromium.new_cdp_session(page).send("Emulation.setLocaleOverride", {"locale": "de-DE"})
        open_own(page, server)
        assert page.evaluate("Intl.DateTimeFormat().resolvedOptions().locale") == "de-DE"
        written = page.locator(".card time").first
        assert written.get_attribute("datetime").endswith("Z")
        assert "2026" in written.get_attribute("title") or "20" in written.get_attribute("title")

    def test_reduced_motion(self, page, server, three) -> None:
        """Neither cards nor messages move."""
        page.emulate_media(reduced_motion="reduce")
        open_own(page, server)
        page.get_by_role("button", name="Delete Figure two").click()
        page.get_by_role("button", name="Undo").wait_for()
        assert page.evaluate("getComputedStyle(document.querySelector('.toast')).animationName") == "none"


class TestLive:
    def test_L4_new_figure_comes_first(self, page, server, three) -> None:
        """Without a reload, and announced to screen readers; the markup in an event is text."""
        open_own(page, server)
        page.evaluate("window.same = true")
        publish(server, name="four", title="Figure <b>four</b>")
        page.get_by_role("heading", name="Figure <b>four</b>").wait_for()
        assert page.evaluate(CARDS)[0] == "Figure <b>four</b>"
        assert page.evaluate("same")
        assert page.text_content("#news") == "New figure: Figure <b>four</b>."

    def test_new_version_replaces_the_image_in_place(self, page, server, three) -> None:
        """The card stays in place, and its image is never empty."""
        open_own(page, server)
        page.evaluate(
            """() => {
              window.card = document.querySelectorAll('.card')[1];
              window.image = card.querySelector('img');
              window.empty = 0;
              const look = () => { if (!image.naturalWidth || !image.complete) empty++; requestAnimationFrame(look); };
              image.decode().then(look);
            }"""
        )
        publish(server, make_png(444, 200), name="two", title="Figure two", alt="What two shows now")
        page.wait_for_function("() => image.naturalWidth === 444")
        assert page.evaluate("image.isConnected && card.isConnected && empty") == 0
        assert page.evaluate("image.alt") == "What two shows now"
        assert "version 2" in page.evaluate("card.querySelector('.meta').textContent")
        assert page.evaluate(CARDS) == ["Figure three", "Figure two", "Figure one"]

    def test_deleted_figure_disappears(self, page, server, three) -> None:
        """The card comes back when the deletion is undone elsewhere."""
        open_own(page, server)
        server.fetch(f"figserve/api/figures/{three[1]['id']}", method="DELETE")
        page.wait_for_function(f"() => {CARDS}.length === 2")
        server.fetch(f"figserve/api/figures/{three[1]['id']}/restore", method="POST")
        page.wait_for_function(f"() => {CARDS}.length === 3")

    def test_search_results_stay_filtered(self, page, server, three) -> None:
        """What does not match does not appear."""
        open_own(page, server, "figserve/?q=two")
        publish(server, name="four")
        publish(server, name="two-and-a-half", title="two and a half")
        page.get_by_role("heading", name="two and a half").wait_for()
        assert page.evaluate(CARDS) == ["two and a half", "Figure two"]

    @pytest.mark.nightly
    def test_page_reconnects_to_a_restarted_server(self, chromium, make_server) -> None:
        """Figures that were published in between appear without a reload."""
        server = make_server()
        page = chromium.new_page()  # errors are expected: the server is stopped
        open_own(page, server)
        server.restart()
        publish(server, name="after", title="After the restart")
        page.get_by_role("heading", name="After the restart").wait_for()

    @pytest.mark.nightly
    def test_page_in_the_background_holds_no_connection(self, page, server, three) -> None:
        """A browser allows six connections, so a hidden tab has none; when shown, it catches up."""
        open_own(page, server)
        hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
        hide += "document.dispatchEvent(new Event('visibilitychange'))"
        with page.expect_event("requestfailed", lambda request: "api/events" in request.url):
            page.evaluate(hide % "true")
        server.fetch(f"figserve/api/figures/{three[1]['id']}", method="DELETE")
        publish(server, name="four", title="Figure four")
        assert page.evaluate(CARDS) == ["Figure three", "Figure two", "Figure one"]
        page.evaluate(hide % "false")
        page.get_by_role("heading", name="Figure four").wait_for()
        assert page.evaluate(CARDS) == ["Figure four", "Figure three", "Figure one"]

    def test_unshared_figure_leaves_the_shared_filter(self, page, server, three) -> None:
        """The page keeps showing its filter."""
        link = share(server, three[0])
        share(server, three[1])
        open_own(page, server, "figserve/?show=shared")
        server.fetch(f"figserve/api/links/{link['id']}", method="DELETE")
        server.fetch(f"figserve/api/figures/{three[1]['id']}", method="PATCH", body={"title": "Still shared"})
        page.wait_for_function(f"() => JSON.stringify({CARDS}) === JSON.stringify(['Still shared'])")

    def test_notebook_is_downloaded_as_a_zip(self, page, server) -> None:
        """From the gallery, from its figures' pages and for one session, with any characters in its name."""
        notebook = "a & b/Müller #1.ipynb"
        with server.kernel(notebook) as kernel:
            code = f"import jupyter_figserve as figserve; pub = figserve.publish({make_png()!r}, 'mine'); print(pub.id)"
            figure = kernel.run(code).stdout.split()[-1]
            session = server.fetch(f"figserve/api/figures/{figure}").json()["session"]
        for path, link in (
            ("figserve/", f"Download all figures from {notebook} as a zip file"),
            (f"figserve/?session={session}", "Download all figures from this session as a zip file"),
            (f"figserve/figures/{figure}", "All figures in the notebook"),
        ):
            open_own(page, server, path)
            with page.expect_download() as download:
                page.get_by_role("link", name=link).click()
            with zipfile.ZipFile(download.value.path()) as archive:
                assert "index.html" in archive.namelist()
                assert any(name.endswith("mine.png") for name in archive.namelist())

    def test_captured_plots_are_published_with_a_click(self, page, server) -> None:
        """They are loaded when their list is opened; a kept plot becomes a card."""
        with server.kernel("captured.ipynb") as kernel:
            execution = kernel.run(
                "import matplotlib.pyplot as plt\n%matplotlib inline\n"
                "for n in range(2):\n    plt.plot([n, 1]); plt.show()"
            )
            assert execution.error is None
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url) if "/plots/" in request.url else None)
            open_own(page, server)
            summary = page.locator("details.captured summary")
            summary.wait_for()
            assert "2 captured plots" in summary.inner_text()
            assert asked == []
            summary.press("Enter")
            page.wait_for_function("() => document.querySelectorAll('.captured img').length === 2")
            page.wait_for_function("() => [...document.querySelectorAll('.captured img')].every(i => i.naturalWidth)")
            page.locator(".captured button").first.press("Enter")
            page.wait_for_function(f"() => {CARDS}.length === 1")
            assert page.locator(".captured .card").count() == 1
            assert page.evaluate("document.activeElement.closest('.captured') !== null")
            kernel.run("plt.plot([3, 1]); plt.show()")
            page.wait_for_function("() => document.querySelectorAll('.captured img').length === 2")
            assert page.get_by_text("running", exact=True).first.is_visible()
        page.wait_for_function("() => document.querySelectorAll('.captured').length === 0")


class TestDashboards:
    """Dashboards above the figures, each with a plan of its panels."""

    @pytest.fixture
    def dashboard(self, server: ServerProcess, three: list[dict]) -> Iterator[dict]:
        """Two figures above a text."""
        figures = [{"kind": "figure", "figure": one["id"]} for one in three[:2]]
        body = {"name": "sights", "title": "Sightings", "rows": [figures, [{"kind": "text", "markdown": "Notes"}]]}
        made = server.fetch("figserve/api/dashboards", method="POST", body=body).json()
        yield made
        server.fetch(f"figserve/api/dashboards/{made['id']}", method="DELETE")

    def test_card_of_a_dashboard_shows_its_layout(self, page, server, dashboard) -> None:
        """The plan shows images for figures; the whole card is the link, and card and buttons are Tab stops."""
        open_own(page, server)
        card = page.locator("[data-dashboard]")
        kinds = "rows => rows.map(row => [...row.children].map(tile => tile.classList[1]))"
        assert card.locator(".plan > div").evaluate_all(kinds) == [["figure", "figure"], ["text"]]
        page.wait_for_function("() => [...document.querySelectorAll('.plan img')].every(i => i.naturalWidth >= 300)")
        assert card.locator("img").count() == 2
        stops = tab_stops(page)
        assert {"A Sightings", "BUTTON Share Sightings", "BUTTON Delete Sightings"} <= set(stops)
        check_phone(page)
        box = card.locator(".plan").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_url(dashboard["url"])

    def test_new_image_appears_without_reload(self, page, server, three, dashboard) -> None:
        """The plan shows it too; other plans keep their images."""
        open_own(page, server)
        page.evaluate("() => { window.image = document.querySelector('.plan img'); }")
        publish(server, name="four", title="Figure four")
        page.get_by_role("heading", name="Figure four").wait_for()
        assert page.evaluate("image.isConnected")
        publish(server, make_png(320, 210, 9), name="one", title="Figure one")
        page.wait_for_function("() => document.querySelector('.plan img').getAttribute('src').includes('version=2')")

    def test_search_finds_dashboards(self, page, server, dashboard) -> None:
        """By its title; a search for other text does not find it."""
        open_own(page, server, "figserve/?q=sighting")
        assert page.locator("[data-dashboard] h3").all_text_contents() == ["Sightings"]
        assert page.get_by_role("heading", name="No matches").count() == 0
        open_own(page, server, "figserve/?q=elephant")
        assert page.locator("[data-dashboard]").count() == 0

    def test_deletion_is_immediate_and_can_be_undone(self, page, server, dashboard) -> None:
        """Its links close and open again with it."""
        link = server.fetch(f"figserve/api/dashboards/{dashboard['id']}/links", method="POST", body={}).json()
        open_own(page, server)
        page.get_by_role("button", name="Delete Sightings").click()
        assert page.locator("[data-dashboard]").count() == 0
        page.get_by_role("button", name="Undo").wait_for()
        assert server.fetch(link["url"], anonymous=True).status == 404
        page.get_by_role("button", name="Undo").click()
        page.locator("[data-dashboard] h3").wait_for()
        assert server.fetch(link["url"], anonymous=True).status == 200

    def test_undone_deletion_shows_the_card_again(self, chromium, server, dashboard) -> None:
        """Also when the gallery was refreshed during the deletion, and not again before it was undone."""
        page = chromium.new_page()  # errors are expected: refreshes fail
        deletions: list[Any] = []
        page.route(
            "**/api/dashboards/*",
            lambda route: deletions.append(route) if route.request.method == "DELETE" else route.continue_(),
        )
        open_own(page, server)
        page.get_by_role("button", name="Delete Sightings").click()
        page.locator("[data-dashboard]").wait_for(state="detached")
        publish(server, name="another")
        page.get_by_role("heading", name="another").wait_for()
        assert page.locator("[data-dashboard]").count() == 0
        page.route(page.url, lambda route: route.abort())
        deletions[0].continue_()
        page.get_by_role("button", name="Undo").wait_for()
        page.unroute(page.url)
        page.get_by_role("button", name="Undo").click()
        page.locator("[data-dashboard] h3").wait_for()

    def test_dashboard_is_shared_from_its_card(self, page, server, dashboard) -> None:
        """With the dialog of figures."""
        open_own(page, server)
        page.get_by_role("button", name="Share Sightings").click()
        page.get_by_role("button", name="Create link").click()
        page.get_by_role("heading", name="Link created").wait_for()
        url = page.locator("dialog code").first.text_content()
        assert server.fetch(url, anonymous=True).status == 200


class TestDeleting:
    def test_deletion_is_immediate_and_can_be_undone(self, page, server, three) -> None:
        """Its links close too; the focus moves to the next card, and reaches Undo."""
        link = share(server, three[1])
        open_own(page, server)
        page.get_by_role("button", name="Delete Figure two").press("Enter")
        assert page.evaluate(CARDS) == ["Figure three", "Figure one"]
        assert page.evaluate("document.activeElement.textContent") == "Figure one"
        page.get_by_role("button", name="Undo").wait_for()
        assert read_toast(page) == "Deleted “Figure two”. Its links no longer work."
        assert server.fetch(link["url"], anonymous=True).status == 404
        assert "BUTTON Undo" in tab_stops(page)
        page.get_by_role("button", name="Undo").press("Enter")
        page.wait_for_function(f"() => {CARDS}.length === 3")
        assert server.fetch(link["url"], anonymous=True).status == 200

    def test_failed_deletion_restores_the_card(self, chromium, server, three) -> None:
        """The message says why."""
        page = chromium.new_page()  # errors are expected: the request fails
        open_own(page, server)
        page.route("**/api/figures/*", lambda route: route.abort())
        page.get_by_role("button", name="Delete Figure two").click()
        page.get_by_role("alert").get_by_text("Could not delete").wait_for()
        assert page.evaluate(CARDS) == ["Figure three", "Figure two", "Figure one"]
        assert "The server is not responding" in read_toast(page)

    def test_failed_undo_has_advice(self, chromium, server, three) -> None:
        """Its name has been taken meanwhile."""
        page = chromium.new_page()  # errors are expected: 409
        open_own(page, server)
        page.get_by_role("button", name="Delete Figure two").click()
        undo = page.get_by_role("button", name="Undo")
        undo.wait_for()
        publish(server, make_png(9, 9), name="two")
        undo.click()
        page.get_by_text("delete that one first").wait_for()
        assert page.get_by_role("button", name="Try again").is_visible()


@pytest.fixture(scope="module")
def large_gallery(tmp_path_factory):
    """A server with 10,000 figures of 500 notebooks, each with a thumbnail."""
    home = tmp_path_factory.mktemp("large_gallery")
    data, image = home / "figures", make_png(320, 240)
    filled = fill(data, 10_000, 10, image)
    with contextlib.closing(sqlite3.connect(data / "catalog.db")) as connection, connection:
        digest = connection.execute(
            "select digest from representations where digest in (select digest from blobs)"
            " group by digest order by count(*) desc"
        ).fetchone()[0]
        connection.execute("update representations set digest = ?", (digest,))
    server = ServerProcess(home / "home", data_dir=data)
    (home / "home").mkdir()
    server.start()
    yield server
    server.stop()
    assert filled.figures == 10_000


class TestTenThousand:
    def test_more_pages_load_by_scrolling_and_keyboard(self, page, large_gallery) -> None:
        """No figure appears twice, the focus stays or moves to the new figures, and only visible images are loaded."""
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if ".png" in request.url else None)
        # In few columns: Chromium loads what is up to 3,000 pixels away.
        page.set_viewport_size({"width": 700, "height": 720})
        open_own(page, large_gallery)
        assert "10,000 figures" in page.inner_text("[data-live=counts]")
        page.wait_for_function("() => document.querySelectorAll('.card').length >= 48")
        assert 0 < len(asked) < 48
        page.get_by_role("searchbox").focus()
        before = page.locator(".card").count()
        page.mouse.move(350, 500)
        while page.locator(".card").count() == before:
            page.mouse.wheel(0, 4_000)
            page.evaluate("new Promise(requestAnimationFrame)")
        assert page.evaluate("document.activeElement.type") == "search"
        page.wait_for_function(
            "() => !document.querySelector('.pages').ariaBusy && !document.querySelector('[aria-busy]')"
        )
        count = page.locator(".card").count()
        last = page.evaluate(f"{CARDS}.at(-1)")
        page.locator(".pages [rel=next]").press("Enter")
        page.wait_for_function(f"() => document.querySelectorAll('.card').length > {count}")
        page.wait_for_function("() => document.activeElement.closest('.card')")
        assert page.evaluate(f"{CARDS}[{count} - 1]") == last
        ids = page.eval_on_selector_all(".card", "cards => cards.map(card => card.dataset.figure)")
        assert len(set(ids)) == len(ids)

    def test_keypress_while_loading_is_not_lost(self, page, large_gallery) -> None:
        """The focus moves to the first figure that is being loaded."""
        open_own(page, large_gallery)
        count = page.locator(".card").count()
        held: list[Any] = []
        page.route("**/*cursor=*", lambda route: held.append(route))
        page.evaluate("document.querySelector('.pages').scrollIntoView()")
        page.wait_for_function("() => document.querySelector('.pages').ariaBusy")
        page.locator(".pages [rel=next]").press("Enter")
        held[0].continue_()
        page.wait_for_function(
            "n => [...document.querySelectorAll('.card')].indexOf(document.activeElement.closest('.card')) === n",
            arg=count,
        )

    @pytest.mark.nightly
    def test_older_pages_are_links_without_scripts(self, chromium, page, large_gallery) -> None:
        """To the next page and back to the first."""
        chromium.new_cdp_session(page).send("Emulation.setScriptExecutionDisabled", {"value": True})
        open_own(page, large_gallery, script=False)
        first = page.locator(".card h3").all_inner_texts()
        page.get_by_role("link", name="Older figures").click()
        page.wait_for_url("**cursor=*")
        second = page.locator(".card h3").all_inner_texts()
        assert len(first) == len(second) == 48
        assert not set(first) & set(second)
        page.get_by_role("link", name="Newest figures").click()
        page.wait_for_url("**/figserve/?")
        assert page.locator(".card h3").all_inner_texts() == first

    def test_new_figures_appear_on_later_pages(self, page, large_gallery) -> None:
        """The newest stands first among ten thousand."""
        open_own(page, large_gallery)
        publish(large_gallery, name="newest", title="The newest of all")
        page.get_by_role("heading", name="The newest of all").wait_for()
        assert page.evaluate(CARDS)[0] == "The newest of all"


@pytest.mark.nightly
def test_watch_is_over_every_page_here(chromium, server) -> None:
    """The fixture that checks for console errors does detect them."""
    log = ErrorLog()
    page = log.attach(chromium.new_page())
    log_in(page, server)
    page.goto(server.url + "figserve/")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'x'}))")
    page.wait_for_function("() => true")
    assert any("Content Security Policy" in fault for fault in log.errors)


class TestSelection:
    """Selecting cards with mouse and keyboard, and what can be done with them."""

    def test_several_are_shared_as_one_dashboard(self, page, server, three) -> None:
        """Shift selects a range; the dashboard has the figures in the order of the page."""
        open_own(page, server)
        page.get_by_label("Select Figure three").press("Space")
        page.get_by_label("Select Figure one").click(modifiers=["Shift"])
        assert page.get_by_role("region", name="Selection").get_by_role("status").inner_text() == "3 selected"
        page.get_by_role("button", name="Share as dashboard").press("Enter")
        page.get_by_role("button", name="Create dashboard").press("Enter")
        assert page.get_by_role("alert").filter(has_text="Give the dashboard a title.").is_visible()
        page.get_by_role("textbox", name="Title").fill("All three")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Share “All three”").wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("link", name="All three").wait_for()
        (board,) = server.fetch("figserve/api/dashboards").json()["dashboards"]
        server.fetch(f"figserve/api/dashboards/{board['id']}", method="DELETE")
        shown = [panel["figure"] for row in board["rows"] for panel in row]
        assert shown == [three[2]["id"], three[1]["id"], three[0]["id"]]

    def test_several_are_downloaded_deleted_and_restored(self, page, server, three) -> None:
        """Escape ends the selection; one undo brings all back."""
        open_own(page, server)
        page.get_by_label("Select Figure two").check()
        page.keyboard.press("Escape")
        assert page.locator(".selection").is_hidden()
        page.get_by_label("Select Figure two").check()
        page.get_by_label("Select Figure one").check()
        check_contrast(page, ".selection strong", ".selection button")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download", exact=True).click()
        with zipfile.ZipFile(download.value.path()) as archive:
            files = {name.rpartition("/")[2] for name in archive.namelist()}
        assert files == {"one.png", "two.png", "figures.json", "index.html"}
        page.get_by_role("button", name="Delete", exact=True).click()
        page.wait_for_function(f"() => {CARDS}.length === 1")
        page.get_by_role("button", name="Undo").click()
        page.wait_for_function(f"() => {CARDS}.length === 3")
        check_phone(page)

    def test_search_follows_typing(self, page, server, three) -> None:
        """The field keeps the focus and the URL follows; clearing it shows everything again."""
        open_own(page, server)
        field = page.get_by_role("searchbox", name="Search figures")
        field.press_sequentially("two")
        page.wait_for_function(f"() => {CARDS}.join() === 'Figure two'")
        assert page.url.endswith("/figserve/?q=two")
        field.fill("")
        page.wait_for_function(f"() => {CARDS}.length === 3")
        assert page.evaluate("document.activeElement.name") == "q"
