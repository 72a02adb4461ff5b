"""A figure drawn again is compared with its published image: strictly by the same engine, else up to moved texts."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from jupyter_figserve.errors import OutputInvalid
from jupyter_figserve.plotting.comparison import check_same_picture, current_engine
from jupyter_figserve.plotting.encode import encode

from ..example_figures import line, transparent

OWN = current_engine()
PATCHED = ("3.0.0", OWN[1], OWN[2])
BUILT = (OWN[0], "2.0.0", OWN[2])
ENGINES = (OWN, PATCHED, BUILT, None)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def drawn(figure) -> np.ndarray:
    data = encode(figure, ("png",), with_thumbnail=False).images[0].data
    plt.close("all")
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def is_same(one: np.ndarray, other: np.ndarray, engine) -> bool:
    try:
        check_same_picture(png(one), png(other), engine)
    except OutputInvalid:
        return False
    return True


def retitled(title: str):
    figure = line()
    figure.axes[0].set_title(title)
    return figure


@pytest.mark.parametrize("engine", ENGINES)
def test_another_encoding_of_the_same_pixels(engine):
    """Of another compressor, or with a channel of alpha."""
    pixels = drawn(line())
    check_same_picture(png(pixels), png(np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])), engine)
    clear = encode(transparent(), ("png",)).images[0].data
    check_same_picture(clear, png(np.asarray(Image.open(io.BytesIO(clear)))), engine)


def test_the_same_engine_draws_the_same_pixels():
    """One other digit is another picture; a rounded colour is not."""
    before = drawn(retitled("Sales: 1"))
    assert not is_same(before, drawn(retitled("Sales: 2")), OWN)
    assert is_same(before, before - (before > 100).astype(np.uint8), OWN)
    assert not is_same(before, before[:-1], OWN)


def test_the_error_has_a_code():
    """Callers know it by that."""
    with pytest.raises(OutputInvalid) as raised:
        check_same_picture(png(drawn(line())), png(drawn(retitled("other"))), OWN)
    assert raised.value.code == "different"


def test_another_version_moves_content():
    """By two pixels, or a side; another line is another picture."""
    before = drawn(line())
    assert is_same(before, np.roll(before, 2, axis=1), PATCHED)
    assert is_same(before, np.pad(before, ((0, 1), (0, 2), (0, 0)), mode="edge"), PATCHED)
    assert not is_same(before, np.roll(before, 2, axis=1), OWN)
    figure = line()
    figure.axes[0].plot([0, 10], [-1, 1])
    assert not is_same(before, drawn(figure), PATCHED)
    assert not is_same(before, np.pad(before, ((0, 90), (0, 0), (0, 0)), mode="edge"), PATCHED)


@pytest.mark.parametrize("engine", [BUILT, None])
def test_another_freetype_draws_other_texts(engine):
    """Their widths differ, and with them the layout; another image is another picture."""
    before = drawn(retitled("W" * 30))
    assert is_same(before, drawn(retitled("M" * 30)), engine)
    assert not is_same(before, drawn(retitled("W" * 30))[::-1], PATCHED)
    assert not is_same(before, 255 - before, engine)
