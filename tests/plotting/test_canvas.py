"""Drawing leaves the user's figure, canvas and rcParams as they were."""

from __future__ import annotations

import threading

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from jupyter_figserve.plotting.canvas import draw, drawn, fit_tight, own_dpi
from jupyter_figserve.plotting.encode import encode

from ..example_figures import constrained, line, overhanging, surface


def facts(figure):
    return {
        "canvas": figure.canvas,
        "dpi": (figure.dpi, figure._original_dpi, figure.canvas.device_pixel_ratio),
        "size": tuple(figure.get_size_inches()),
        "stale": figure.stale,
        "engine": figure.get_layout_engine(),
        "faces": (figure.get_facecolor(), figure.get_edgecolor(), figure.patch.get_alpha()),
        "callbacks": {name: dict(found) for name, found in figure._canvas_callbacks.callbacks.items()},
        "rcparams": dict.copy(mpl.rcParams),
        "pyplot": (plt.get_fignums(), plt.gcf()),
    }


@pytest.mark.parametrize(
    ("make", "ratio", "is_interactive", "format"),
    [(line, 2, True, "png"), (line, 2, False, "svg"), (line, 1, True, "pdf"), (constrained, 2, False, "png")],
)
def test_the_figure_is_untouched(make, ratio, is_interactive, format):
    """Canvas, dpi on HiDPI screens, layout, state of drawing and rcParams are as before, and the size is its own."""
    figure, other = make(), plt.figure()
    plt.figure(figure.number)
    figure.canvas._set_device_pixel_ratio(ratio)
    figure.canvas.mpl_connect("button_press_event", print)
    with plt.ion() if is_interactive else plt.ioff():
        before = facts(figure)
        (image,) = encode(figure, (format,), tight=True, transparent=True, dpi=150).images
        (plain,) = encode(figure, (format,)).images
        assert facts(figure) == before
    assert (plain.width, plain.height) == ((640, 480) if format in ("png", "jpg") else (614, 461))
    assert image.data
    assert other.number in plt.get_fignums()


@pytest.mark.parametrize("is_drawn", [False, True])
def test_the_canvas_keeps_its_pixels(is_drawn):
    """A canvas that the user has drawn shows the same afterwards, and one never drawn shows nothing."""
    figure = line()
    if is_drawn:
        figure.canvas.draw()
    before = np.array((figure if is_drawn else line()).canvas.get_renderer().buffer_rgba())
    encode(figure, transparent=True)
    encode(figure, dpi=50)
    assert (np.asarray(figure.canvas.buffer_rgba()) == before).all()


def test_the_dpi_is_that_of_the_figure_on_any_screen():
    """A window on a HiDPI screen doubles ``figure.dpi``, but not the pixels of the image."""
    figure = line()
    figure.canvas._set_device_pixel_ratio(2)
    assert (figure.dpi, own_dpi(figure)) == (200, 100)
    assert draw(figure, {}).pixels.shape == (480, 640, 4)


def test_threads_restore_the_rcparams_of_the_user():
    """Of threads that set the same rcParam, none restores the value of another."""
    figures = [line() for _ in range(3)]
    barrier = threading.Barrier(3)

    def save(figure):
        barrier.wait()
        for _ in range(2):
            encode(figure, ("svg",), with_thumbnail=False)

    threads = [threading.Thread(target=save, args=(figure,)) for figure in figures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mpl.rcParams["svg.hashsalt"] is None


@pytest.mark.parametrize(("make", "size"), [(line, (3, 2)), (overhanging, (5, 5)), (constrained, (9, 4))])
def test_tight_content_fits_a_size(make, size):
    """The part to save has exactly the size, and contains all that is drawn."""
    figure = make()
    figure.set_facecolor("none")
    box = fit_tight(figure, size)
    raster = draw(figure, {"bbox_inches": box, "facecolor": "none"})
    assert raster.pixels.shape == (size[1] * 100, size[0] * 100, 4)
    alpha = raster.pixels[..., 3]
    assert not alpha[0].any()
    assert not alpha[-1].any()
    assert not alpha[:, 0].any()
    assert not alpha[:, -1].any()


def test_labels_in_3d_are_placed_as_in_the_first_drawing():
    """A layout engine must not start from where the previous drawing has put them."""
    with mpl.rc_context({"figure.autolayout": True}):
        figure = surface()
        first, second = (encode(figure, ("png",), with_thumbnail=False).images[0].data for _ in range(2))
    assert first == second


def test_the_memory_for_a_canvas_serves_one_drawing_at_a_time():
    """A figure that is drawn while another one is drawn does not change what that one's canvas shows."""
    outer, inner = line(), line()
    inner.set_facecolor("red")
    for figure in (outer, inner):
        figure.canvas.draw()
    encode(outer)
    before = np.array(outer.canvas.buffer_rgba())
    with drawn(outer, {"transparent": True}):
        encode(inner)
    assert (np.asarray(outer.canvas.buffer_rgba()) == before).all()
