"""Series of three-dimensional Axes. Kernel and jailed child."""

from __future__ import annotations

from typing import Any

from ...model.data_series import Column, Series
from ..charts.artists import is_a
from ..charts.spatial import faces_of
from .axes_content import AxesContent, own_label
from .axis_reader import label_of
from .curves import name_of_values
from .values import computed, to_cells


def read_spatial(content: AxesContent) -> dict[str, list[Series]]:
    """Return lines, points and the corners of surfaces, by what they are called."""
    axes, limit = content.axes, content.limit
    found: dict[str, list[Series]] = {"lines": [], "points": [], "surface": []}
    for line in axes.lines:
        if is_a(line, "Line3D") and line.get_visible():
            found["lines"].append(_series(content, line, line.get_data_3d()))
    for item in axes.collections:
        if is_a(item, "Path3DCollection") and item.get_visible():
            values = item.get_array()
            extra: tuple[Column, ...] = ()
            if values is not None and len(values) == len(item._offsets3d[0]):
                extra = (Column(name_of_values(item), to_cells(values, limit)),)
            found["points"].append(_series(content, item, item._offsets3d, extra))
        elif is_a(item, "Poly3DCollection") and (faces := faces_of(item)) is not None and len(faces):
            found["surface"].append(_series(content, item, _corners(faces)))
        elif is_a(item, "Line3DCollection") and len(getattr(item, "_segments3d", ())):
            found["surface"].append(_series(content, item, _corners(item._segments3d)))
    return found


def _corners(faces: Any) -> Any:
    """Return the corners of all faces, each once, in the order of their first appearance."""
    import numpy as np

    points = np.concatenate([np.asarray(np.ma.getdata(face), dtype=float) for face in faces])
    unique = dict.fromkeys(map(tuple, points.tolist()))
    return np.array(list(unique)).reshape(-1, 3).T


def _series(content: AxesContent, item: Any, points: Any, extra: tuple[Column, ...] = ()) -> Series:
    axes, limit = content.axes, content.limit
    x, y, z = points
    z_name = label_of(axes.zaxis) or "z"
    keys = Column(content.x.name, content.x.read(x)), Column(content.y.name, content.y.read(y))
    return Series(own_label(item), keys, (Column(z_name, computed(z, limit)), *extra), len(to_cells(x)))
