"""Screens with two pixels for each CSS pixel show the author's image, drawn by the kernel in its own state."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jupyter_figserve.demo.server_process import ServerProcess

from .conftest import open_page, share

SETUP = """
import matplotlib.pyplot as plt, numpy as np, jupyter_figserve as figserve
"""
FIGURES = {
    "fonts": ("plt.rcParams.update({'font.family': 'DejaVu Serif', 'font.size': 15})", "ax.set_ylabel('y' * 9)", {}),
    "tight": ("", "ax.legend(loc='center left', bbox_to_anchor=(1, 0.5))", {"tight": True}),
    "polar": ("plt.close(fig); fig, ax = plt.subplots(subplot_kw={'projection': 'polar'})", "ax.bar([0, 1, 3], 2)", {}),
    "scatter": ("", "ax.scatter(*np.random.rand(2, 20_000), s=1)", {}),
}
CELL = """
plt.rcdefaults()
{before}
fig, ax = plt.subplots() if {name!r} != 'polar' else plt.subplots(subplot_kw={{'projection': 'polar'}})
ax.plot([1, 3, 2], label='sales'); ax.set_title('Sales')
{drawing}
pub = figserve.publish(fig, {name!r}, **{options})
fig.savefig({file!r}, dpi=2 * fig.dpi, bbox_inches='tight' if {options} else None)
plt.rcdefaults(); plt.close('all')
"""


@pytest.mark.kernel
def test_pages_show_the_image_of_the_author(open_context, live_server: ServerProcess, tmp_path: Path) -> None:
    """For any rcParams, crop and global state of matplotlib; the cells do not wait."""
    with live_server.kernel("dense.ipynb") as kernel:
        assert kernel.run(SETUP).error is None
        for name, (before, drawing, options) in FIGURES.items():
            before = "" if name == "polar" else before
            file = str(tmp_path / f"{name}.png")
            code = CELL.format(name=name, before=before, drawing=drawing, options=options, file=file)
            execution = kernel.run(code)
            assert execution.error is None, execution.stderr
        flush = "from jupyter_figserve.kernel.figures import archiver; print(archiver.flush(60))"
        assert kernel.run(flush).stdout.strip() == "True"
    page = open_context(device_scale_factor=2, viewport={"width": 1600, "height": 1200}).new_page()
    for record in live_server.fetch("figserve/api/figures?notebook=dense.ipynb").json()["figures"]:
        expected = Image.open(tmp_path / f"{record['name']}.png").convert("L")
        open_page(page, share(live_server, record)["url"])
        image = page.locator("img.figure-image")
        suffix = image.evaluate("image => new URL(image.currentSrc).pathname.split('.').pop()")
        assert suffix == ("png" if record["name"] == "scatter" else "svg")
        shown = Image.open(io.BytesIO(image.screenshot())).convert("L")
        # Much smaller: the edges of a crop may lie a pixel apart.
        small = (expected.width // 10, expected.height // 10)
        ours, theirs = (np.asarray(one.resize(small), float) for one in (shown, expected))
        assert (np.abs(ours - theirs) > 40).mean() < 0.01, record["name"]
