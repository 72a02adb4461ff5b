"""`make screenshots`: take the README's screenshots in Chromium from the pages of a real server."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from jupyter_figserve.demo.server_process import ServerProcess

from .conftest import PROGRAMS

ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
IMAGES = Path(__file__).parent.parent / "notebooks" / "images"
FIGURES_CODE = (Path(__file__).parent / "screenshot_figures.py").read_text(encoding="utf-8")
SHARE_CODE = """
pub = sightings()
link = pub.share(expires="30d", label="the group meeting")
print(link.url, dashboard().url)
"""


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with _serving() as server:
        _run(server, "physics/oscillators.ipynb", "physics()")
        _run(server, "climate/temperature.ipynb", "climate()")
        # This kernel is still running when the screenshots are taken.
        with server.kernel("wildlife/sightings.ipynb") as kernel, sync_playwright() as playwright:
            execution = kernel.run(FIGURES_CODE + SHARE_CODE)
            assert execution.error is None, execution.error
            found = re.search(r"(http\S+/f/\S+) (http\S+/f/\S+)", execution.stdout)
            assert found is not None, execution.stdout
            browser = playwright.chromium.launch(executable_path=PROGRAMS["chromium"], args=ARGUMENTS)
            _take_screenshot(browser, found[1], IMAGES / "share_page.png", 1000, 690)
            _take_screenshot(browser, found[2], IMAGES / "dashboard.png", 1280, 1000)
            _take_screenshot(browser, f"{server.url}figserve/", IMAGES / "gallery.png", 1280, 900, server)
            browser.close()


@contextlib.contextmanager
def _serving() -> Iterator[ServerProcess]:
    home = Path(tempfile.mkdtemp(prefix="figserve-")).resolve()
    server = ServerProcess(home)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _run(server: ServerProcess, notebook: str, call: str) -> None:
    with server.kernel(notebook) as kernel:
        execution = kernel.run(f"{FIGURES_CODE}\n{call}")
        assert execution.error is None, execution.error


def _take_screenshot(
    browser: Browser, url: str, path: Path, width: int, height: int, login: ServerProcess | None = None
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=1.25)
    if login is not None:
        page.goto(f"{login.url}login?token={login.token}")
    page.goto(url)
    page.wait_for_function(
        "() => [...document.querySelectorAll('img')].every(i => i.naturalWidth || i.getBoundingClientRect().y > 1200)"
    )
    # The script of a dashboard adds the image of a live figure when it has been drawn.
    page.wait_for_function("() => [...document.querySelectorAll('.panel .frame')].every(i => i.querySelector('img'))")
    # The page's script sets it as its last step.
    if login is not None:
        page.wait_for_function("() => document.querySelector('time').title")
    page.screenshot(path=path)
    page.close()
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
