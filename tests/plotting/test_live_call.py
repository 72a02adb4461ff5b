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
from jupyter_figserve.model.responses import Response
from jupyter_figserve.plotting.live_call import LiveCallResult, render_live
from jupyter_figserve.plotting.signatures import read_signature


def call(function: Callable[..., Any], *args: Any, tight: bool = False, **fields: Any) -> LiveCallResult:
    return render_live(function, read_signature(function), LiveRequest(*args, **fields), tight=tight)


def size(result: LiveCallResult) -> tuple[int, int]:
    return Image.open(io.BytesIO(result.content.data)).size


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
    """They are exact; one side keeps the aspect ratio; only matplotlib figures can be resized."""
    assert size(call(figure, width=150)) == (150, 100)
    assert size(call(figure, height=100)) == (150, 100)
    assert size(call(figure, width=100, height=100)) == (100, 100)
    assert size(call(figure, dpi=50)) == (150, 100)
    assert size(call(figure, width=1001, height=113)) == (1001, 113)
    assert size(call(figure, height=113)) == (170, 113)
    assert size(call(figure, width=77, height=91, tight=True)) == (77, 91)
    with pytest.raises(InvalidInput, match="Omit width and height"):
        call(photo, width=10)


def test_a_figure_keeps_its_own_size():
    """Of a function that returns the same figure each time."""
    made = figure()
    assert size(call(lambda: made, width=150)) == (150, 100)
    assert size(call(lambda: made)) == (300, 200)


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


def labelled() -> Figure:
    """Return a figure too small for its labels."""
    made = Figure(figsize=(1.5, 1), dpi=100)
    made.add_subplot().set(xlabel="A whole label", ylabel="Another")
    return made


def test_tight_keeps_the_labels():
    """The image grows or shrinks to its content, in each format and resolution."""
    plain, tight = call(labelled), call(labelled, tight=True)
    assert size(plain) == (150, 100)
    assert size(tight)[1] > 100
    double = call(labelled, tight=True, device_pixel_ratio=2)
    assert double.device_pixel_ratio == 2
    assert all(abs(2 * one - two) <= 2 for one, two in zip(size(tight), size(double), strict=True))
    assert call(labelled, format="svg", tight=True).content.height > call(labelled, format="svg").content.height


def test_data_and_its_status():
    """Data is available as JSON and CSV only, and a figure is not."""

    def divide(x: float = 1, y: float = 4):
        return Response({"error": "y is 0"}, 422) if y == 0 else {"quotient": x / y}

    assert call(divide, format="json").content.data == b'{"quotient": 0.25}'
    assert call(divide, format="csv").content.data == b"quotient\n0.25\n"
    failed = call(divide, {"y": 0}, format="json")
    assert (failed.status, failed.content.data) == (422, b'{"error": "y is 0"}')
    for function, name, code in ((divide, "png", "data_only"), (figure, "json", "not_data")):
        with pytest.raises(UnsupportedType) as caught:
            call(function, format=name)
        assert caught.value.code == code


def test_containers_of_artists_are_figures():
    """What ``plot`` and ``subplots`` return is a figure, though it is a list or an array."""

    def lines():
        return plt.plot([1, 2])

    def axes():
        return plt.subplots(1, 2)[1]

    for function in (lines, axes):
        assert call(function).content.mimetype == "image/png"


def test_svg_alone():
    """The error names the format that there is, as a code for pages; text of an SVG is an image."""

    def text():
        return "<svg xmlns='http://www.w3.org/2000/svg' width='4' height='3'/>"

    with pytest.raises(UnsupportedType, match="Use svg") as caught:
        call(text)
    assert caught.value.code == "svg_only"
    assert call(text, format="svg").content.mimetype == "image/svg+xml"
