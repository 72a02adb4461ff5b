"""The positions that a layout engine calculates while a figure is drawn. Kernel and jailed child."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .figure_snapshot import preserved

_TITLES = ("_suptitle", "_supxlabel", "_supylabel")


@contextmanager
def kept_layout(figure: Any) -> Iterator[None]:
    """Restore the positions afterwards, so that each drawing starts from the same ones.

    Engines start from the last positions, and find slightly different ones in each format and resolution.
    """
    if figure.get_layout_engine() is None:
        yield
        return
    if _measures_last_drawing(figure):
        with preserved(figure):
            yield
        return
    panels = list(_panels(figure))
    boxes = [box for axes in figure.get_axes() for box in (axes._position, axes._originalPosition)]
    boxes += [panel.bbox_relative for panel in panels if hasattr(panel, "bbox_relative")]
    points = [box.get_points().copy() for box in boxes]
    texts = [text for panel in panels for name in _TITLES if (text := getattr(panel, name, None)) is not None]
    places = [text.get_position() for text in texts]
    spaces = [dict(vars(panel.subplotpars)) for panel in panels]
    try:
        yield
    finally:
        for box, before in zip(boxes, points, strict=True):
            if (box.get_points() != before).any():
                box.set_points(before)
        for text, place in zip(texts, places, strict=True):
            text._x, text._y = place
        for panel, space in zip(panels, spaces, strict=True):
            vars(panel.subplotpars).update(space)


def _measures_last_drawing(figure: Any) -> bool:
    """Whether engines measure labels where the last drawing has put them: on 3D Axes, before matplotlib 3.11."""
    import matplotlib

    is_old: bool = matplotlib.__version_info__ < (3, 11)
    return is_old and any(axes.name == "3d" for axes in figure.get_axes())


def _panels(figure: Any) -> Iterator[Any]:
    yield figure
    for panel in figure.subfigs:
        yield from _panels(panel)
