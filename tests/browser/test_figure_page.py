"""The owner's page of a figure, in Chromium."""

from __future__ import annotations

import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from tests.security.actors import HTML, make_png, publish, share

from .conftest import check_contrast, check_phone, open_own, open_page, tab_stops

pytestmark = pytest.mark.browser
TITLE = "Sightings of animals"
WIDTH = "document.querySelector('img.figure-image').naturalWidth"


@pytest.fixture(scope="module")
def figure(live_server: ServerProcess) -> dict:
    """A figure of three versions with links of every kind."""
    for shade in range(3):
        record = publish(
            live_server, make_png(600 + shade, 400, shade), name="figure", title=TITLE, alt="In words.", caption="One."
        )
    share(live_server, record, label="for the meeting")
    share(live_server, record, label="<b>reviewers</b> of the paper on seasonal migration in the north", views=20)
    share(live_server, record, expires="never", version=2)
    paused = share(live_server, record, label="paused one")
    live_server.fetch(f"figserve/api/links/{paused['id']}", method="PATCH", body={"paused": True})
    return record


@pytest.fixture
def opened(page, live_server: ServerProcess, figure: dict):
    open_own(page, live_server, f"figserve/figures/{figure['id']}")
    return page


def test_page_shows_the_newest_version_and_links_to_the_others(opened) -> None:
    """Three versions are listed; the shown one is marked, and another one opens under its own address."""
    assert opened.title() == TITLE
    assert opened.evaluate(WIDTH) == 602
    assert opened.inner_text("[aria-current=true]").startswith("Version 3")
    opened.get_by_role("link", name="Version 1").click()
    opened.wait_for_url("**?version=1")
    opened.wait_for_function(f"() => {WIDTH} === 600")
    assert opened.inner_text("[aria-current=true]").startswith("Version 1")
    opened.get_by_role("link", name="show the latest").click()
    opened.wait_for_function(f"() => {WIDTH} === 602")


def test_page_lists_links_without_their_secrets(opened) -> None:
    """Label, expiry and views of each link; its URL is asked for only when it is copied."""
    rows = opened.locator("[aria-labelledby=links] li").all_inner_texts()
    assert len(rows) == 4
    text = " ".join(rows)
    for part in (
        "for the meeting",
        "<b>reviewers</b> of the paper",
        "0 of 20 views",
        "never expires",
        "shows version 2",
        "paused",
        "not viewed yet",
    ):
        assert part in text
    assert "/f/" not in opened.content()


def test_page_is_legible_reachable_and_fits_a_phone(opened) -> None:
    """Contrast in both colour schemes, visible focus at each Tab stop, no overflow at 375 pixels."""
    check_contrast(opened, "h1", "h2", ".meta", "main a", "figcaption", "li", ".state", "dt", "button:visible", "label")
    stops = tab_stops(opened)
    assert stops[0] == "A Skip to main content"
    assert "A PNG" in stops
    assert sum(stop.startswith("A Version") for stop in stops) == 3
    for name in ("Share", "Edit title and description", "Delete", "Compare"):
        assert f"BUTTON {name}" in stops
    check_phone(opened, 360)


def test_html_figures_run_in_their_frame(page, live_server: ServerProcess) -> None:
    """Behind the login, too, HTML is framed and isolated."""
    record = publish(live_server, HTML, "text/html", name="framed")
    open_own(page, live_server, f"figserve/figures/{record['id']}")
    assert page.frame_locator("iframe").locator("#plot").inner_text() == "drawn"


def test_login_redirects_back_to_the_figure(page, live_server: ServerProcess, figure: dict) -> None:
    """Without a login, the page redirects to the login form and back."""
    open_page(page, figure["url"])
    assert "/login" in page.url
    page.fill("input[type=password]", live_server.token)
    page.press("input[type=password]", "Enter")
    page.wait_for_url(figure["url"])
    assert page.title() == TITLE


