"""The way to the gallery from the real JupyterLab and the real Notebook, in Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from jupyter_figserve.server.web.http.templates import PACKAGE
from tests.conftest import MakeServer, require_package

from .conftest import log_in

pytestmark = pytest.mark.browser
PLACES = [("jupyterlab", "lab"), ("notebook", "tree")]


@pytest.fixture(scope="module", params=PLACES, ids=[module for module, _ in PLACES])
def place(request) -> Iterator[tuple[ServerProcess, str]]:
    """A server of the application, with the extension where the wheel puts it, and the path of its first page."""
    module, path = request.param
    require_package(module)
    made = MakeServer()
    server = made(command=("-m", module), start=False)
    shutil.copytree(PACKAGE / "labextension", server.home / "data" / "labextensions" / "jupyter_figserve")
    server.start()
    yield server, path
    made.stop_all()


@pytest.fixture
def opened(chromium, place):
    server, path = place
    # Not watched: the applications have complaints of their own.
    page = chromium.new_page()
    log_in(page, server)
    page.goto(server.url + path)
    page.locator(".lm-MenuBar-item").first.wait_for(timeout=60_000)
    return page


def assert_opens_the_gallery(chromium, press) -> None:
    with chromium.expect_page() as opening:
        press()
    opening.value.get_by_role("heading", name="Your figures").wait_for()
    assert opening.value.evaluate("window.opener") is None


def test_view_menu_leads_to_the_gallery(chromium, opened) -> None:
    """In a new tab, logged in."""
    opened.locator(".lm-MenuBar-item", has_text="View").click()
    entry = opened.locator(".lm-Menu-item").get_by_text("Figures", exact=True)
    assert_opens_the_gallery(chromium, entry.click)


def test_palette_leads_to_the_gallery(chromium, opened) -> None:
    """By the keyboard."""
    opened.keyboard.press("Control+Shift+C")
    opened.locator(".lm-CommandPalette-input").fill("figures")
    entry = opened.locator(".lm-CommandPalette-item", has_text="Figures").first
    assert_opens_the_gallery(chromium, entry.click)


def test_launcher_leads_to_the_gallery(chromium, opened, place) -> None:
    """JupyterLab has one, and a card in it; Notebook has none."""
    if place[1] != "lab":
        assert opened.locator(".jp-LauncherCard").count() == 0
        return
    assert_opens_the_gallery(chromium, opened.locator(".jp-LauncherCard", has_text="Figures").click)
