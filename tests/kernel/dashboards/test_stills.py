"""Static images of panels: rendered without a server, bounded, with independent failures."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from matplotlib.figure import Figure

from jupyter_figserve.kernel.dashboards import stills
from jupyter_figserve.kernel.dashboards.panels import lay_out
from jupyter_figserve.kernel.dashboards.stills import Still, render_stills
from jupyter_figserve.kernel.figures.publish import publish
from jupyter_figserve.kernel.live.decorator import live

from ..conftest import PNG


@live
def sketch(width: int = 2):
    if width == 7:
        raise ValueError("seven is not supported")
    return Figure(figsize=(width, 1))


def render(rows, arguments=None, **options) -> dict[str, Still]:
    return render_stills([panel for row in lay_out(rows) for panel in row], arguments or {}, **options)


def size(still: Still) -> tuple[int | None, int | None]:
    assert still.image is not None, still.message
    return still.image.width, still.image.height


def test_stills_are_rendered_without_a_server():
    """Live figures use the given arguments; text has no image; a failed panel has a message."""
    found = render(
        [["text", sketch, sketch.bind(width=4)], [sketch, Figure(figsize=(3, 1)), object()]], {"2-1": {"width": 7}}
    )
    assert sorted(found) == ["1-2", "1-3", "2-1", "2-2", "2-3"]
    assert size(found["1-2"]) == (200, 100)
    assert size(found["1-3"]) == (400, 100)
    assert found["2-1"] == Still(message="ValueError: seven is not supported")
    assert size(found["2-2"]) == (300, 100)
    assert "Cannot render an object" in found["2-3"].message


def test_bound_values_take_precedence():
    """Bound parameters take precedence over arguments."""
    assert size(render([[sketch.bind(width=3)]], {"1-1": {"width": 1}})["1-1"]) == (300, 100)


def test_a_slow_live_figure_does_not_hold_up_the_others():
    """The slow panel has a message; the others have images."""
    go = threading.Event()

    @live
    def slow():
        go.wait(60)
        return Figure()

    found = render([[slow, Figure(figsize=(3, 1))]], timeout=0.05)
    go.set()
    assert "Not rendered within 0 s." in found["1-1"].message
    assert size(found["1-2"]) == (300, 100)


def test_large_images_become_thumbnails(monkeypatch):
    """Thumbnails keep the size of the full image, also when the total is too large."""
    monkeypatch.setattr(stills, "MAX_IMAGE_BYTES", 400_000)
    figure = Figure(figsize=(5, 5))
    figure.figimage(np.random.default_rng(1).integers(0, 255, (500, 500, 3), dtype=np.uint8))
    found = render([[figure]])["1-1"]
    assert size(found) == (500, 500)
    assert len(found.image.data) < 400_000
    monkeypatch.setattr(stills, "MAX_DASHBOARD_BYTES", 0)
    plain = render([[Figure(figsize=(5, 5))]])["1-1"]
    assert size(plain) == (500, 500)


def test_large_svg_is_not_inlined(monkeypatch):
    """A large SVG has no thumbnail."""
    monkeypatch.setattr(stills, "MAX_IMAGE_BYTES", 100)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10">' + b"<g/>" * 100 + b"</svg>"
    found = render([[svg]])["1-1"]
    assert found.image is None
    assert "too large" in found.message


def test_published_figures_show_their_version(connected, encoder):
    """The published image is reused."""
    pub = publish(object(), "sales")
    assert render([[pub]])["1-1"].image.data == PNG


def test_published_interactive_figures_have_a_page(connected):
    """Published interactive figures have a page; other figures without an image refer to their page."""
    module = pytest.importorskip("plotly.graph_objects")
    page, document = publish(module.Figure(module.Scatter(y=[1, 3, 2])), "lines"), publish(b"%PDF-1.4", "paper")
    found = render([[page, document, publish(Figure(figsize=(3, 1)), "sales")]])
    assert [still.has_page for still in found.values()] == [True, False, False]
    # Plotly's is its thumbnail.
    assert [bool(still.image) for still in found.values()] == [True, False, True]
    assert "Open its page" in found["1-2"].message


@pytest.mark.parametrize("name", ["plotly.graph_objects", "altair"])
def test_interactive_figures_have_a_page(name):
    """The widget shows the page; the static form has an image or a message."""
    module = pytest.importorskip(name)
    figure = (
        module.Figure(module.Scatter(y=[1, 3, 2]))
        if name.startswith("plotly")
        else module.Chart(module.Data(values=[{"x": 1}])).mark_point().encode(x="x:Q")
    )
    found = render([[figure]])["1-1"]
    assert found.has_page
    assert (found.image is None) == bool(found.message)
