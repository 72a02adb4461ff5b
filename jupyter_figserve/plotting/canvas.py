"""An Agg canvas that keeps the pixels of ``savefig`` instead of encoding them. Kernel and jailed child."""

from __future__ import annotations

import io
import math
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import OutputInvalid
from .images import check_pixels
from .layout import kept_layout
from .png import THUMBNAIL_WIDTH
from .remembered.text import remembered_drawing, remembered_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .png import Pixels

_MAX_FITS = 4
_FIT_TOLERANCE = 0.005
"""Inches by which the content may differ from the requested size; the margins take up the difference."""
_MIN_FIT = 0.2
"""Smallest side of a figure whose content is too large for the requested size, as a part of it."""
_MAX_SCRATCH_BYTES = 8 * 2**20
_scratch = threading.local()
"""Memory for the pixels of the user's canvas while a figure is drawn on it."""


@dataclass(frozen=True)
class Raster:
    """Pixels that Agg drew, before any encoding."""

    pixels: Pixels
    dpi: float


@contextmanager
def drawn(figure: Figure, options: Mapping[str, Any]) -> Iterator[Raster]:
    """Provide the pixels of ``savefig(format="png", **options)``; matplotlib does everything but the encoding.

    They are the renderer's own, which the next drawing overwrites: encode them within the block.
    """
    with own_canvas(figure) as canvas:
        figure.savefig(io.BytesIO(), format="png", **options)
        raster: Raster = canvas.raster
        yield raster


def draw(figure: Figure, options: Mapping[str, Any]) -> Raster:
    """Return a copy of the pixels of ``savefig(format="png", **options)``."""
    with drawn(figure, options) as raster:
        return replace(raster, pixels=raster.pixels.copy())


