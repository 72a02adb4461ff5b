"""The ways to the gallery from JupyterLab and from Notebook, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_figserve.demo.server_process import ServerProcess

from .conftest import log_in
from .lab import PLACES, application_server

pytestmark = pytest.mark.browser
# Keys are bound after the settings are loaded, and restoring the layout takes the focus from an open palette. So does
# JupyterLab's launcher, which takes it once, later.
IS_READY = """
() => window.jupyterapp?.commands.keyBindings.some(({ command }) => command === "apputils:activate-command-palette")
"""


@pytest.fixture(scope="module", params=PLACES, ids=[module for module, *_ in PLACES])
def place(request) -> Iterator[tuple[ServerProcess, str]]:
    """A server of the application, and the path of its first page."""
    path = request.param[1]
    if path == "lab":
        # A workspace of its own, in which no other test has opened a notebook.
        yield request.getfixturevalue("lab_server"), "lab/workspaces/first"
    else:
        with application_server(*request.param) as server:
            yield server, path


@pytest.fixture(scope="module")
def opened(lab_context, place) -> Iterator:
    """The application's first page."""
    server, path = place
    # Errors in its console are ignored: the applications log their own.
    with lab_context.new_page() as page:
        log_in(page, server)
        page.goto(server.url + path)
        page.wait_for_function(IS_READY)
        page.evaluate("() => window.jupyterapp.restored.then(() => null)")
        if path != "tree":
            page.locator(".jp-Launcher:focus-within").wait_for()
        yield page


def assert_opens_the_gallery(page, press) -> None:
    with page.context.expect_page() as opening:
        press()
    gallery = opening.value
    gallery.get_by_role("heading", name="Your figures").wait_for()
    assert gallery.evaluate("window.opener") is None
    gallery.close()


def test_view_menu_opens_the_gallery(opened) -> None:
    """In a new tab, logged in."""
    entry = opened.locator(".lm-Menu-item").get_by_text("Figures", exact=True)
    # A panel that opens late takes the focus, which closes the menu.
    while not entry.is_visible():
        opened.keyboard.press("Escape")
        opened.locator(".lm-MenuBar-item", has_text="View").click()
        opened.evaluate("new Promise(requestAnimationFrame)")
    assert_opens_the_gallery(opened, entry.click)


def test_palette_opens_the_gallery(opened) -> None:
    """By the keyboard."""
    opened.keyboard.press("Control+Shift+C")
    opened.locator(".lm-CommandPalette-input").fill("figures")
    entry = opened.locator(".lm-CommandPalette-item", has_text="Figures").first
    assert_opens_the_gallery(opened, entry.click)


def test_launcher_opens_the_gallery(opened, place) -> None:
    """JupyterLab has a launcher with a card for the gallery; Notebook has no launcher."""
    if place[1] == "tree":
        assert opened.locator(".jp-LauncherCard").count() == 0
        return
    assert_opens_the_gallery(opened, opened.locator(".jp-LauncherCard", has_text="Figures").click)
