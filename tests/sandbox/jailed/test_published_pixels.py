"""A published figure redrawn in a real sandbox has the pixels and files of ``savefig``, in any drawing state."""

from __future__ import annotations

import contextlib
import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import colors, font_manager, lines, ticker
from matplotlib import pyplot as plt
from matplotlib.path import Path as MplPath
from PIL import Image

from jupyter_figserve.errors import FigServeError
from jupyter_figserve.plotting.encode import encode
from jupyter_figserve.plotting.pickling import pickle_figure

from ...example_figures import (
    bars,
    constrained,
    contours,
    days,
    histograms,
    image,
    line,
    many_things,
    mathtext,
    overhanging,
    polar_bars,
    registered_colormap,
    seaborn_strips,
    subfigures,
    surface,
    twins,
)
from ...pixels import pixels
from ..harness import Sandbox

FIGURES = (
    line,
    bars,
    polar_bars,
    image,
    histograms,
    contours,
    surface,
    mathtext,
    days,
    twins,
    constrained,
    subfigures,
    seaborn_strips,
    registered_colormap,
    many_things,
    overhanging,
)
STATES: dict[str, dict[str, object] | str] = {
    "defaults": {},
    "fonts": {"font.sans-serif": ["DejaVu Serif"], "font.size": 16},
    "tight": {"savefig.bbox": "tight", "savefig.pad_inches": 0.4, "savefig.facecolor": "lavender"},
    "resolution": {"savefig.dpi": 60, "figure.dpi": 130},
    "transparent": {"savefig.transparent": True, "figure.facecolor": "#ffeecc"},
    "dark": "dark_background",
    "house style": "seaborn-v0_8-poster",
    "xkcd": "xkcd",
    "ticks": {"xtick.minor.visible": True, "xtick.direction": "in", "ytick.right": True, "axes.grid": True},
    "math": {"mathtext.fontset": "stix", "axes.unicode_minus": False, "axes.formatter.use_mathtext": True},
    "lines": {"lines.antialiased": False, "path.simplify": False, "hatch.linewidth": 4, "patch.antialiased": False},
    "files": {"svg.fonttype": "none", "pdf.fonttype": 42, "image.composite_image": False, "pdf.compression": 0},
    "layout": {"figure.autolayout": True, "date.autoformatter.month": "%m/%y", "axes.xmargin": 0.2},
}


@pytest.fixture(autouse=True)
def own_matplotlib():
    """Use matplotlib's defaults on Agg, and close the figures of each test."""
    path = MplPath.unit_rectangle()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.use("Agg")
        path._interpolation_steps = 1
        yield
        plt.close("all")


@contextlib.contextmanager
def drawing_state(name: str):
    settings = STATES[name]
    with contextlib.ExitStack() as stack:
        if settings == "xkcd":
            stack.enter_context(plt.xkcd())
        elif isinstance(settings, str):
            stack.enter_context(plt.style.context(settings))
        else:
            stack.enter_context(mpl.rc_context(settings))
        yield


def saved(figure, **options) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", **options)
    return buffer.getvalue()


def published(make: Callable[[], object], formats=("png", "pdf"), **options) -> tuple[bytes, dict[str, bytes]]:
    """Return the source of a figure and its files, as a kernel publishes them."""
    encoded = encode(make(), formats, with_state=True, with_thumbnail=False, **options)
    assert encoded.state is not None
    files = {part.mimetype.partition("/")[2][:3]: part.data for part in encoded.images}
    return pickle_figure(encoded.figure, encoded.state), files


def assert_redrawn(sandbox: Sandbox, source: bytes, files: dict[str, bytes]) -> None:
    for format in files:
        (again,) = sandbox.render(source, kind="figure", format=format).images
        if format == "png":
            assert np.array_equal(pixels(again.data), pixels(files["png"])), format
        else:
            assert again.data == files[format], format


def check(sandbox: Sandbox, make, name: str, formats) -> None:
    with drawing_state(name):
        source, files = published(make, formats)
        assert np.array_equal(pixels(files["png"]), pixels(saved(make()))), "published"
    assert_redrawn(sandbox, source, files)


@pytest.mark.parametrize("number", range(len(FIGURES)), ids=[make.__name__ for make in FIGURES])
def test_a_figure_has_the_published_pixels(full_sandbox: Sandbox, number: int):
    """Each figure in a drawing state, in another one than its neighbours; as PNG, and as SVG or PDF."""
    names = list(STATES)
    check(full_sandbox, FIGURES[number], names[number % len(names)], ("png", ("svg", "pdf")[number % 2]))


