"""The size that a vector image states, found without drawing it. Any process."""

from __future__ import annotations

import re

CSS_DPI = 96
"""CSS pixels to the inch: the unit of a vector image's size. Source: CSS Values and Units, section 6.2."""
_PIXELS_PER_UNIT = {
    "": 1.0,
    "px": 1.0,
    "pt": CSS_DPI / 72,
    "pc": CSS_DPI / 6,
    "in": float(CSS_DPI),
    "cm": CSS_DPI / 2.54,
    "mm": CSS_DPI / 25.4,
}
_NUMBER = rb"(-?[0-9]{1,9}(?:\.[0-9]{0,20})?|-?\.[0-9]{1,20})"
_SVG_TAG = re.compile(rb"<(?:\w+:)?svg\b[^<>]*>", re.IGNORECASE)
_SVG_SIDE = re.compile(rb"""\s(width|height)\s*=\s*["']\s*%b\s*([a-z]*)\s*["']""" % _NUMBER)
_SVG_VIEW_BOX = re.compile(rb"""\sviewBox\s*=\s*["']\s*""" + rb"[\s,]+".join([_NUMBER] * 4))
_BOXES = {
    "pdf": re.compile(rb"/MediaBox\s*\[\s*" + rb"\s+".join([_NUMBER] * 4)),
    "eps": re.compile(rb"%%(?:HiRes)?BoundingBox:\s*" + rb"\s+".join([_NUMBER] * 4)),
}


def vector_size(name: str, data: bytes) -> tuple[int, int] | None:
    """Return the size in CSS pixels that a file in the vector format ``name`` states, None if it states none."""
    size = _svg_size(data) if name == "svg" else _box_size(name, data)
    if size is None:
        return None
    width, height = (round(side) for side in size)
    return (width, height) if width > 0 and height > 0 else None


def _box_size(name: str, data: bytes) -> tuple[float, float] | None:
    pattern = _BOXES.get(name)
    matches = pattern.findall(data) if pattern else []
    if not matches:
        return None
    # A PDF has a box for each page, of which the first counts. An EPS may have a rounded box before the exact one.
    x0, y0, x1, y1 = map(float, matches[0] if name == "pdf" else matches[-1])
    return (x1 - x0) * _PIXELS_PER_UNIT["pt"], (y1 - y0) * _PIXELS_PER_UNIT["pt"]


def _svg_size(data: bytes) -> tuple[float, float] | None:
    tag = _SVG_TAG.search(data[:65_536])
    if tag is None:
        return None
    sides = {
        name: float(number) * _PIXELS_PER_UNIT[unit.decode()]
        for name, number, unit in _SVG_SIDE.findall(tag[0])
        if unit.decode() in _PIXELS_PER_UNIT
    }
    if len(sides) == 2:
        return sides[b"width"], sides[b"height"]
    view_box = _SVG_VIEW_BOX.search(tag[0])
    return (float(view_box[3]), float(view_box[4])) if view_box else None
