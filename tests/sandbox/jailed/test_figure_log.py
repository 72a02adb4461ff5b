"""Figures that are saved, shown and cleared are the ones that a reader would have seen, with the options of savefig."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from ..harness import Sandbox

PLT = "import matplotlib.pyplot as plt\n"
ONE = PLT + "plt.figure(figsize=(3, 1))\nplt.plot([1, 2])\n"
TIGHT = ONE + "plt.text(1, 3, 'far above')\nplt.savefig('o.png', dpi=200, bbox_inches='tight', facecolor='red')\n"
LOOP = PLT + "for i in (1, 2, 3):\n    plt.gcf().set_size_inches(i, 1)\n    plt.plot([i, 0])\n    "


def size(sandbox: Sandbox, code: str, **fields) -> tuple[int, int]:
    return Image.open(io.BytesIO(sandbox.render(code, **fields).images[0].data)).size


@pytest.mark.parametrize(
    ("code", "fields", "expected"),
    [
        (ONE + "plt.savefig('o.png', dpi=200)\n", {}, (600, 200)),
        (ONE + "plt.savefig('o.pdf', dpi=200, format='svg')\nplt.show()\n", {}, (600, 200)),
        (ONE + "import io\nplt.savefig(io.BytesIO(), dpi=200)\nplt.close()\n", {}, (600, 200)),
        (ONE + "plt.show()\nplt.savefig('o.png', dpi=200)\n", {}, (600, 200)),
        (ONE + "plt.savefig('o.png', dpi=200)\nplt.gcf()\n", {}, (300, 100)),
        (ONE + "plt.gcf().canvas.print_figure('o.png', dpi=200)\n", {}, (600, 200)),
        (ONE + "plt.gcf().canvas.print_figure('o.png', 200)\nplt.close()\n", {}, (600, 200)),
        (ONE + "plt.savefig('o.png', dpi=200)\n", {"dpi": 50}, (150, 50)),
        (TIGHT, {"width": 120}, (120, 40)),
        (ONE + "plt.savefig('a.png', dpi=50)\nplt.savefig('b.png', dpi=200)\n", {"figure": 1}, (150, 50)),
        (ONE + "plt.savefig('a.png', dpi=50)\nplt.savefig('b.png', dpi=200)\n", {"figure": 2}, (600, 200)),
    ],
)
def test_the_options_of_savefig(full_sandbox: Sandbox, code: str, fields: dict, expected: tuple[int, int]):
    """They hold where the request names no size; a figure given by an expression has its own size."""
    assert size(full_sandbox, code, **fields) == expected


def test_a_tight_box_and_a_colour(full_sandbox: Sandbox):
    """The image is what the file would have been."""
    image = Image.open(io.BytesIO(full_sandbox.render(TIGHT).images[0].data)).convert("RGB")
    assert image.size != (600, 200)
    assert image.getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("end", ["plt.show()", "plt.savefig(f'{i}.png')\n    plt.clf()"])
def test_a_loop_makes_a_figure_in_each_round(full_sandbox: Sandbox, end: str):
    """After ``show``, pyplot draws a new figure; a figure that was saved and cleared is kept as it was saved."""
    sizes = [(100, 100), (200, 100), (300, 100)]
    assert size(full_sandbox, LOOP + end) == sizes[-1]
    assert size(full_sandbox, LOOP + end, figure=2) == sizes[1]
    images = full_sandbox.render(LOOP + end, figure="all").images
    assert [Image.open(io.BytesIO(image.data)).size for image in images] == sizes


@pytest.mark.parametrize("end", ["plt.show()\nplt.cla()", "plt.savefig('1.png')\nplt.cla()", "plt.show()\nplt.clf()"])
def test_cleared_axes_are_not_the_result(full_sandbox: Sandbox, end: str):
    """What was shown or saved before is."""
    expected = full_sandbox.render(ONE).images[0].data
    assert full_sandbox.render(ONE + end).images[0].data == expected


def test_a_figure_that_grows_is_kept_at_its_number(full_sandbox: Sandbox):
    """The first saved image shows what was drawn by then."""
    first = full_sandbox.render(PLT + "plt.plot([1, 2])\nplt.savefig('0.png')\n").images[0].data
    grows = PLT + "plt.plot([1, 2])\nplt.savefig('0.png')\nplt.plot([2, 1])\nplt.savefig('1.png')\n"
    assert full_sandbox.render(grows, figure=1).images[0].data == first
    assert full_sandbox.render(grows, figure=2).images[0].data != first


@pytest.mark.parametrize("show", ["plt.show(block=False)", "plt.ion()\nplt.show()"])
def test_a_show_that_does_not_block_leaves_the_figure_current(full_sandbox: Sandbox, show: str):
    """As on a desktop, where the code continues to change it."""
    assert size(full_sandbox, ONE + show + "\nplt.gcf().set_size_inches(4, 1)\n") == (400, 100)
