"""The size that an image is displayed with, as opposed to its pixels. Any process."""

from __future__ import annotations

import re

_PIXELS = re.compile(r"\s*([0-9]{1,5}(?:\.[0-9]+)?)\s*(?:px)?\s*")
_MAX_SIDE = 100_000


def parse_display_size(
    width: object, height: object, pixels: tuple[int | None, int | None]
) -> tuple[int | None, int | None]:
    """Return width and height in CSS pixels; a side that is not given follows from the other, and both may be None.

    Parameters
    ----------
    width, height
        Numbers or texts such as ``"300px"``; anything else counts as not given.
    pixels
        Width and height of the image, if known.
    """
    sides = [_parse_side(width), _parse_side(height)]
    if pixels[0] and pixels[1]:
        if sides[0] and not sides[1]:
            sides[1] = max(1, round(sides[0] * pixels[1] / pixels[0]))
        elif sides[1] and not sides[0]:
            sides[0] = max(1, round(sides[1] * pixels[0] / pixels[1]))
    return (sides[0], sides[1]) if all(sides) else (None, None)


def _parse_side(value: object) -> int | None:
    if isinstance(value, str):
        match = _PIXELS.fullmatch(value)
        value = float(match[1]) if match else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return round(value) if 1 <= value < _MAX_SIDE else None
