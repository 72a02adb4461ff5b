"""Series of bars and histograms. Kernel and jailed child."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...model.data_series import Column, Series
from ..charts.bars import find_bar_kind
from .axes_content import AxesContent, own_label
from .axis_reader import AxisReader
from .curves import read_error_columns
from .values import computed, to_cells


class Bars:
    """The bars of one container, as arrays along and across the axis of their places."""

    def __init__(self, container: Any) -> None:
        import numpy as np

        self.container = container
        self.is_vertical = getattr(container, "orientation", "vertical") != "horizontal"
        boxes = [(bar.get_x(), bar.get_width(), bar.get_y(), bar.get_height()) for bar in container]
        x, width, y, height = np.array(boxes, dtype=float).reshape(-1, 4).T
        self.starts, self.widths, self.bases, self.sizes = (
            (x, width, y, height) if self.is_vertical else (y, height, x, width)
        )
        given = getattr(container, "datavalues", None)
        # What was given knows whether it was whole numbers or masked.
        self.values = given if given is not None and np.shape(given) == self.sizes.shape else self.sizes

    @property
    def middles(self) -> Any:
        return self.starts + self.widths / 2


def read_bars(content: AxesContent) -> tuple[str, list[Series]]:
    """Return what the bars of an Axes are called, and their series: one for each container."""
    artists = content.artists
    if not artists.bars:
        return "bars", []
    sets = [Bars(container) for container in artists.bars]
    if find_bar_kind(artists) == "Histogram" and (series := _read_bins(content, sets)):
        return "bins", series
    is_stacked = _are_stacked(sets)
    return "bars", [_read_set(content, one, is_stacked=is_stacked) for one in sets]


def _read_set(content: AxesContent, bars: Bars, *, is_stacked: bool) -> Series:
    import numpy as np

    places, sizes = content.readers(is_vertical=bars.is_vertical)
    keys = Column(places.name, places.read_near(bars.middles))
    values = [_values(bars, sizes)]
    if not is_stacked and np.nan_to_num(bars.bases).any():
        values = [
            Column(f"{sizes.name} start", sizes.read(bars.bases, is_computed=True)),
            Column(f"{sizes.name} end", sizes.read(bars.bases + bars.sizes, is_computed=True)),
        ]
    errors = getattr(bars.container, "errorbar", None)
    if errors is not None:
        ends = bars.bases + bars.sizes
        points = (bars.middles, ends) if bars.is_vertical else (ends, bars.middles)
        values += read_error_columns(content, errors, *points)
    return Series(_label(content, bars), (keys,), tuple(values), len(bars.starts), sizes.name)


def _values(bars: Bars, sizes: AxisReader) -> Column:
    return Column(sizes.name, to_cells(bars.values, sizes.limit))


def _label(content: AxesContent, bars: Bars) -> str:
    return own_label(bars.container) or (content.label(bars.container[0]) if len(bars.container) else "")


def _are_stacked(sets: Sequence[Bars]) -> bool:
    """Whether each set of bars begins where those below it end."""
    import numpy as np

    if len({one.starts.shape for one in sets}) != 1:
        return False
    above, below = np.zeros_like(sets[0].sizes), np.zeros_like(sets[0].sizes)
    for one in sets:
        is_on_top = np.isclose(one.bases, above) | np.isclose(one.bases, below) | (one.bases == 0)
        if not is_on_top.all():
            return False
        above, below = np.maximum(above, one.bases + one.sizes), np.minimum(below, one.bases + one.sizes)
    return True


def _read_bins(content: AxesContent, sets: Sequence[Bars]) -> list[Series]:
    """Return the edges and counts of a histogram; empty if the edges of bars side by side are not known."""
    import numpy as np

    first = sets[0]
    are_side_by_side = len(sets) > 1 and not np.allclose(first.starts, sets[1].starts)
    starts, ends = first.starts, first.starts + first.widths
    if are_side_by_side:
        if len(first.starts) < 2:
            return []
        left, right = (choose(sets, key=lambda one: one.starts[0]) for choose in (min, max))
        middles = (left.starts + right.starts + right.widths) / 2
        half = np.diff(middles).mean() / 2
        starts, ends = middles - half, middles + half
    places, sizes = content.readers(is_vertical=first.is_vertical)
    keys = _edge_columns(places, starts, ends, is_computed=True)

    def keys_of(one: Bars) -> tuple[Column, ...]:
        if are_side_by_side or np.allclose(one.starts, first.starts):
            return keys
        return _edge_columns(places, one.starts, one.starts + one.widths, is_computed=True)

    name = sizes.name if sizes.name not in ("x", "y") else "count"
    return [
        Series(_label(content, one), keys_of(one), (Column(name, to_cells(one.values, sizes.limit)),), len(one.starts))
        for one in sets
    ]


def _edge_columns(places: AxisReader, starts: Any, ends: Any, *, is_computed: bool) -> tuple[Column, ...]:
    edges = (("from", starts), ("to", ends))
    return tuple(Column(f"{places.name} {name}", places.read(one, is_computed=is_computed)) for name, one in edges)


def read_outlines(content: AxesContent) -> list[Series]:
    """Return histograms that are drawn as one outline: ``stairs`` and ``hist(histtype="step")``."""
    from ..charts.artists import is_in_data
    from ..charts.shapes import is_step_outline, vertices_of

    found: list[Series] = []
    for patch in content.axes.patches:
        if type(patch).__name__ == "StepPatch":
            values, edges, _ = patch.get_data()
            is_vertical = getattr(patch, "orientation", "vertical") == "vertical"
        elif type(patch).__name__ == "Polygon" and is_in_data(patch) and is_step_outline(vertices_of(patch)):
            values, edges, is_vertical = _unfold_outline(vertices_of(patch))
        else:
            continue
        places, sizes = content.readers(is_vertical=is_vertical)
        name = sizes.name if sizes.name not in ("x", "y") else "count"
        keys = _edge_columns(places, edges[:-1], edges[1:], is_computed=False)
        found.append(Series(content.label(patch), keys, (Column(name, computed(values, sizes.limit)),), len(values)))
    return found


def _unfold_outline(points: Any) -> tuple[Any, Any, bool]:
    """Return values and edges of a polygon that goes up, along and down each bin, and back along the base."""
    is_vertical = bool(points[0, 0] == points[1, 0])
    along, across = (points[:, 0], points[:, 1]) if is_vertical else (points[:, 1], points[:, 0])
    turn = int(along.argmax()) if along[1:].max() > along[0] else int(along.argmin())
    edges, values = [float(along[0])], []
    for index in range(1, len(along) - 1, 2):
        if along[index + 1] == along[index]:
            break
        values.append(float(across[index]))
        edges.append(float(along[index + 1]))
        if index + 1 >= turn and along[index + 1] == along[turn]:
            break
    return values, edges, is_vertical
