"""`make screenshots`: the README's pictures, taken in Chromium from the real pages of a real server."""

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
DRAWING = (Path(__file__).parent / "screenshot_figures.py").read_text(encoding="utf-8")
SHARING = """
pub = sightings()
draft = pub.share(expires="7d", label="the reviewers", views=5)
draft.pause()
link = pub.share(expires="30d", label="the group meeting")
print(pub.id, link.url, dashboard().url)
"""


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with _serving() as server:
        _run(server, "physics/oscillators.ipynb", "physics()")
        _run(server, "climate/temperature.ipynb", "climate()")
        # This one's kernel is still running when the pictures are taken.
        with server.kernel("wildlife/sightings.ipynb") as kernel, sync_playwright() as playwright:
            execution = kernel.run(DRAWING + SHARING)
            assert execution.error is None, execution.error
            found = re.search(r"(\w{16}) (http\S+/f/\S+) (http\S+/f/\S+)", execution.stdout)
            assert found is not None, execution.stdout
            browser = playwright.chromium.launch(executable_path=PROGRAMS["chromium"], args=ARGUMENTS)
            _photograph(browser, found[2], IMAGES / "share_page.png", 1000, 690)
            _photograph(browser, found[3], IMAGES / "dashboard.png", 1280, 1000)
            own = f"{server.url}figserve/"
            _photograph(browser, own, IMAGES / "gallery.png", 1280, 900, server)
            _photograph(browser, f"{own}figures/{found[1]}", IMAGES / "figure_page.png", 1280, 1040, server)
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
        execution = kernel.run(f"{DRAWING}\n{call}")
        assert execution.error is None, execution.error


def _photograph(
    browser: Browser, url: str, path: Path, width: int, height: int, login: ServerProcess | None = None
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=1.25)
    if login is not None:
        page.goto(f"{login.url}login?token={login.token}")
    page.goto(url)
    page.wait_for_function(
        "() => [...document.querySelectorAll('img')].every(i => i.naturalWidth || i.getBoundingClientRect().y > 1200)"
    )
    # Written by the page's script, which has then done all that it does.
    if login is not None:
        page.wait_for_function("() => document.querySelector('time').title")
    page.screenshot(path=path)
    page.close()
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
