"""A figure in another size: exact to the pixel, with a tight image and without."""

from __future__ import annotations

import io

import pytest
from matplotlib.figure import Figure
from PIL import Image

from jupyter_figserve.plotting.redraw import encode_resized
from jupyter_figserve.plotting.resize import complete_size
from jupyter_figserve.plotting.resolve import find_figure


def size(*, tight: bool, width: int | None = None, height: int | None = None) -> tuple[int, int]:
    figure = Figure(figsize=(3, 2), dpi=100)
    figure.subplots().plot([1, 2])
    options = {"format": "png", "width": width, "height": height, "dpi": None, "tight": tight, "transparent": False}
    encoded = encode_resized(find_figure(figure), options)
    return Image.open(io.BytesIO(encoded.images[0].data)).size


@pytest.mark.parametrize("tight", [False, True], ids=["whole", "tight"])
@pytest.mark.parametrize("asked", [(113, 75), (1001, 700), (77, 91)])
def test_both_sides_are_exact(asked, tight):
    """Whatever the quotient of pixels and resolution is as a floating-point number."""
    assert size(width=asked[0], height=asked[1], tight=tight) == asked


def test_one_side_keeps_the_aspect_ratio():
    """Of the figure, or of its tight image."""
    assert [size(width=150, tight=False), size(height=113, tight=False)] == [(150, 100), (170, 113)]
    whole, (own_width, own_height) = size(tight=False), size(tight=True)
    assert whole != (own_width, own_height)
    assert size(width=2 * own_width, tight=True)[1] == pytest.approx(2 * own_height, abs=2)


def test_complete_size():
    """No side, one or both are requested."""
    assert complete_size((300, 200), None, None) == (300, 200)
    assert complete_size((300, 200), 150, None) == (150, 100)
    assert complete_size((300, 200), None, 100) == (150, 100)
    assert complete_size((300, 200), 10, 20) == (10, 20)
