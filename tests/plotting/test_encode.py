from __future__ import annotations

import io
import os
import subprocess
import sys
import threading

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from jupyter_figserve.errors import InvalidInput, OutputInvalid, UnsupportedType
from jupyter_figserve.model.formats import FORMATS, find_format_of_bytes
from jupyter_figserve.plotting import images
from jupyter_figserve.plotting.encode import encode, is_encodable

from ..example_figures import (
    FIGURES,
    colourless,
    constrained,
    histograms,
    huge,
    image,
    line,
    many_things,
    one_pixel,
    overhanging,
    scatter,
    surface,
    transparent,
)
from ..matrices import pairs
from ..pixels import pixels

MATPLOTLIB_FORMATS = ("png", "svg", "pdf", "jpg", "webp", "eps", "svgz")


def saved(figure, format="png", **options):
    buffer = io.BytesIO()
    figure.savefig(buffer, format=format, **options)
    return buffer.getvalue()


def assert_saved_alike(make, *, tight=False, **options):
    """Check that ``encode`` and ``savefig`` give the same pixels, dpi and text.

    With a layout engine, a figure that was saved before is checked too, because a constrained layout changes from one
    save to the next; it does not from one ``encode`` to the next.
    """
    extra = {"pil_kwargs": {"compress_level": 1}, **({"bbox_inches": "tight"} if tight else {})}
    ours, theirs = make(), make()
    first = saved(theirs, **options, **extra)
    assert_same_image(encode(ours, tight=tight, **options).images[0], first)
    if ours.get_layout_engine() is not None:
        assert_same_image(encode(ours, tight=tight, **options).images[0], first)
        saved(ours, **options, **extra)
        assert_same_image(encode(ours, tight=tight, **options).images[0], saved(theirs, **options, **extra))


def assert_same_image(image, expected):
    assert np.array_equal(pixels(image.data), pixels(expected))
    with Image.open(io.BytesIO(image.data)) as ours, Image.open(io.BytesIO(expected)) as theirs:
        assert ours.text == theirs.text
        assert ours.info["dpi"] == theirs.info["dpi"]
        assert (image.width, image.height) == theirs.size
        assert image.dpi == pytest.approx(theirs.info["dpi"][0], abs=0.02)


@pytest.mark.parametrize(("make", "tight"), pairs(FIGURES, [True, False]))
def test_pixels_are_those_of_savefig(make, tight):
    """The PNG has exactly the pixels of savefig, in the figure's box and in a tight one."""
    assert_saved_alike(make, tight=tight)


@pytest.mark.nightly
def test_huge_images_are_those_of_savefig():
    """24 million pixels are encoded exactly."""
    assert_saved_alike(huge)


@pytest.mark.parametrize("dpi", [30, 72, 100.5, 200])
def test_dpi_is_that_of_savefig(dpi):
    """The requested dpi decides the pixels, as in savefig."""
    assert_saved_alike(line, dpi=dpi)


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (line, {"savefig.dpi": 55}),
        (line, {"savefig.facecolor": "yellow", "savefig.edgecolor": "red", "patch.linewidth": 4}),
        (line, {"savefig.transparent": True}),
        (line, {"savefig.bbox": "tight", "savefig.pad_inches": 0.7}),
        (constrained, {"savefig.bbox": "tight", "savefig.dpi": 55}),
        (line, {"figure.dpi": 144}),
        (line, {"figure.autolayout": True}),
        (constrained, {"figure.autolayout": True}),
        (line, {"figure.frameon": False}),
        (line, {"text.antialiased": False, "lines.antialiased": False}),
    ],
)
def test_settings_hold_as_in_savefig(make, settings):
    """The rcParams for saving apply."""
    with mpl.rc_context(settings):
        assert_saved_alike(make)


@pytest.mark.parametrize("style", ["dark_background", "ggplot", "grayscale", "bmh"])
def test_styles_hold_as_in_savefig(style):
    """A style context around creating and publishing gives the styled image."""
    with plt.style.context(style):
        assert_saved_alike(histograms)


