"""What an owner sees of one figure, in Chromium."""

from __future__ import annotations

import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from tests.security.actors import HTML, make_png, publish, share

from .conftest import WIDTH, check_contrast, check_phone, log_in, see, tab_stops

pytestmark = pytest.mark.browser
TITLE = "Sightings of animals"


@pytest.fixture(scope="module")
def figure(live_server: ServerProcess) -> dict:
    """A figure of three versions with links of every kind."""
    for shade in range(3):
        record = publish(live_server, make_png(600 + shade, 400, shade), name="figure", title=TITLE, alt="In words.")
    share(live_server, record, label="for the meeting")
    share(live_server, record, label="<b>reviewers</b> of the paper on seasonal migration in the north", views=20)
    share(live_server, record, expires="never", version=2)
    paused = share(live_server, record, label="paused one")
    live_server.fetch(f"figserve/api/links/{paused['id']}", method="PATCH", body={"paused": True})
    return record


@pytest.fixture
def opened(page, live_server: ServerProcess, figure: dict):
    log_in(page, live_server)
    see(page, figure["url"])
    return page


def test_page_shows_the_newest_version_and_leads_to_the_others(opened) -> None:
    """Three versions are listed; the shown one is marked, and another one opens under its own address."""
    assert opened.title() == TITLE
    assert opened.evaluate(WIDTH) == 602
    assert opened.inner_text("[aria-current=true]").startswith("Version 3")
    opened.get_by_role("link", name="Version 1").click()
    opened.wait_for_url("**?version=1")
    opened.wait_for_load_state("networkidle")
    assert opened.evaluate(WIDTH) == 600
    assert opened.inner_text("[aria-current=true]").startswith("Version 1")


def test_page_lists_links_without_their_secrets(opened) -> None:
    """Label, end and views of each link; its address is shown to nobody after its making."""
    rows = opened.locator("[aria-labelledby=links] li").all_inner_texts()
    assert len(rows) == 4
    text = " ".join(rows)
    for words in (
        "for the meeting",
        "<b>reviewers</b> of the paper",
        "seen 0 of 20 times",
        "open until revoked",
        "shows version 2",
        "paused",
        "not seen yet",
    ):
        assert words in text
    assert "/f/" not in opened.content()


def test_page_is_legible_reachable_and_fits_a_phone(opened) -> None:
    """Contrast in both schemes, focus on each stop of the Tab key, nothing beyond 375 pixels."""
    check_contrast(opened, "h1", "h2", ".meta", "a", "figcaption", "li")
    stops = tab_stops(opened)
    assert "A PNG" in stops
    assert sum(stop.startswith("A Version") for stop in stops) == 3
    check_phone(opened)


def test_html_figures_run_in_their_frame(page, live_server: ServerProcess) -> None:
    """Behind the login, too, HTML is framed and isolated."""
    record = publish(live_server, HTML, "text/html", name="framed")
    log_in(page, live_server)
    see(page, record["url"])
    assert page.frame_locator("iframe").locator("#plot").inner_text() == "drawn"


def test_without_login_comes_the_login_and_then_the_figure(page, live_server: ServerProcess, figure: dict) -> None:
    """Whoever is not logged in is asked to, and led back."""
    see(page, figure["url"])
    assert "/login" in page.url
    page.fill("input[type=password]", live_server.token)
    page.press("input[type=password]", "Enter")
    page.wait_for_url(figure["url"])
    assert page.title() == TITLE
