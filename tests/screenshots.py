"""`make screenshots`: the README's pictures, taken in Chromium from the real pages of a real server."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from jupyter_figserve.demo.server_process import ServerProcess

from .conftest import PROGRAMS

ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
IMAGES = Path(__file__).parent.parent / "notebooks" / "images"
DRAW = """
import matplotlib.pyplot as plt, numpy as np
import jupyter_figserve as figserve

rng = np.random.default_rng(7)
days = np.arange(1, 366)
fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
animals = [("Bear", 190, 9, "#8a5a2b"), ("Deer", 260, 16, "#2f7d5b"), ("Wolf", 40, 6, "#4a5a78")]
for animal, peak, height, colour in animals:
    season = height * np.exp(-(((days - peak + 182) % 365 - 182) / 55) ** 2) + rng.gamma(1.2, 0.6, days.size)
    ax.fill_between(days, season, alpha=0.18, color=colour)
    ax.plot(days, np.convolve(season, np.ones(9) / 9, "same"), color=colour, label=animal)
ax.set(title="Animal sightings, by day of the year", xlabel="day", ylabel="sightings", xlim=(1, 365), ylim=(0, None))
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
pub = figserve.publish(
    fig, "sightings", dpi=200, alt="Bears are seen in July, deer in September and wolves in February."
)
print(pub.share(expires="30d", label="README").url)
"""


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="figserve-")).resolve()
    server = ServerProcess(home)
    try:
        server.start()
        with server.kernel("sightings.ipynb") as kernel:
            execution = kernel.run(DRAW)
            assert execution.error is None, execution.error
        found = re.search(r"http\S+/f/\S+", execution.stdout)
        assert found is not None, execution.stdout
        _photograph(found[0], IMAGES / "share_page.png")
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _photograph(url: str, path: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=PROGRAMS["chromium"], args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1000, "height": 690}, device_scale_factor=1.5)
        page.goto(url, wait_until="networkidle")
        page.screenshot(path=path)
        browser.close()
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
