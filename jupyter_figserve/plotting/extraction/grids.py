"""Tables of images, meshes, hexagons and arrows. Kernel and jailed child."""

from __future__ import annotations

from typing import Any

from ...model.data_series import Column, Series
from ...model.data_tables import MAX_COLUMNS, Cell, DataTable
from ..charts.artists import is_a
from .axes_content import AxesContent, own_label
from .curves import name_of_values
from .values import to_cells


def read_grids(content: AxesContent, name: str) -> list[DataTable]:
    """Return a table for each image and mesh: a row for each y, a column for each x."""
    axes = content.axes
    found: list[DataTable] = []
    for item in (*axes.images, *axes.collections):
        if not item.get_visible():
            continue
        if is_a(item, "_ImageBase"):
            found += _read_image(content, item, name)
        elif is_a(item, "QuadMesh"):
            found += _read_mesh(content, item, name)
    return found


def _read_image(content: AxesContent, image: Any, name: str) -> list[DataTable]:
    import numpy as np

    values = image.get_array()
    if values is None or values.ndim not in (2, 3) or not values.size:
        return []
    rows, columns = values.shape[:2]
    places = _pixel_middles(image, rows, columns)
    if values.ndim == 3:
        values = _colours(np.ma.getdata(values)[: content.limit])
    return [_grid(content, values, *places, _name_of_grid(image, name), rows)]


def _pixel_middles(image: Any, rows: int, columns: int) -> tuple[Any, Any]:
    """Return the middles of an image's columns and rows of pixels."""
    import numpy as np

    own = getattr(image, "_Ax", None), getattr(image, "_Ay", None)
    if own[0] is not None and own[1] is not None:
        return tuple(  # type: ignore[return-value]  # two of them
            edges if len(edges) == count else (edges[1:] + edges[:-1]) / 2
            for edges, count in zip(map(np.asarray, own), (columns, rows), strict=True)
        )
    left, right, bottom, top = image.get_extent()
    if getattr(image, "origin", "upper") == "upper":
        bottom, top = top, bottom
    return _middles(left, right, columns), _middles(bottom, top, rows)


def _middles(start: float, end: float, count: int) -> Any:
    import numpy as np

    step = (end - start) / count
    return start + step * (np.arange(count) + 0.5)


def _colours(pixels: Any) -> Any:
    """Return the pixels of an image as colours like ``#ff8000``."""
    import numpy as np

    if pixels.dtype.kind == "f":
        pixels = np.round(np.clip(np.nan_to_num(pixels), 0, 1) * 255)
    pixels = pixels[..., :3].astype(np.uint8)
    return np.array([["#%02x%02x%02x" % tuple(pixel) for pixel in row] for row in pixels], dtype=object)  # noqa: UP031


def _read_mesh(content: AxesContent, mesh: Any, name: str) -> list[DataTable]:
    import numpy as np

    values, corners = mesh.get_array(), np.ma.getdata(mesh.get_coordinates())
    if values is None:
        return []
    is_smooth = getattr(mesh, "_shading", "flat") == "gouraud"
    shape = corners.shape[0] - (not is_smooth), corners.shape[1] - (not is_smooth)
    values = np.ma.asanyarray(values).reshape(shape) if values.size == shape[0] * shape[1] else None
    if values is None:
        return []
    centers = corners
    if not is_smooth:
        centers = (corners[1:, 1:] + corners[:-1, :-1] + corners[1:, :-1] + corners[:-1, 1:]) / 4
    x, y = centers[..., 0], centers[..., 1]
    if np.allclose(x, x[:1]) and np.allclose(y, y[:, :1]):
        return [_grid(content, values, x[0], y[:, 0], _name_of_grid(mesh, name), shape[0])]
    columns = (content.x.name, content.y.name, name_of_values(mesh))
    cells = (content.x.read(x, is_computed=True), content.y.read(y, is_computed=True), to_cells(values, content.limit))
    return [DataTable(name, columns, tuple(zip(*cells, strict=True)), values.size)]


def _name_of_grid(item: Any, name: str) -> str:
    label = own_label(item) or name_of_values(item)
    return name if label == "value" else f"{name}: {label}"


def _grid(content: AxesContent, values: Any, x: Any, y: Any, name: str, total: int) -> DataTable:
    across = content.x.read(x[:MAX_COLUMNS], is_computed=True)
    along = content.y.read(y, is_computed=True)
    columns = (f"{content.y.name} \\ {content.x.name}", *(_title(cell) for cell in across))
    rows = tuple(
        (place, *to_cells(row[: len(across)])) for place, row in zip(along, values[: len(along)], strict=False)
    )
    return DataTable(name, columns, rows, total)


def _title(cell: Cell) -> str:
    return "" if cell is None else str(cell)


def read_cells(content: AxesContent) -> list[Series]:
    """Return hexagons and triangles with a value each, by their places, and arrows by their start and components."""
    found: list[Series] = []
    for item in content.axes.collections:
        if not item.get_visible():
            continue
        if is_a(item, "TriMesh"):
            mesh = item._triangulation
            keys = Column(content.x.name, content.x.read(mesh.x)), Column(content.y.name, content.y.read(mesh.y))
            values = Column(name_of_values(item), to_cells(item.get_array(), content.limit))
            found.append(Series(own_label(item), keys, (values,), len(mesh.x)))
        elif is_a(item, "Quiver"):
            found.append(_read_arrows(content, item))
        elif is_a(item, "PolyCollection") and item.get_array() is not None and not is_a(item, "Barbs"):
            found.append(_read_polygons(content, item))
    return found


def _read_arrows(content: AxesContent, item: Any) -> Series:
    keys = Column(content.x.name, content.x.read(item.X)), Column(content.y.name, content.y.read(item.Y))
    limit = content.limit
    components = Column("u", to_cells(item.U, limit)), Column("v", to_cells(item.V, limit))
    return Series(own_label(item), keys, components, item.U.size)


def _read_polygons(content: AxesContent, item: Any) -> Series:
    import numpy as np

    offsets, values = np.asarray(item.get_offsets()), item.get_array()
    if len(offsets) != np.size(values):
        # A triangle's place is the middle of its corners.
        corners = [path.vertices[:-1] for path in item.get_paths()]
        offsets = np.array([points.mean(axis=0) for points in corners]).reshape(-1, 2)[: np.size(values)]
        values = np.ma.ravel(values)[: len(offsets)]
    x, y = offsets.T
    keys = (
        Column(content.x.name, content.x.read(x, is_computed=True)),
        Column(content.y.name, content.y.read(y, is_computed=True)),
    )
    name = name_of_values(item)
    return Series(own_label(item), keys, (Column(name, to_cells(values, content.limit)),), len(x))
