"""The owner's page of a live figure and of a dashboard in Chromium: sharing, links, deletion, cross-site links."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_figserve.demo.server_process import ServerProcess

from .conftest import check_contrast, check_phone, log_in, open_page, read_toast, tab_stops

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

DECLARE = """
import jupyter_figserve as figserve
from matplotlib.figure import Figure
from typing import Annotated, Literal
calls = []
@figserve.live
def animal(type: Literal["Bear", "Deer"] = "Deer", since: Annotated[int, figserve.Range(2000, 2020)] = 2010):
    calls.append(since)
    return Figure(figsize=(2 + (type == "Bear"), 2 + (since == 2004)))
dashboard = figserve.Dashboard("Sightings", [[animal, "Notes"]]).publish("dashboard")
print(animal.url(), dashboard.url)
"""


@pytest.fixture(scope="module")
def offered(live_server: ServerProcess) -> Iterator[dict]:
    """The URLs of a live figure and of a dashboard that shows it."""
    with live_server.kernel("sharing.ipynb") as kernel:
        execution = kernel.run(DECLARE)
        assert execution.error is None, execution.error
        yield dict(zip(("live", "dashboard"), execution.stdout.split(), strict=True)) | {"kernel": kernel}


@pytest.fixture(params=["live", "dashboard"])
def at(request: pytest.FixtureRequest, page, live_server: ServerProcess, offered: dict):
    log_in(page, live_server)
    open_page(page, offered[request.param])
    return page


def make_link(page, *allowed: str) -> str:
    page.get_by_role("button", name="Share").click()
    for label in allowed:
        page.get_by_role("dialog").get_by_label(label).check()
    page.get_by_role("button", name="Create link").click()
    page.get_by_role("heading", name="Link created").wait_for()
    url = page.locator("dialog code").first.text_content()
    page.get_by_role("button", name="Done").click()
    return url


def test_link_allows_selected_parameters(chromium, at) -> None:
    """It allows no other parameter; the list of links shows it without a reload, and the image stays."""
    at.evaluate("window.stayed = true")
    before = at.locator("[data-link]").count()
    url = make_link(at, "Since")
    at.wait_for_function("count => document.querySelectorAll('[data-link]').length > count", arg=before)
    assert "viewers can change since" in at.locator("[data-link]").first.inner_text()
    assert at.evaluate("window.stayed")
    stranger = chromium.browser.new_context().new_page()
    open_page(stranger, url)
    names = "all => all.map(one => one.name.split('.').pop()).join()"
    assert stranger.eval_on_selector_all(".controls [name]", names) == "since"
    open_page(stranger, make_link(at))
    assert stranger.locator(".controls [name]").count() == 0


def test_link_is_paused_resumed_and_revoked(at, live_server: ServerProcess) -> None:
    """Each takes effect at once; revoking asks for confirmation."""

    def status() -> int:
        return live_server.fetch(url, anonymous=True, headers={"Accept": "text/html"}).status

    before = at.locator("[data-link]").count()
    url = make_link(at)
    at.wait_for_function("count => document.querySelectorAll('[data-link]').length > count", arg=before)
    link = at.locator("[data-link]").first
    link.get_by_role("button", name="Pause").click()
    link.get_by_role("button", name="Resume").wait_for()
    assert status() == 404
    link.get_by_role("button", name="Resume").click()
    link.get_by_role("button", name="Pause").wait_for()
    assert status() == 200
    link.get_by_role("button", name="Revoke").click()
    assert status() == 200
    link.get_by_role("button", name="Really revoke").click()
    at.wait_for_function("count => document.querySelectorAll('[data-link]').length === count", arg=before)
    assert status() == 404


def test_keyboard_phone_and_texts(at) -> None:
    """Share is reachable, nothing overflows, and text is readable in both colour schemes, also in the dialog."""
    make_link(at, "Since", "Type")
    assert "Share" in " ".join(tab_stops(at))
    check_contrast(at, "h1", "h2", ".meta", ".link .state", ".row-tools button", ".actions button")
    at.get_by_role("button", name="Share").click()
    check_contrast(at, "dialog legend", "dialog .tick")
    check_phone(at)


@pytest.mark.parametrize("kind", ["live", "dashboard"])
def test_other_sites_link_runs_nothing_before_a_click(chromium, live_server, offered, other_site, kind: str) -> None:
    """The page says so and shows the link's values in its controls; only the visible button renders."""
    page, kernel = chromium.new_page(), offered["kernel"]
    log_in(page, live_server)
    name = "since" if kind == "live" else "1-1.since"
    kernel.run("calls.clear()")
    page.goto(other_site.serve("/evil", f"<!doctype html><a href='{offered[kind]}?{name}=2004'>funny pictures</a>"))
    page.get_by_role("link", name="funny pictures").click()
    page.get_by_text("You followed a link from another site.").wait_for()
    page.wait_for_load_state("networkidle")
    assert page.locator(f"[name='{name}']").input_value() == "2004"
    assert kernel.run("print(calls)").stdout.strip() == "[]"
    page.locator("button:visible", has_text="Draw").first.click()
    page.wait_for_function("() => document.querySelector('.frame img')?.naturalHeight === 300")
    assert set(kernel.run("print(*calls)").stdout.split()) == {"2004"}
    assert page.get_by_text("You followed a link from another site.").is_hidden()
    assert page.locator("button:visible", has_text="Draw").count() == 0


def test_dashboards_deletion_can_be_undone(page, live_server: ServerProcess, offered: dict) -> None:
    """The page says that it was deleted, and its link is closed; Undo restores the page and the link."""
    rows = [[{"kind": "text", "markdown": "Notes"}]]
    body = {"name": "short-lived", "title": "Short-lived", "rows": rows}
    dashboard = live_server.fetch("figserve/api/dashboards", method="POST", body=body).json()
    log_in(page, live_server)
    open_page(page, dashboard["url"])
    url = make_link(page)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("heading", name="Deleted").wait_for()
    page.get_by_role("button", name="Undo").wait_for()
    assert read_toast(page) == "Deleted “Short-lived”. Its links no longer work."
    assert live_server.fetch(url, anonymous=True, headers={"Accept": "text/html"}).status == 404
    with page.expect_navigation():
        page.get_by_role("button", name="Undo").click()
    page.get_by_text("Notes").wait_for()
    assert page.locator("[data-link]").count() == 1
    assert live_server.fetch(url, anonymous=True, headers={"Accept": "text/html"}).status == 200