def small_options(figure: Figure, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options to draw for a thumbnail, at twice its size, so that thin lines are averaged, not dropped."""
    dpi = min(own_dpi(figure), 2 * THUMBNAIL_WIDTH / figure.get_figwidth())
    return {**options, "dpi": dpi}


def own_dpi(figure: Figure) -> float:
    """Return the figure's dpi without the factor of a screen whose device pixel ratio is not 1."""
    return float(getattr(figure, "_original_dpi", figure.dpi))


def tight_box(figure: Figure, dpi: float | None = None) -> Any:
    """Return the part of the figure that ``bbox_inches="tight"`` saves, in inches; at ``dpi``, else at its own."""
    import matplotlib
    from matplotlib import cbook

    with own_canvas(figure) as canvas, cbook._setattr_cm(figure, dpi=dpi or figure.dpi):
        figure.draw_without_rendering()
        box: Any = figure.get_tightbbox(canvas.get_renderer())
    return box.padded(float(matplotlib.rcParams["savefig.pad_inches"]))


def fit_tight(figure: Figure, size: tuple[float, float]) -> Any:
    """Resize a figure so that its content takes ``size`` inches; return the part to save, of exactly this size.

    Texts keep their size, so that the size of the content follows that of the figure only in part.
    """
    from matplotlib.transforms import Bbox

    for _ in range(_MAX_FITS):
        missing = [wanted - found for wanted, found in zip(size, tight_box(figure).size, strict=True)]
        if max(map(abs, missing)) < _FIT_TOLERANCE:
            break
        sides = zip(figure.get_size_inches(), missing, size, strict=True)
        width, height = (max(own + more, wanted * _MIN_FIT) for own, more, wanted in sides)
        figure.set_size_inches(width, height, forward=False)
    box = tight_box(figure)
    corner = [start + (found - wanted) / 2 for start, found, wanted in zip(box.p0, box.size, size, strict=True)]
    return Bbox([corner, [_end(start, wanted) for start, wanted in zip(corner, size, strict=True)]])


def _end(start: float, length: float) -> float:
    """Return an end that is at least ``length`` away, although floating point rounds."""
    end = start + length
    while end - start < length:
        end = math.nextafter(end, math.inf)
    return end


@contextmanager
def own_canvas(figure: Figure) -> Iterator[Any]:
    """Temporarily replace the figure's canvas with ours, so that the user's canvas is not affected."""
    internals: Any = figure
    before, is_stale, dpi = figure.canvas, figure.stale, own_dpi(figure)
    canvas = _canvas_class()(figure)
    # A canvas of matplotlib before 3.11 takes the current dpi for the original one.
    internals._original_dpi = dpi
    # Otherwise a change of dpi makes an interactive pyplot redraw the figure.
    canvas._is_saving = True
    try:
        with _shared_renderer(before, canvas), kept_layout(figure), remembered_drawing(figure), canvas.text_memory:
            yield canvas
    finally:
        figure.canvas = before
        internals._original_dpi, internals._stale = dpi, is_stale


@contextmanager
def _shared_renderer(theirs: Any, ours: Any) -> Iterator[None]:
    """Let a plain Agg canvas and ours share a renderer, which caches text metrics, as two calls of ``savefig`` would.

    Afterwards its canvas has the same pixels as before. Any other canvas keeps a renderer of its own.
    """
    if type(theirs).__name__ != "FigureCanvasAgg":
        yield
        return
    renderer: Any = getattr(theirs, "renderer", None)
    kept = None
    if renderer is not None:
        ours.renderer, ours._lastKey = renderer, theirs._lastKey
        kept = _keep_pixels(renderer)
    try:
        yield
    finally:
        if kept is not None:
            _pixels_of(renderer)[...] = kept
            _scratch.memory = kept if kept.size <= _MAX_SCRATCH_BYTES else None
        elif hasattr(ours, "renderer"):
            ours.renderer.clear()
            theirs.renderer, theirs._lastKey = ours.renderer, ours._lastKey


def _keep_pixels(renderer: Any) -> Any:
    """Return a copy of a renderer's pixels, in the memory that this thread has kept from the last drawing.

    New memory would take three times as long, since the system provides it page by page.
    """
    pixels, memory = _pixels_of(renderer), getattr(_scratch, "memory", None)
    _scratch.memory = None
    if memory is None or memory.size != pixels.size:
        return pixels.copy()
    memory[...] = pixels
    return memory


def _pixels_of(renderer: Any) -> Any:
    """Return the bytes of a renderer's pixels, in one dimension."""
    import numpy as np

    return np.asarray(renderer.buffer_rgba()).reshape(-1)


@lru_cache(maxsize=1)
def _canvas_class() -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    agg: Any = FigureCanvasAgg  # its methods have no annotations

    class Canvas(FigureCanvasAgg):
        """Agg with a limit on the size; ``print_png`` keeps the pixels instead of encoding them."""

        raster: Raster | None = None
        saved_dpi: float | None = None

        def __init__(self, figure: Figure) -> None:
            super().__init__(figure)
            self.text_memory = ExitStack()
            self._with_memory: Any = None

        def get_renderer(self) -> Any:
            width, height = self.get_width_height(physical=True)
            check_pixels(width, height)
            if min(width, height) < 1:
                raise OutputInvalid("The figure is smaller than a pixel; choose a larger size or dpi.")
            self.saved_dpi = float(self.figure.dpi)
            renderer = agg.get_renderer(self)
            if renderer is not self._with_memory:
                self._with_memory = renderer
                self.text_memory.enter_context(remembered_text(renderer, self.figure))
            return renderer

        def print_png(self, *_args: Any, **_kwargs: Any) -> None:
            import numpy as np

            agg.draw(self)
            self.raster = Raster(np.asarray(agg.buffer_rgba(self)), float(self.figure.dpi))

    return Canvas


_changing = threading.RLock()
"""Held while rcParams are changed, so that no thread takes the change of another for the user's setting."""


@contextmanager
def rc(changes: Mapping[str, Any]) -> Iterator[None]:
    """Set only these rcParams; ``rc_context`` would also undo changes that another thread makes meanwhile."""
    if not changes:
        yield
        return
    import matplotlib

    params: Any = matplotlib.rcParams
    with _changing:
        before = {name: params[name] for name in changes if name in params}
        try:
            params.update({name: changes[name] for name in before})
            yield
        finally:
            params.update(before)


def _reset_after_fork() -> None:
    """Replace the lock in a forked child: the thread that held it is gone."""
    global _changing
    _changing = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
