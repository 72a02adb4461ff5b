"""Kinds of three-dimensional charts. Kernel and jailed child."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_KINDS_3D = (
    ("Poly3DCollection", "3D surface plot"),
    ("Path3DCollection", "3D scatter plot"),
    ("Line3D", "3D line plot"),
    ("Line3DCollection", "3D wireframe plot"),
)


def find_kind_3d(axes: Any) -> tuple[str, list[Any]]:
    """Return the kind of chart of a 3D Axes, and the artists that are its series."""
    stems = [item for item in axes.containers if type(item).__name__ == "StemContainer"]
    if stems:
        return "3D stem plot", stems
    if any(type(item).__name__ in ("Patch3D", "PathPatch3D") for item in axes.patches):
        return "3D bar chart", [item for item in axes.containers if type(item).__name__ == "BarContainer"]
    if any("ContourSet" in type(item).__name__ for item in axes.collections):
        return "3D contour plot", []
    artists = [*axes.collections, *axes.lines]
    for name, kind in _KINDS_3D:
        drawn = [item for item in artists if type(item).__name__ == name]
        if drawn and name == "Poly3DCollection":
            return _kind_of_faces(drawn, kind), []
        if drawn and name == "Line3DCollection" and all(map(_are_arrows, drawn)):
            return "3D quiver plot", []
        if drawn:
            return kind, drawn
    return "3D plot", []


def _are_arrows(item: Any) -> bool:
    """Whether segments are those of ``quiver``: a shaft and the two sides of a head for each arrow."""
    segments = getattr(item, "_segments3d", ())
    count, rest = divmod(len(segments), 3)
    if rest or not count or any(len(one) != 2 for one in segments):
        return False
    ends = {tuple(point) for one in segments[:count] for point in one}
    return all(tuple(one[0]) in ends for one in segments[count:])


def _kind_of_faces(drawn: list[Any], kind: str) -> str:
    if not all(map(_has_axis_aligned_faces, drawn)):
        return kind
    # ``voxels`` draws each of its cubes on its own.
    return "3D voxel plot" if len(drawn) > 1 and _are_cubes(drawn) else "3D bar chart"


def _are_cubes(items: Iterable[Any]) -> bool:
    """Whether each item is one cube, or the visible faces of one."""
    return all(faces is not None and len(faces) <= 6 for faces in map(faces_of, items))


def faces_of(item: Any) -> Any:
    """Return the corners of each face of a surface; None if they are unknown."""
    vectors, slices = getattr(item, "_vec", None), getattr(item, "_segslices", None)
    faces = getattr(item, "_faces", None)
    if faces is None and vectors is not None and slices is not None:
        faces = [vectors[:3, part].T for part in slices]
    return faces


def _has_axis_aligned_faces(item: Any) -> bool:
    """Whether faces are parallel to the axes, in more than one direction, as those of boxes are."""
    faces = faces_of(item)
    if faces is None or len(faces) < 6:
        return False
    flat = [tuple(bool(len(set(face[:, axis].tolist())) == 1) for axis in range(3)) for face in faces]
    return all(any(directions) for directions in flat) and len(set(flat)) > 1
