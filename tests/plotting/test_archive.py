"""Archive images of published figures: their content, and the state that they leave unchanged."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.path import Path as MplPath

from jupyter_figserve.kernel.figures.archiver import PublishedVersion, SnapshotJob
from jupyter_figserve.plotting import drawing_state, pickling, redraw
from jupyter_figserve.plotting.archive import draw_archive, draw_if_unchanged
from jupyter_figserve.plotting.encode import encode
from jupyter_figserve.plotting.isolation import isolated_call
from jupyter_figserve.plotting.pickling import pickle_figure
from jupyter_figserve.plotting.resolve import find_figure

from ..example_figures import line, polar_bars
from ..png_header import png_size


def draw_in_background(source: bytes, max_bytes: int):
    return redraw.draw_in_background(source, lambda found, dpi: draw_archive(found, dpi, max_bytes))


def draw_alone(source: bytes, max_bytes: int):
    return redraw.draw_alone(source, lambda found, dpi: draw_archive(found, dpi, max_bytes))


def source_of(figure, **options):
    encoded = encode(figure, with_state=True, **options)
    return pickle_figure(encoded.figure, encoded.state)


def test_it_is_the_svg_that_the_author_would_save():
    """In the rcParams of the publish, not those at the time of drawing, which are left unchanged."""
    figure = line()
    mpl.rcParams["font.size"] = 17
    source = source_of(figure)
    expected = encode(figure, ("svg",)).images[0]
    mpl.rcdefaults()
    mpl.use("Agg")
    (svg,) = draw_in_background(source, 2**22)
    assert (svg.mimetype, svg.width, svg.data) == ("image/svg+xml", expected.width, expected.data)
    assert mpl.rcParams["font.size"] == 10
    assert plt.get_fignums() == [figure.number]


def test_it_needs_no_fonts():
    """Text is drawn as outlines, though the author's own SVGs have text."""
    mpl.rcParams["svg.fonttype"] = "none"
    (svg,) = draw_in_background(source_of(line()), 2**22)
    assert b"<text" not in svg.data
    assert mpl.rcParams["svg.fonttype"] == "none"


def test_what_the_next_cell_sets_does_not_affect_it(monkeypatch):
    """Neither the parameters that it changes while the figure is drawn, nor their previous values."""
    figure = line()
    expected = encode(figure, ("svg",)).images[0]
    source = source_of(figure)
    opened, changed = threading.Event(), threading.Event()

    def find(unpickled):
        opened.set()
        assert changed.wait(10)
        return find_figure(unpickled)

    monkeypatch.setattr(pickling, "find_figure", find)
    with ThreadPoolExecutor(1) as pool:
        drawing = pool.submit(draw_in_background, source, 2**22)
        assert opened.wait(10)
        mpl.rcParams.update({"font.size": 30, "axes.unicode_minus": False, "savefig.bbox": "tight"})
        changed.set()
        (svg,) = drawing.result()
    assert svg.data == expected.data
    assert mpl.rcParams["font.size"] == 30


def test_ids_are_those_of_the_author():
    """``svg.hashsalt`` of the publish."""
    mpl.rcParams["svg.hashsalt"] = "mine"
    figure = line()
    (svg,) = draw_in_background(source_of(figure), 2**22)
    assert svg.data == encode(figure, ("svg",)).images[0].data


@pytest.mark.parametrize("is_changed_before", [True, False])
def test_what_threads_share_is_set_only_between_cells(monkeypatch, is_changed_before):
    """Bars that were straight when they were published, before, or while, others became round."""
    figure = polar_bars()
    path = MplPath.unit_rectangle()
    monkeypatch.setattr(path, "_interpolation_steps", 1)
    expected = encode(figure, ("svg",)).images[0]
    source = source_of(figure)

    def find(unpickled):
        path._interpolation_steps = 100
        return find_figure(unpickled)

    with monkeypatch.context() as meanwhile:
        if is_changed_before:
            path._interpolation_steps = 100
        else:
            meanwhile.setattr(pickling, "find_figure", find)
        assert draw_in_background(source, 2**22) is None
    (svg,) = draw_alone(source, 2**22)
    assert svg.data == expected.data
    assert path._interpolation_steps == 100


def test_the_locale_is_set_only_between_cells(monkeypatch):
    """A decimal comma that the process has now, and had not when the figure was published."""
    names = {"LC_NUMERIC": "C", "LC_TIME": "C"}
    monkeypatch.setattr(drawing_state, "_current_locale", lambda: names)
    source = source_of(line())
    names["LC_NUMERIC"] = "de_DE.UTF-8"
    assert draw_in_background(source, 2**22) is None


def test_the_main_thread_does_not_wait_for_a_live_function(monkeypatch):
    """The next cell runs; the figure gets no archive image."""
    source = source_of(line())
    monkeypatch.setattr(redraw, "_MAX_WAIT", 0)
    running, done = threading.Event(), threading.Event()

    def run():
        with isolated_call():
            running.set()
            assert done.wait(10)

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(run)
        assert running.wait(10)
        with pytest.raises(TimeoutError):
            draw_alone(source, 2**22)
        done.set()
        call.result()


def test_tight_figures_are_cropped_alike():
    """The aspect ratio of the SVG is that of the published image."""
    figure = line()
    published = encode(figure, tight=True).images[0]
    (svg,) = draw_in_background(source_of(figure, tight=True), 2**22)
    assert svg.width / svg.height == pytest.approx(published.width / published.height, rel=0.01)


@pytest.mark.parametrize("limit", [1, 300_000])
def test_of_a_large_svg_a_png_of_twice_the_resolution_is_kept(limit):
    """With tens of thousands of markers, too, whose SVG is not drawn at all."""
    figure, axes = plt.subplots()
    axes.scatter(*np.random.default_rng(0).random((2, 3 if limit == 1 else 10_000)), s=2)
    (png,) = draw_in_background(source_of(figure, dpi=50), limit)
    assert (png.mimetype, png_size(png.data), png.dpi) == ("image/png", (640, 480), 100)


def test_an_svg_that_is_too_large_for_pages_has_both(monkeypatch):
    """The SVG for archiving, and the PNG for HiDPI screens."""
    monkeypatch.setattr("jupyter_figserve.plotting.archive.MAX_VECTOR_BYTES", 100)
    assert [image.mimetype for image in draw_in_background(source_of(line()), 2**22)] == ["image/svg+xml", "image/png"]


def test_a_figure_without_a_source_is_rendered_while_it_is_unchanged():
    """It is compared with the published pixels."""
    figure = line()
    encoded = encode(figure, with_state=True)
    (svg,) = draw_if_unchanged(encoded, 2**22)
    assert svg.mimetype == "image/svg+xml"
    figure.axes[0].set_title("Another")
    assert draw_if_unchanged(encoded, 2**22) == []


@pytest.mark.parametrize("is_steady", [True, False])
def test_a_figure_that_changes_by_itself_has_none(is_steady):
    """As its formatter counts its calls, an SVG would show other labels than the published image."""
    count = itertools.count()
    figure = line()
    figure.axes[0].xaxis.set_major_formatter(lambda value, _: f"{0 if is_steady else next(count)} {value:g}")
    encoded = encode(figure, with_state=True)
    source = pickle_figure(encoded.figure, encoded.state)
    job = SnapshotJob(PublishedVersion(None, "id", 1), source, encoded.images[0])
    assert [image.mimetype for image in job.draw(2**22) or ()] == (["image/svg+xml"] if is_steady else [])
