"""The page of a dashboard with twelve panels in Chromium: time until the last image is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.conftest import launch_chromium

from . import servers
from .report import Row
from .scale import Scale

_PANELS = 12
_CELL = f"""
import jupyter_figserve as figserve
import matplotlib.pyplot as plt
rows = []
for n in range({_PANELS}):
    figure, axes = plt.subplots(figsize=(4, 3))
    axes.plot([n, 1, 4])
    rows.append(figserve.publish(figure, f"panel {{n}}"))
    plt.close(figure)
board = figserve.Dashboard("Twelve", [rows[place : place + 3] for place in range(0, {_PANELS}, 3)])
print(board.share().url)
"""
_DONE = f"""
() => new Promise(resolve => {{
  const check = () => {{
    const images = [...document.querySelectorAll("img")];
    const shown = images.filter(image => image.complete && image.naturalWidth);
    if (shown.length >= {_PANELS}) resolve(performance.now());
    else requestAnimationFrame(check);
  }};
  check();
}})
"""


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    from playwright.sync_api import sync_playwright

    with servers.jupyter(home) as server, server.kernel("Twelve.ipynb") as kernel, sync_playwright() as playwright:
        url = servers.run_cell(kernel, _CELL).split()[-1]
        times = []
        with launch_chromium(playwright) as browser:
            for _ in range(scale.pages):
                # With its own empty cache.
                page = browser.new_page(viewport={"width": 1200, "height": 2400})
                page.goto(url)
                times.append(float(page.evaluate(_DONE)))
                page.close()
    name = f"page of a dashboard with {_PANELS} panels in Chromium: until the last image"
    yield Row(name, median(times), None, "ms", note="from the start of the navigation, without a cache")
