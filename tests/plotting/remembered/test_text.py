"""Text from memory has the pixels, the warnings and the errors of matplotlib's own."""

from __future__ import annotations

import io
import re
import threading
import warnings
from contextlib import nullcontext
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.patheffects import withStroke
from PIL import Image

from jupyter_figserve.plotting.canvas import draw
from jupyter_figserve.plotting.remembered import fonts, glyphs
from jupyter_figserve.plotting.remembered import text as module

pytestmark = pytest.mark.skipif(mpl.__version_info__[:2] != (3, 11), reason="other versions draw text themselves")
KINDS = {
    "plain": {"s": "AVA fi 0.25 −1 é"},
    "rotated": {"s": "Turned by 37°", "rotation": 37},
    "vertical": {"s": "Upwards", "rotation": 90},
    "lines": {"s": "one\n\nthree, longer", "linespacing": 2.5, "multialignment": "right"},
    "mathematics": {"s": r"$\frac{a}{b} \geq \sum_i x_i^{2}$", "rotation": 20},
    "log": {"s": r"$\mathdefault{10^{-3}}$"},
    "serif": {"s": "Serif", "family": "serif", "style": "italic", "weight": "bold"},
    "fallback": {"s": "two fonts: \u2203 \U0001d400 \U0001f600"},
    "missing": {"s": "\u4e2d and A"},
    "long": {"s": "long " * 50},
    "control": {"s": "a\tb"},
    "large": {"s": "Large", "size": 90},
    "tiny": {"s": "tiny", "size": 1},
    "jagged": {"s": "not smooth", "antialiased": False},
    "faint": {"s": "faint", "alpha": 0.3, "color": "red"},
    "boxed": {"s": "boxed", "bbox": {"boxstyle": "round", "facecolor": "yellow"}},
    "stroked": {"s": "stroke", "path_effects": [withStroke(linewidth=3, foreground="green")]},
    "features": {"s": "fi AVA", "fontfeatures": ["-kern", "-liga"]},
    "language": {"s": "бг", "language": [("sr", 0, 1), ("ru", 1, 2)]},
    "outside": {"s": "outside", "clip_on": False, "x": -3.2},
}
RCPARAMS = [
    {"text.hinting": "none"},
    {"text.hinting": "native", "font.size": 11.3},
    {"font.family": "monospace", "figure.dpi": 143},
    {"font.enable_last_resort": False},
]


MEMORIES = (fonts._line_heights, module._extents, module._layouts, glyphs._glyphs)


def figure_with(text, x=0.113, **options):
    """A figure with a text at positions with different fractions of a pixel, and tick labels."""
    figure, axes = plt.subplots(figsize=(4, 3))
    for step in range(3):
        axes.text(x + step / 7, 0.1 + step / 3.7, text, **options)
    axes.set_xlabel("label")
    return figure


def expected_of(figure):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        file = io.BytesIO()
        figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGBA")), {str(one.message) for one in found}


def ours(figure):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        pixels = draw(figure, {}).pixels
    return pixels, {str(one.message) for one in found}


@pytest.fixture(autouse=True)
def empty_memory():
    for memory in MEMORIES:
        memory.clear()


@pytest.mark.parametrize(
    ("kind", "rcparams"),
    [(kind, {}) for kind in KINDS] + [(kind, rcparams) for rcparams in RCPARAMS for kind in list(KINDS)[:9:4]],
    ids=str,
)
def test_pixels_and_warnings_are_those_of_savefig(kind, rcparams):
    """Both when a text is drawn first and from memory, and in another figure at another place."""
    options = dict(KINDS[kind])
    text = options.pop("s")
    with mpl.rc_context(rcparams):
        for x in (0.113, 0.113, 0.2071):
            expected, warned = expected_of(figure_with(text, **{"x": x} | options))
            for _ in range(2):
                pixels, also = ours(figure_with(text, **{"x": x} | options))
                assert (pixels == expected).all()
                assert also == warned


@pytest.mark.parametrize("format", ["svg", "pdf", "eps"])
def test_vector_graphics_are_those_of_savefig(format):
    """To the byte, with fonts that are no files, and with artists that are drawn as pixels in between."""

    def saved(figure, remembers):
        file = io.BytesIO()
        name = "CreationDate" if format == "pdf" else "Date"
        metadata = {} if format == "eps" else {"metadata": {name: None}}
        with module.remembered_drawing(figure) if remembers else nullcontext():
            figure.savefig(file, format=format, **metadata)
        return re.sub(rb"%%CreationDate.*", b"", file.getvalue())

    def figure():
        made = figure_with("same 0.25", rotation=20)
        made.axes[0].text(0.5, 0.6, "same 0.25", rasterized=True)
        made.axes[0].set_title("lines\n$x^2$")
        return made

    for rcparams in ({"pdf.use14corefonts": True, "ps.useafm": True}, {}, {"svg.fonttype": "none"}):
        with mpl.rc_context({"svg.hashsalt": "test", **rcparams}), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = saved(figure(), False)
            assert [saved(figure(), True), saved(figure(), True)] == [expected, expected], rcparams
            plt.close("all")