class TestDoing:
    """Actions on the page; each test has its own figure."""

    @pytest.fixture
    def mine(self, live_server: ServerProcess) -> dict:
        for shade in range(2):
            record = publish(
                live_server, make_png(200 + shade, 100, shade), name="mine", title="Mine", alt="Words.", caption="Ours."
            )
        yield record
        live_server.fetch(f"figserve/api/figures/{record['id']}", method="DELETE")

    @pytest.fixture
    def at(self, page, live_server: ServerProcess, mine: dict):
        open_own(page, live_server, f"figserve/figures/{mine['id']}")
        return page

    def test_versions_are_compared_side_by_side(self, at) -> None:
        """On a wide window side by side, on a phone below each other; the address keeps the choice."""
        at.get_by_role("button", name="Compare").click()
        at.wait_for_url("**?version=2&with=1")
        at.wait_for_function("() => [...document.querySelectorAll('img.figure-image')].every(i => i.naturalWidth)")
        widths = at.eval_on_selector_all("img.figure-image", "all => all.map(i => i.naturalWidth)")
        assert widths == [201, 200]
        wide = [box.bounding_box() for box in at.query_selector_all(".panes figure")]
        assert wide[0]["y"] == wide[1]["y"]
        check_phone(at, 360)
        narrow = [box.bounding_box() for box in at.query_selector_all(".panes figure")]
        assert narrow[0]["x"] == narrow[1]["x"]
        assert narrow[0]["y"] < narrow[1]["y"]

    def test_versions_are_compared_by_slider_and_difference(self, at) -> None:
        """Both with the keyboard; the address keeps the choice, and how much differs is said in words."""
        at.goto(f"{at.url}?version=2&with=1&view=slider")
        at.wait_for_function("() => document.querySelector('.comparison').dataset.view === 'slider'")
        first, second = (one.bounding_box() for one in at.query_selector_all(".panes figure"))
        assert (first["x"], first["y"]) == (second["x"], second["y"])
        at.get_by_role("slider", name="Position of the divider").press("End")
        assert at.evaluate("getComputedStyle(document.querySelector('.comparison')).getPropertyValue('--at')") == "100%"
        at.get_by_role("radio", name="Slider").press("ArrowRight")
        at.get_by_text("% of the pixels differ").wait_for()
        assert at.url.endswith("view=difference")
        check_phone(at, 360)

    def test_texts_are_edited(self, at, live_server: ServerProcess, mine: dict) -> None:
        """With the keyboard only; page and record have the new texts, and markup stays text."""
        at.get_by_role("button", name="Edit title and description").focus()
        at.keyboard.press("Enter")
        at.keyboard.press("Control+A")
        at.keyboard.type("Ours <b>now</b>")
        at.keyboard.press("Tab")
        at.keyboard.press("Control+A")
        at.keyboard.type("New words.")
        at.keyboard.press("Tab")
        at.keyboard.press("Control+A")
        at.keyboard.type("As of May.")
        at.get_by_role("button", name="Save").press("Enter")
        at.wait_for_function("() => document.title === 'Ours <b>now</b>'")
        assert at.inner_text("h1") == "Ours <b>now</b>"
        at.wait_for_function("() => document.querySelector('figcaption').textContent === 'As of May.'")
        assert at.evaluate("document.activeElement.textContent") == "Edit title and description"
        record = live_server.fetch(f"figserve/api/figures/{mine['id']}").json()
        texts = [record[name] for name in ("title", "alt", "caption")]
        assert texts == ["Ours <b>now</b>", "New words.", "As of May."]

    def test_link_is_paused_resumed_and_revoked(self, at, live_server: ServerProcess, mine: dict) -> None:
        """Each takes effect at once for everyone; revoking asks for confirmation. The focus keeps its place."""
        link = share(live_server, mine, label="for Ada")
        at.reload()
        status = lambda: live_server.fetch(link["url"], anonymous=True).status  # noqa: E731
        at.get_by_role("button", name="Pause for Ada").press("Enter")
        at.get_by_role("button", name="Resume for Ada").wait_for()
        assert status() == 404
        assert at.evaluate("document.activeElement.textContent") == "Resume for Ada"
        at.keyboard.press("Enter")
        at.get_by_role("button", name="Pause for Ada").wait_for()
        assert status() == 200
        at.get_by_role("button", name="Revoke for Ada").click()
        assert status() == 200
        at.get_by_role("button", name="Really revoke for Ada").click()
        at.get_by_text("No links to this figure yet").wait_for()
        assert status() == 404

    def test_new_version_appears_in_place(self, at, live_server: ServerProcess, mine: dict) -> None:
        """The image changes without a reload, and the focus keeps its place."""
        at.evaluate("window.same = document.querySelector('img.figure-image')")
        at.focus("[data-edit]")
        publish(live_server, make_png(333, 100), name="mine", title="Mine", alt="Words.", caption="Ours.")
        at.wait_for_function("() => same.isConnected && same.naturalWidth === 333")
        at.get_by_role("link", name="Version 3").wait_for()
        assert "version 3" in at.inner_text(".heading .meta")
        assert at.text_content("#news") == "Version 3 was published."

    def test_older_version_stays_and_announces_the_newer(self, at, live_server: ServerProcess, mine: dict) -> None:
        """A page of version 1 keeps showing version 1."""
        with at.expect_response("**/api/events"):
            at.goto(f"{mine['url']}?version=1")
        publish(live_server, make_png(333, 100), name="mine", title="Mine", alt="Words.", caption="Ours.")
        at.get_by_role("button", name="Show it").wait_for()
        assert at.evaluate(WIDTH) == 200
        at.get_by_role("button", name="Show it").click()
        at.wait_for_function(f"() => document.querySelector('img.figure-image') && {WIDTH} === 333")

    def test_deletion_is_undone(self, at, live_server: ServerProcess, mine: dict) -> None:
        """Its links close and open again with it; the page is as before."""
        link = share(live_server, mine)
        at.get_by_role("button", name="Delete").press("Enter")
        at.get_by_role("button", name="Undo").wait_for()
        assert at.get_by_role("heading", name="Deleted").is_visible()
        assert live_server.fetch(link["url"], anonymous=True).status == 404
        at.get_by_role("button", name="Undo").press("Enter")
        at.get_by_role("heading", name="Mine").wait_for()
        assert live_server.fetch(link["url"], anonymous=True).status == 200
        assert at.evaluate("document.activeElement.textContent") == "Delete"

    def test_deletion_in_another_window_is_reported(self, at, live_server: ServerProcess, mine: dict) -> None:
        """Its restoration is shown too."""
        live_server.fetch(f"figserve/api/figures/{mine['id']}", method="DELETE")
        at.get_by_role("heading", name="Deleted").wait_for()
        live_server.fetch(f"figserve/api/figures/{mine['id']}/restore", method="POST")
        at.get_by_role("heading", name="Mine").wait_for()

    def test_links_to_neighbouring_figures(self, at, live_server: ServerProcess, mine: dict) -> None:
        """Older leads to the figure that was published before, and Newer back."""
        publish(live_server, make_png(9, 9), name="newer", title="The newer")
        at.reload()
        at.get_by_role("link", name="Newer figure: The newer").click()
        at.get_by_role("heading", name="The newer").wait_for()
        at.get_by_role("link", name="Older figure: Mine").click()
        at.wait_for_url(mine["url"])

    def test_figure_page_works_without_scripts(self, chromium, at, mine: dict) -> None:
        """Image, versions, files and comparison work; buttons that need a script are hidden."""
        chromium.new_cdp_session(at).send("Emulation.setScriptExecutionDisabled", {"value": True})
        at.goto(mine["url"])
        assert at.get_by_role("img", name="Words.").is_visible()
        assert at.locator("button:visible").all_inner_texts() == ["Compare"]
        at.get_by_role("button", name="Compare").click()
        at.wait_for_url("**with=1")
        assert at.locator(".panes figure").count() == 2

    def test_print_has_the_figure_and_its_texts(self, at) -> None:
        """On paper there are no buttons, no export form, which this image does not have, and no closed tables."""
        more = '<form class="sizes"><input></form><details class="data"><summary>Data</summary></details>'
        at.evaluate("more => document.querySelector('main').insertAdjacentHTML('beforeend', more)", more)
        at.emulate_media(media="print", color_scheme="dark")
        assert at.is_visible("img.figure-image")
        assert at.is_visible("figcaption")
        for selector in (".bar", ".actions", ".compare", ".row-tools", ".sizes", "summary"):
            assert not at.locator(f"{selector}:visible").count(), selector


def test_updates_go_on_after_an_error(opened) -> None:
    """A page whose update failed, such as at an unexpected answer, still follows the next event."""
    runs = opened.evaluate(
        """async () => {
          const script = document.querySelector("script[type=module]").src;
          const { throttle } = await import(new URL("./turns.js", script));
          const reported = [];
          window.reportError = (error) => reported.push(error.message);
          let runs = 0;
          const ask = throttle(async () => { runs += 1; if (runs === 1) throw new Error("once"); }, 0);
          await ask();
          await ask();
          return [runs, ...reported];
        }"""
    )
    assert runs == [2, "once"]