def test_sketched_styles_hold_as_in_savefig():
    """xkcd sets path effects and filters; its jitter is seeded, so that the pixels agree."""
    with plt.xkcd():
        mpl.rcParams["font.family"] = "DejaVu Sans"
        assert_saved_alike(line)


def test_figures_without_pyplot_are_rendered():
    """A Figure without a pyplot manager is encoded like any other."""

    def make():
        figure = Figure()
        figure.add_subplot().plot([1, 2])
        return figure

    assert_saved_alike(make)
    figure = make()
    canvas = figure.canvas
    encode(figure)
    assert figure.canvas is canvas


@pytest.mark.parametrize("make", [line, histograms, scatter, image, surface, transparent, colourless])
def test_files_are_no_larger_than_those_of_savefig(make):
    """The fast encoder does not cost file size."""
    figure = make()
    assert len(encode(figure).images[0].data) <= len(saved(figure))


@pytest.mark.parametrize(
    ("make", "options"), pairs(FIGURES, [(("svg", "png"), False), (("jpg",), True), (("svg", "png"), True)])
)
def test_figures_are_left_as_savefig_leaves_them(make, options):
    """Size, dpi, colours, canvas, manager, layout engine and rcParams are kept.

    Axes are where savefig puts them, and where they were if a layout engine would move them.
    """
    (formats, tight), figure, reference = options, make(), make()
    canvas, engine, rc = figure.canvas, figure.get_layout_engine(), dict(mpl.rcParams)

    def state(figure):
        patches = [figure.patch, *(axes.patch for axes in figure.axes)]
        colours = [(patch.get_facecolor(), patch.get_edgecolor()) for patch in patches]
        boxes = [axes.get_position().bounds for axes in figure.axes]
        return figure.dpi, figure._original_dpi, tuple(figure.get_size_inches()), colours, boxes

    encode(figure, formats, dpi=110, tight=tight)
    for name in sorted(formats) if engine is None else ():
        saved(reference, name, dpi=110, **({"bbox_inches": "tight"} if tight else {}))
    assert state(figure) == state(reference)
    assert figure.canvas is canvas
    assert canvas.manager is not None
    assert not canvas.is_saving()
    assert figure.get_layout_engine() is engine
    assert dict(mpl.rcParams) == rc
    assert plt.fignum_exists(figure.number)


def test_a_failing_draw_leaves_the_figure_as_it_was():
    """The canvas and the dpi are restored after an error."""
    figure = line()
    canvas, dpi = figure.canvas, figure.dpi
    figure.axes[0].set_title(r"$\frac{$")
    with pytest.raises(OutputInvalid, match="could not be drawn: ValueError"):
        encode(figure, dpi=33)
    assert (figure.canvas, figure.dpi) == (canvas, dpi)


def test_interactive_windows_are_not_affected():
    """An interactive backend's canvas is not redrawn, resized or cleared."""

    class Window(FigureCanvasAgg):
        draws = 0

        def draw(self):
            self.draws += 1
            super().draw()

    figure = line()
    window = Window(figure)
    window.draw()
    shown, renderer = bytes(window.buffer_rgba()), window.renderer
    encode(figure, ("png", "jpg"), dpi=42)
    assert figure.canvas is window
    assert window.draws == 1
    assert window.renderer is renderer
    assert bytes(window.buffer_rgba()) == shown


def test_png_and_thumbnail_share_one_render(monkeypatch):
    """The thumbnail is made from the image's own pixels."""
    draws = []
    monkeypatch.setattr(
        Figure, "draw", lambda self, renderer, draw=Figure.draw: (draws.append(1), draw(self, renderer))
    )
    encode(line())
    assert len(draws) == 1