def test_each_setting_is_remembered_apart():
    """The same text under other settings, one drawing after the other, is not taken from memory."""
    variants = [{"fontfeatures": ["-kern"]}, {"fontfeatures": None}, {"size": 17}, {"weight": "bold"}, {"rotation": 3}]
    for _ in range(2):
        for rcparams in ({}, {"text.hinting": "none"}, {"figure.dpi": 77}, {"font.sans-serif": ["DejaVu Serif"]}):
            with mpl.rc_context(rcparams):
                for options in variants:
                    expected, _ = expected_of(figure_with("AVAST fi", **options))
                    assert (ours(figure_with("AVAST fi", **options))[0] == expected).all(), (rcparams, options)
                    plt.close("all")


@pytest.mark.parametrize("dpi", [72, 100, 143.7, 300])
@pytest.mark.parametrize("size", [6.3, 10, 11.7, 23])
def test_layouts_are_exact(size, dpi):
    """Boxes of texts are the same to the last bit."""
    figure = plt.figure(dpi=dpi)
    text = figure.text(0.3, 0.4, "one line\nand jumpy", size=size)
    renderer = figure.canvas.get_renderer()
    expected = text._get_layout(renderer)
    with module.remembered_text(renderer, figure):
        for _ in range(2):
            bounds, *rest = text._get_layout(renderer)
            assert (bounds.bounds, rest) == (expected[0].bounds, list(expected[1:]))


def test_a_second_drawing_opens_no_font(monkeypatch):
    """What was drawn once is measured, laid out and rasterized from memory."""
    first = draw(figure_with("again"), {}).pixels
    monkeypatch.setattr(font_manager, "get_font", lambda *_: pytest.fail("a font was opened"))
    assert (draw(figure_with("again"), {}).pixels == first).all()


def test_a_font_that_changes_during_a_drawing_is_found_anew():
    """An artist that sets rcParams while it is drawn gets its own fonts, before and after that of the figure."""

    class Other(plt.Text):
        def draw(self, renderer):
            with mpl.rc_context({"font.sans-serif": ["DejaVu Serif"]}):
                super().draw(renderer)

    def figure():
        made = figure_with("same properties")
        made.axes[0].add_artist(Other(0.5, 0.5, "same properties"))
        made.axes[0].text(0.5, 0.8, "same properties")
        return made

    expected, _ = expected_of(figure())
    assert (ours(figure())[0] == expected).all()


def test_fonts_that_are_added_are_used():
    """A font added after a drawing is used by the next, though the properties are the same."""
    path = font_manager.findfont("DejaVu Serif")
    entry = replace(font_manager.ttfFontProperty(font_manager.get_font(path)), name="Added Later")
    manager = font_manager.fontManager
    with mpl.rc_context({"font.family": ["Added Later", "DejaVu Sans"]}):
        ours(figure_with("which font"))
        manager.ttflist.append(entry)
        manager._findfont_cached.cache_clear()
        try:
            expected, _ = expected_of(figure_with("which font"))
            assert (ours(figure_with("which font"))[0] == expected).all()
        finally:
            manager.ttflist.remove(entry)
            manager._findfont_cached.cache_clear()


def test_the_renderer_has_its_own_methods_afterwards():
    """After a drawing, and after one that failed, the user's renderer is as matplotlib made it."""
    figure = figure_with("text")
    figure.canvas.draw()
    before = dict(vars(figure.canvas.get_renderer()))
    draw(figure, {"bbox_inches": "tight"})
    figure.axes[0].add_artist(plt.Line2D([0, 1], [0, 1], transform="not a transform"))
    with pytest.raises(Exception, match="transform"):
        draw(figure, {})
    assert dict(vars(figure.canvas.get_renderer())) == before


def test_drawings_of_one_figure_may_overlap():
    """Whichever ends first, neither leaves a method behind, which could not be pickled; one of the user's own stays."""
    figure = figure_with("text")
    first, second = module.remembered_drawing(figure), module.remembered_drawing(figure)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert "draw" not in vars(figure)
    figure.draw = own = figure.draw
    with module.remembered_drawing(figure):
        assert figure.draw is own
    assert figure.draw is own


def test_the_memory_is_bounded(monkeypatch):
    """A full memory begins anew, and neither large glyphs nor long texts are kept."""
    for memory in MEMORIES:
        monkeypatch.setattr(memory, "max_entries", 50)
    for number in range(5):
        ours(figure_with(f"{number} ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz"))
    ours(figure_with("Q", size=200))
    ours(figure_with("long " * 100))
    assert not any(
        "long " in str(text) for memory in (module._extents, module._layouts) for key in memory for text in key
    )
    assert max(len(memory) for memory in MEMORIES) <= 50
    assert max(glyph.image.size for glyph in glyphs._glyphs.values()) < 100 * 100


def test_threads_draw_the_same():
    """Threads that draw the same texts at the same time, each with fonts of its own."""
    expected, _ = expected_of(figure_with("threads"))
    figures = [figure_with("threads") for _ in range(6)]
    barrier, found = threading.Barrier(6), []

    def work(figure):
        barrier.wait()
        found.append((draw(figure, {}).pixels == expected).all())

    threads = [threading.Thread(target=work, args=(figure,)) for figure in figures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 6


def test_other_versions_of_matplotlib_draw_as_they_come(monkeypatch):
    """Where the renderer is not the known one, it is left alone."""
    figure = figure_with("text")
    renderer = figure.canvas.get_renderer()
    monkeypatch.setattr(mpl, "__version_info__", (3, 12, 0))
    with module.remembered_text(renderer, figure):
        assert "draw_text" not in vars(renderer)
    monkeypatch.undo()
    with module.remembered_text(renderer, figure):
        assert "draw_text" in vars(renderer)
