"""One live call: the function's figure in the requested format, size and resolution, or its failure."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from jupyter_figserve.errors import CodeFailed, InvalidInput, NoFigure, UnsupportedType
from jupyter_figserve.model.live import LiveRequest
from jupyter_figserve.plotting.live_call import LiveCallResult, draw
from jupyter_figserve.plotting.signatures import read_signature


def call(function: Callable[..., Any], *args: Any, **fields: Any) -> LiveCallResult:
    return draw(function, read_signature(function), LiveRequest(*args, **fields))


def size(result: LiveCallResult) -> tuple[int, int]:
    return Image.open(io.BytesIO(result.payload.data)).size


def figure(n: int = 1) -> Figure:
    """Print a line, and return a figure of 300 by 200 pixels."""
    print("n is", n)
    made = Figure(figsize=(3, 2), dpi=100)
    made.add_subplot().plot([0, n])
    return made


def photo() -> Image.Image:
    return Image.new("RGB", (30, 20))


def fail(n: int = 1) -> None:
    raise ValueError(f"n is {n}")


def test_figure_of_the_function():
    """The returned or the current figure is used, and printed output is kept."""

    def current():
        plt.figure(figsize=(1, 1), dpi=100)

    result = call(figure, {"n": 5})
    assert (size(result), result.output, result.device_pixel_ratio) == ((300, 200), "n is 5\n", 1)
    assert size(call(current)) == (100, 100)
    with pytest.raises(NoFigure, match="returned nothing"):
        call(lambda: None)


def test_sizes():
    """One side keeps the aspect ratio; only matplotlib figures can be resized."""
    assert size(call(figure, width=150)) == (150, 100)
    assert size(call(figure, height=100)) == (150, 100)
    assert size(call(figure, width=100, height=100)) == (100, 100)
    assert size(call(figure, dpi=50)) == (150, 100)
    with pytest.raises(InvalidInput, match="Omit width and height"):
        call(photo, width=10)


def test_device_pixel_ratio():
    """It applies to raster images in the figure's own size; others are rendered at 1."""
    result = call(figure, device_pixel_ratio=2)
    assert (size(result), result.device_pixel_ratio) == ((600, 400), 2)
    for other in (
        call(figure, width=150, device_pixel_ratio=2),
        call(figure, format="svg", device_pixel_ratio=2),
        call(photo, device_pixel_ratio=2),
    ):
        assert other.device_pixel_ratio == 1


def test_failure_has_the_functions_own_frames():
    """The traceback includes the function's line and excludes our frames."""
    with pytest.raises(CodeFailed, match="ValueError: n is 3") as caught:
        call(fail, {"n": 3})
    assert (caught.value.kind, caught.value.line) == ("ValueError", fail.__code__.co_firstlineno + 1)
    assert caught.value.traceback.count("File ") == 1


def test_format_that_the_figure_does_not_have():
    """The message lists the available formats."""

    class Page:
        def _repr_html_(self) -> str:
            return "<p>A page</p>"

    with pytest.raises(UnsupportedType, match="html") as caught:
        call(Page)
    assert caught.value.code == "html_only"
    assert call(Page, format="html").is_html
