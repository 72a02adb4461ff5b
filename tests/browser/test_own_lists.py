"""The pages of all links and of the trash in Chromium."""

from __future__ import annotations

import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from tests.security.actors import make_png, publish, share

from .conftest import check_contrast, check_phone, log_in, open_page, tab_stops
from .labels import keep_labels

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def addresses(live_server: ServerProcess) -> list[str]:
    """Images of three links, of which the second belongs to another figure."""
    first = publish(live_server, make_png(shade=1), name="sightings", title="Animal sightings")
    second = publish(live_server, make_png(shade=2), name="budget", title="Budget")
    made = [
        share(live_server, record, label=label) for record, label in ((first, "Ada"), (second, "Bo"), (first, "Cy"))
    ]
    return [one["image_url"] for one in made]


@pytest.fixture
def links(page, live_server: ServerProcess, addresses):
    log_in(page, live_server)
    open_page(page, f"{live_server.url}figserve/links")
    return page


def test_several_links_are_paused_resumed_and_revoked(links, live_server: ServerProcess, addresses) -> None:
    """Those that are selected and shown; the others go on."""

    def statuses() -> list[int]:
        return [live_server.fetch(url, anonymous=True).status for url in addresses]

    links.get_by_label("Filter links").fill("sight")
    assert links.locator("[data-link]:visible").count() == 2
    links.get_by_label("Select all").check()
    assert links.get_by_text("2 selected").is_visible()
    links.get_by_role("group").get_by_role("button", name="Pause").click()
    links.get_by_text("Paused 2 links.").wait_for()
    assert statuses() == [404, 200, 404]
    links.get_by_role("group").get_by_role("button", name="Resume").click()
    links.get_by_text("Resumed 2 links.").wait_for()
    assert statuses() == [200, 200, 200]
    links.get_by_label("Filter links").fill("Cy")
    links.get_by_role("group").get_by_role("button", name="Revoke").click()
    assert statuses() == [200, 200, 200]
    links.get_by_role("button", name="Really revoke 1 link").click()
    links.get_by_text("Revoked 1 link.").wait_for()
    assert statuses() == [200, 200, 404]
    links.get_by_text("No links match.").wait_for()
    links.get_by_label("Filter links").fill("")
    assert links.locator("[data-link]:visible").count() == 2


def test_late_answer_takes_no_newer_ones_place(links) -> None:
    """A list that was sent before the second link was paused, and comes after it, does not show it as open."""
    first, second = (links.locator("[data-link]").filter(has_text=name) for name in ("Ada", "Bo"))
    late = []
    links.route("**/figserve/links", lambda route: route.continue_() if late else late.append((route, route.fetch())))
    with links.expect_request("**/figserve/links"):
        first.get_by_role("button", name="Pause").click()
    with links.expect_response(lambda answer: answer.request.method == "PATCH"):
        second.get_by_role("button", name="Pause").click()
    route, answer = late[0]
    with links.expect_request("**/figserve/links"):
        route.fulfill(response=answer)
    for row in (first, second):
        row.get_by_role("button", name="Resume").click()
        row.get_by_role("button", name="Pause").wait_for()


def test_address_is_copied_again(links, addresses) -> None:
    """Of any link, from its row."""
    links.context.grant_permissions(["clipboard-read", "clipboard-write"])
    links.evaluate("navigator.clipboard.writeText('before')")
    keep_labels(links)
    row, asked = links.locator("[data-link]").filter(has_text="Bo"), []
    links.route("**/api/links/*/url", lambda route: asked.append(route))
    with links.expect_request("**/api/links/*/url"):
        row.get_by_role("button", name="Copy link").click()
    # Until the server has answered, nothing is copied.
    assert links.evaluate("navigator.clipboard.readText()") == "before"
    assert row.get_by_text("Copied").count() == 0
    asked[0].continue_()
    row.get_by_text("Copied").wait_for()
    assert f"{links.evaluate('navigator.clipboard.readText()')}.png" == addresses[1]


def test_pages_for_everybody(links, live_server: ServerProcess) -> None:
    """By keyboard, on a phone, in the dark, and without a script."""
    stops = tab_stops(links)
    assert any("Copy link" in stop for stop in stops)
    check_contrast(links, ".state", ".link .meta")
    check_phone(links)
    open_page(links, f"{live_server.url}figserve/trash")
    check_phone(links)


def test_deleted_figure_is_restored(page, live_server: ServerProcess) -> None:
    """Its links work again; an empty trash says what it is for. The keyboard goes on to the next one."""
    other = publish(live_server, make_png(shade=4), name="other", title="Other figure")
    record = publish(live_server, make_png(shade=3), name="gone", title="Gone figure")
    address = share(live_server, record)["image_url"]
    for deleted in (other, record):
        live_server.fetch(f"figserve/api/figures/{deleted['id']}", method="DELETE")
    log_in(page, live_server)
    open_page(page, f"{live_server.url}figserve/trash")
    assert live_server.fetch(address, anonymous=True).status == 404
    page.get_by_role("button", name="Restore Other figure").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Restored “Other figure”").wait_for()
    page.wait_for_function("() => document.activeElement.matches('[data-restore]:enabled')")
    page.keyboard.press("Enter")
    page.get_by_text("Restored “Gone figure”").wait_for()
    assert live_server.fetch(address, anonymous=True).status == 200
    page.get_by_role("heading", name="Nothing to restore").wait_for()
    page.wait_for_function("() => document.activeElement.id === 'main'")
    with page.expect_navigation():
        page.get_by_role("button", name="Open").last.click()
    assert page.get_by_role("heading", name="Gone figure").is_visible()
