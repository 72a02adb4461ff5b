"""An Agg canvas that keeps the pixels of ``savefig`` instead of encoding them. Kernel and jailed child."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import OutputInvalid
from .images import check_pixels
from .png import THUMBNAIL_WIDTH

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .png import Pixels


@dataclass(frozen=True)
class Raster:
    """Pixels that Agg drew, before any encoding."""

    pixels: Pixels
    dpi: float


def draw(figure: Figure, options: Mapping[str, Any]) -> Raster:
    """Return the pixels of ``savefig(format="png", **options)``; matplotlib does everything but the encoding."""
    with own_canvas(figure) as canvas:
        figure.savefig(io.BytesIO(), format="png", **options)
        raster: Raster = canvas.raster
        return raster


def draw_small(figure: Figure, options: Mapping[str, Any]) -> Raster:
    """Draw a figure for its thumbnail, in the layout that the last drawing has found.

    The resolution is twice that of the thumbnail, so that thin lines are averaged instead of dropped.
    """
    dpi = min(figure.dpi, 2 * THUMBNAIL_WIDTH / figure.get_figwidth())
    engine = figure.get_layout_engine()
    if engine is None:
        return draw(figure, {**options, "dpi": dpi})
    figure.set_layout_engine("none")
    try:
        return draw(figure, {**options, "dpi": dpi})
    finally:
        figure.set_layout_engine(engine)


@contextmanager
def own_canvas(figure: Figure) -> Iterator[Any]:
    """Temporarily replace the figure's canvas with ours, so that a GUI canvas is not affected."""
    before = figure.canvas
    canvas = _canvas_class()(figure)
    _share_renderer(before, canvas)
    try:
        yield canvas
    finally:
        figure.canvas = before
    _share_renderer(canvas, before)


def _share_renderer(source: Any, target: Any) -> None:
    """Let a plain Agg canvas and ours share a renderer, which caches text metrics, as two calls of ``savefig`` would.

    A GUI canvas keeps its own renderer with the pixels that it shows.
    """
    names = {"FigureCanvasAgg", "Canvas"}
    if {type(source).__name__, type(target).__name__} == names and hasattr(source, "renderer"):
        target.renderer, target._lastKey = source.renderer, source._lastKey


@lru_cache(maxsize=1)
def _canvas_class() -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    agg: Any = FigureCanvasAgg  # its methods have no annotations

    class Canvas(FigureCanvasAgg):
        """Agg with a limit on the size; ``print_png`` keeps the pixels instead of encoding them."""

        raster: Raster | None = None
        saved_dpi: float | None = None

        def get_renderer(self) -> Any:
            width, height = self.get_width_height(physical=True)
            check_pixels(width, height)
            if min(width, height) < 1:
                raise OutputInvalid("The figure is smaller than a pixel; choose a larger size or dpi.")
            self.saved_dpi = float(self.figure.dpi)
            return agg.get_renderer(self)

        def print_png(self, *_args: Any, **_kwargs: Any) -> None:
            import numpy as np

            agg.draw(self)
            self.raster = Raster(np.asarray(agg.buffer_rgba(self)), float(self.figure.dpi))

    return Canvas


@contextmanager
def rc(changes: Mapping[str, Any]) -> Iterator[None]:
    """Set only these rcParams; ``rc_context`` would also undo changes that another thread makes meanwhile."""
    import matplotlib

    params: Any = matplotlib.rcParams
    before = {name: params[name] for name in changes if name in params}
    try:
        params.update({name: changes[name] for name in before})
        yield
    finally:
        params.update(before)