@pytest.mark.parametrize("formats", [("png",), ("svg",), ("pdf", "eps"), ("jpg", "png")])
def test_every_format_has_a_thumbnail(formats):
    """Vector formats too have a PNG thumbnail 320 pixels wide."""
    thumbnail = encode(line(), formats).thumbnail
    assert (thumbnail.mimetype, thumbnail.width, thumbnail.height) == ("image/png", 320, 240)
    assert pixels(thumbnail.data).std() > 10


@pytest.mark.parametrize("formats", [("png", "jpg"), ("jpg", "png"), ("webp", "svg", "png")])
def test_formats_do_not_affect_each_other(formats):
    """The PNG and its thumbnail are the same regardless of other requested formats."""
    alone, among = encode(constrained()), encode(constrained(), formats)
    assert among.images[formats.index("png")] == alone.images[0]
    assert among.thumbnail == alone.thumbnail


def test_images_are_in_the_order_of_the_formats():
    """Each image matches its mimetype and states its size in pixels, for vector formats at 96 per inch."""
    encoded = encode(line(), MATPLOTLIB_FORMATS)
    for name, part in zip(MATPLOTLIB_FORMATS, encoded.images, strict=True):
        assert part.mimetype == FORMATS[name].mimetype
        assert find_format_of_bytes(part.data) is FORMATS[name]
        if FORMATS[name].is_vector:
            assert (part.width, part.height, part.dpi) == (614, 461, None)
        else:
            assert (part.width, part.height, part.dpi) == (640, 480, 100)


def test_vector_sizes_follow_a_tight_box():
    """The size is that of the cropped image, not of the figure."""
    svg, pdf, eps = encode(overhanging(), ("svg", "pdf", "eps"), tight=True).images
    assert svg.width > 614 + 50
    assert (svg.width, svg.height) == pytest.approx((pdf.width, pdf.height), abs=2)
    assert (svg.width, svg.height) == pytest.approx((eps.width, eps.height), abs=2)


@pytest.mark.parametrize("dpi", [None, 55])
def test_jpg_and_webp_are_those_of_savefig(dpi):
    """The files that Pillow writes are those of savefig, byte for byte."""
    figure, options = transparent(), {} if dpi is None else {"dpi": dpi}
    for part, name in zip(encode(figure, ("jpg", "webp"), **options).images, ("jpg", "webp"), strict=True):
        assert part.data == saved(figure, name, **options)
        assert part.dpi == (dpi or 100)


PROGRAM = """
import hashlib
from tests.plotting.test_encode import MATPLOTLIB_FORMATS, encode, many_things
for image in encode(many_things(), MATPLOTLIB_FORMATS).images:
    print(image.mimetype, hashlib.sha256(image.data).hexdigest())
"""


def test_equal_figures_have_equal_bytes_in_every_process():
    """No date, random id or hash order enters a file."""

    def run(seed, **extra):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "MPLBACKEND": "Agg", **extra}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    first = run("1")
    assert len(first) == len(MATPLOTLIB_FORMATS)
    # Another time zone would change any date in a file.
    assert first == run("2", TZ="Asia/Tokyo", SOURCE_DATE_EPOCH="86400")


@pytest.mark.parametrize("name", MATPLOTLIB_FORMATS)
def test_equal_figures_have_equal_bytes_in_one_process(name):
    """Two equal figures, and one rendered twice, give the same bytes."""
    figure = many_things()
    first, again, other = (encode(item, (name,)).images[0].data for item in (figure, figure, many_things()))
    assert first == again == other


def test_settings_of_another_thread_are_kept():
    """rcParams that another thread sets during the render are kept afterwards."""

    class Setter(Figure):
        def draw(self, renderer):
            other = threading.Thread(target=lambda: mpl.rcParams.update({"lines.linewidth": 7.0}))
            other.start()
            other.join()
            super().draw(renderer)

    encode(Setter(), ("svg",))
    assert mpl.rcParams["lines.linewidth"] == 7.0
    assert mpl.rcParams["svg.hashsalt"] is None


