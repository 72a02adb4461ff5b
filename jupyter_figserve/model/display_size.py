"""The size that an image is displayed with, as opposed to its pixels. Any process."""

from __future__ import annotations

import re

_PIXELS = re.compile(r"\s*([0-9]{1,5}(?:\.[0-9]+)?)\s*(?:px)?\s*")
_MAX_SIDE = 100_000


class HasDisplaySize:
    """An image with a size in pixels, and one in CSS pixels that its author displays it with, such as half of them.

    ``display_width`` and ``display_height`` are None where the image is displayed in its own size.
    """

    width: int | None
    height: int | None
    display_width: int | None
    display_height: int | None

    @property
    def display_size(self) -> tuple[int | None, int | None]:
        return self.display_width, self.display_height

    @property
    def css_width(self) -> int | None:
        """Width on a page in CSS pixels: the displayed one, else that of the image."""
        return self.display_width or self.width

    @property
    def css_height(self) -> int | None:
        """Height on a page in CSS pixels."""
        return self.display_height or self.height


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