@pytest.mark.nightly
@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("make", FIGURES)
def test_all_figures_in_all_states(full_sandbox: Sandbox, make, name: str):
    """Every pair, in three formats."""
    check(full_sandbox, make, name, ("png", "svg", "pdf"))


def test_options_of_the_call(full_sandbox: Sandbox):
    """A tight image stays tight, and its resolution stays, where the request names something else."""
    source, files = published(overhanging, tight=True, dpi=300)
    assert_redrawn(full_sandbox, source, files)
    width, height = Image.open(io.BytesIO(files["png"])).size
    assert width > 1920 > 1440 > height
    for options in ({"style": "ggplot"}, {"transparent": True}):
        (again,) = full_sandbox.render(source, kind="figure", **options).images
        assert (again.width, again.height) == (width, height)
    (small,) = full_sandbox.render(source, kind="figure", dpi=150).images
    assert abs(small.width - width / 2) < 8
    (exact,) = full_sandbox.render(source, kind="figure", width=800, dpi=100).images
    assert exact.width == 800
    assert abs(exact.height - 800 * height / width) < 2
    untight, _ = published(line, dpi=300)
    (clear,) = full_sandbox.render(untight, kind="figure", transparent=True).images
    assert (clear.width, clear.height) == (1920, 1440)


def test_a_seaborn_grid_is_saved_as_by_its_own_method(full_sandbox: Sandbox):
    """Its legend beside the axes is not cut off, neither published nor redrawn; nor is that of joint and pair grids."""
    import pandas as pd
    import seaborn as sns

    frame = pd.DataFrame({"x": [1, 2, 3, 4], "y": [1, 4, 2, 3], "kind": list("abab")})
    grids = {
        "facets": sns.relplot(frame, x="x", y="y", hue="kind", height=3),
        "joint": sns.jointplot(frame, x="x", y="y", height=3),
        "pairs": sns.pairplot(frame, hue="kind", height=1.5, diag_kind="hist"),
    }
    for name, grid in grids.items():
        buffer = io.BytesIO()
        grid.savefig(buffer, format="png")
        source, files = published(lambda grid=grid: grid, ("png",))
        assert np.array_equal(pixels(files["png"]), pixels(buffer.getvalue())), name
        assert_redrawn(full_sandbox, source, files)


def test_shared_rectangles(full_sandbox: Sandbox):
    """Bars on polar axes are round if ``bar`` drew them, straight if rectangles were added alone."""
    for steps in (100, 1):
        with drawing_state("defaults"):
            figure = polar_bars()
            MplPath.unit_rectangle()._interpolation_steps = steps
            source, files = published(lambda figure=figure: figure)
        assert_redrawn(full_sandbox, source, files)


def test_named_colours(full_sandbox: Sandbox):
    """Names are looked up when a line is drawn; seaborn changes what ``"b"`` means."""

    def coloured():
        figure, axes = plt.subplots()
        axes.plot([1, 2], color="house blue")
        axes.plot([2, 1], color="b")
        return figure

    names = colors.get_named_colors_mapping()
    before = names["b"]
    names["house blue"], names["b"] = "#123456", "#abcdef"
    try:
        source, files = published(coloured)
    finally:
        names["b"] = before
        del names["house blue"]
    assert_redrawn(full_sandbox, source, files)


def test_local_times(full_sandbox: Sandbox, monkeypatch):
    """A formatter of the user that writes local times has those of the kernel's zone."""

    def hours():
        figure = line()
        clock = ticker.FuncFormatter(lambda seconds, _: time.strftime("%H:%M", time.localtime(seconds)))
        figure.axes[0].xaxis.set_major_formatter(clock)
        return figure

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        source, files = published(hours)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert_redrawn(full_sandbox, source, files)
    assert not np.array_equal(pixels(files["png"]), pixels(saved(hours())))


@pytest.fixture
def font_file(tmp_path) -> Path:
    """A font that only this process knows, in a directory that the sandbox cannot read."""
    original = Path(mpl.get_data_path()) / "fonts/ttf/STIXGeneralItalic.ttf"
    return Path(shutil.copy(original, tmp_path / "House.ttf"))