@pytest.mark.parametrize("name", ["png", "svg", "jpg"])
def test_too_many_pixels_are_rejected_before_drawing(name, monkeypatch):
    """A figure over the limit is refused with its size before drawing."""
    monkeypatch.setattr(Figure, "draw", lambda *_: pytest.fail("was drawn"))
    with pytest.raises(OutputInvalid, match=r"[0-9,]{6} by [0-9,]{6} pixels") as caught:
        encode(plt.figure(figsize=(20_000 / 96, 200), dpi=96 if name == "svg" else 100), (name,))
    assert caught.value.code == "too_many_pixels"


def test_too_many_pixels_of_a_tight_box_are_rejected():
    """An artist far outside the figure does not make the tight image unbounded."""
    figure = line()
    figure.text(300, 0.5, "far away")
    figure.text(0.5, 300, "far above")
    with pytest.raises(OutputInvalid, match="pixels"):
        encode(figure, tight=True)


def test_less_than_a_pixel_is_rejected():
    """A figure smaller than one pixel is refused with that reason."""
    with pytest.raises(OutputInvalid, match="smaller than a pixel"):
        encode(one_pixel(), dpi=50)


def test_the_limit_is_as_documented():
    """An image of exactly 100 million pixels is accepted."""
    assert images.MAX_PIXELS == 100_000_000
    images.check_pixels(10_000, 10_000)
    with pytest.raises(OutputInvalid):
        images.check_pixels(float("nan"), 1)


def test_an_error_while_drawing_is_named():
    """The error states the exception's type and message, and keeps it as its cause."""

    class Broken(Figure):
        def draw(self, renderer):
            raise ZeroDivisionError("by\nnought")

    with pytest.raises(OutputInvalid, match="The figure could not be drawn: ZeroDivisionError: by nought") as caught:
        encode(Broken())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_html_of_a_matplotlib_figure_is_rejected():
    """A matplotlib figure has no HTML form."""
    with pytest.raises(UnsupportedType, match="not available as html"):
        encode(line(), ("html",))


@pytest.mark.parametrize(("formats", "error"), [(("bmp",), UnsupportedType), ((), InvalidInput)])
def test_formats_are_validated(formats, error):
    """An unknown format and an empty list are refused."""
    with pytest.raises(error):
        encode(line(), formats)


@pytest.mark.parametrize("dpi", [0, -1, float("nan"), float("inf")])
def test_dpi_is_a_positive_number(dpi):
    """Resolutions that cannot be rendered are refused as invalid input."""
    with pytest.raises(InvalidInput, match="Invalid dpi"):
        encode(line(), dpi=dpi)


def test_title_and_alt_are_included():
    """The encoded figure has the figure's title and description."""
    encoded = encode(line())
    assert encoded.title == "Waves"
    assert encoded.alt == "Line plot “Waves”: height against time."


def test_the_figure_can_be_kept_as_a_source():
    """The encoded figure refers to the figure itself, for pickling."""
    figure = line()
    assert encode(figure.axes[0]).figure is figure


def test_importing_loads_nothing_that_is_installed():
    """Importing the module loads no plotting library."""
    heavy = {"numpy", "matplotlib", "PIL", "zlib_ng"}
    program = f"import sys, jupyter_figserve.plotting.encode; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_without_matplotlib_nothing_of_it_is_loaded():
    """Publishing bytes or markup does not load a plotting library."""
    program = """
import sys
from jupyter_figserve.plotting.encode import encode
class Page:
    def _repr_html_(self): return "<p>words</p>"
print(encode(Page()).images[0].mimetype, "matplotlib" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["text/html", "False"]


@pytest.mark.parametrize(("obj", "expected"), [(Figure(), True), (b"no image", True), (object(), False), (3, False)])
def test_encodable_objects_are_recognised(obj, expected):
    """An object of a supported kind is encodable even if it fails to render."""
    assert is_encodable(obj) is expected