def test_a_font_added_by_file(full_sandbox: Sandbox, font_file: Path):
    """Under its own name or another, for all texts."""
    manager = font_manager.fontManager
    before = list(manager.ttflist)
    manager.ttflist.insert(0, font_manager.FontEntry(fname=str(font_file), name="House", style="italic"))
    manager._findfont_cached.cache_clear()
    try:
        with mpl.rc_context({"font.family": "House"}):
            source, files = published(line)
        with mpl.rc_context({"mathtext.fontset": "custom", "mathtext.it": "House:italic"}):
            formula, formula_files = published(mathtext)
    finally:
        manager.ttflist[:] = before
        manager._findfont_cached.cache_clear()
    font_file.unlink()
    assert_redrawn(full_sandbox, source, files)
    assert_redrawn(full_sandbox, formula, formula_files)
    assert not np.array_equal(pixels(files["png"]), pixels(saved(line())))


def test_a_font_named_by_its_file(full_sandbox: Sandbox, font_file: Path):
    """``font=Path("House.ttf")`` of one text."""

    def titled():
        figure = line()
        figure.axes[0].set_title("In a font of its own: ÄÖÜ — $x^2$", font=font_file)
        return figure

    source, files = published(titled)
    font_file.unlink()
    assert_redrawn(full_sandbox, source, files)


class TestComparison:
    """A job that carries the published image fails where the source is drawn differently, with code ``different``."""

    @pytest.fixture
    def is_same(self, full_sandbox: Sandbox):
        def compare(source: bytes | str, published: bytes, **fields) -> bool:
            fields = {"kind": "figure"} | fields
            answer = full_sandbox.attack(source, published=published, **fields)
            assert not isinstance(answer, FigServeError) or answer.code == "different", answer
            return not isinstance(answer, FigServeError)

        return compare

    @pytest.mark.parametrize("number", range(len(FIGURES)), ids=[make.__name__ for make in FIGURES])
    def test_an_honest_figure(self, is_same, number: int):
        """In any drawing state; also by the thumbnail of a figure that was published as a vector image."""
        names = list(STATES)
        with drawing_state(names[(number + 5) % len(names)]):
            source, files = published(FIGURES[number], ("png",))
            assert is_same(source, files["png"])
            vector = encode(FIGURES[number](), ("svg",), with_state=True)
            assert is_same(pickle_figure(vector.figure, vector.state), vector.thumbnail.data, with_thumbnail=True)

    def test_options_of_the_call(self, is_same):
        """A tight image of 300 dpi."""
        source, files = published(overhanging, tight=True, dpi=300)
        assert is_same(source, files["png"])

    def test_a_changed_class(self, is_same, monkeypatch):
        """The sandbox has matplotlib's own, under which lines are below the legend."""

        def crossed():
            figure = line()
            figure.axes[0].legend(loc="lower center")
            return figure

        monkeypatch.setattr(lines.Line2D, "zorder", 9)
        with drawing_state("defaults"):
            source, files = published(crossed)
            vector = encode(crossed(), ("svg",), with_state=True)
        assert not is_same(source, files["png"])
        assert not is_same(pickle_figure(vector.figure, vector.state), vector.thumbnail.data, with_thumbnail=True)

    def test_clock_and_chance(self, is_same):
        """A formatter that writes something else each time."""

        def ticking():
            figure = line()
            figure.axes[0].xaxis.set_major_formatter(ticker.FuncFormatter(lambda _value, _: f"{time.time_ns()}"[-6:]))
            return figure

        source, files = published(ticking)
        assert not is_same(source, files["png"])

    def test_seeded_sketches(self, is_same):
        """Those of xkcd have the same waves each time."""
        with drawing_state("xkcd"):
            source, files = published(bars)
        assert is_same(source, files["png"])

    def test_posted_code(self, is_same, full_sandbox: Sandbox):
        """It is run again with its seed; an image of a requested size is not compared."""
        for code, expected in (("np.random.rand(9)", True), ("np.random.default_rng().random(9)", False)):
            code = f"import numpy as np, matplotlib.pyplot as plt; plt.plot({code})"
            options = {"kind": "code", "seed": 3}
            (image,) = full_sandbox.render(code, **options).images
            assert is_same(code, image.data, **options) is expected, code
            (small,) = full_sandbox.render(code, width=300, **options).images
            assert is_same(code, small.data, **options)
