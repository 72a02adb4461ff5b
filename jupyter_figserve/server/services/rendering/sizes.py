"""In which size and style a published figure is asked for, and which of these a link grants. Server process."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ....errors import InvalidInput
from ....sandbox.renderer import DrawOptions
from .request import RenderLimits, query_of_options, read_options

SIZE_FIELDS = ("width", "height", "dpi", "style", "transparent")
_SIZE = re.compile(r"(?:([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,4}))?)?(?:@([1-9][0-9]{0,3}))?")


def read_sizes(values: Mapping[str, object], format: str, limits: RenderLimits) -> DrawOptions:
    """How a figure is to be drawn again, from a query or JSON.

    Raises
    ------
    InvalidInput, TooLarge
        As for posted code.
    """
    known = {name: values[name] for name in SIZE_FIELDS if name in values}
    return read_options({**known, "format": format}, limits)


def query_of_sizes(options: DrawOptions) -> list[tuple[str, str]]:
    """The fields that are not as usual, in the order in which they are signed."""
    query = query_of_options(options)
    return [(name, query[name]) for name in SIZE_FIELDS if name in query]


@dataclass(frozen=True)
class AllowedSizes:
    """What links grant without a signature: width, height and dpi, None for the figure's own."""

    allowed: frozenset[tuple[int | None, int | None, float | None]]
    words: str

    @classmethod
    def parse(cls, texts: Iterable[str]) -> AllowedSizes:
        """From ``"640"``, ``"640x480"``, ``"@150"`` and ``"640x480@150"``.

        Raises
        ------
        InvalidInput
            For anything else.
        """
        allowed = set()
        for text in texts:
            match = _SIZE.fullmatch(text)
            if match is None or not text:
                raise InvalidInput(
                    f"{text!r:.40} is not a size; write it like '640', '640x480', '@150' or '640x480@150'."
                )
            width, height, dpi = (int(part) if part else None for part in match.groups())
            allowed.add((width, height, None if dpi is None else float(dpi)))
        return cls(frozenset(allowed), ", ".join(texts))

    def grants(self, options: DrawOptions) -> bool:
        if options.style is not None or options.transparent:
            return False
        size = (options.width, options.height, options.dpi)
        return size == (None, None, None) or size in self.allowed

    @property
    def widths(self) -> list[int]:
        """Widths that are granted by themselves, for a page to offer."""
        return sorted(width for width, height, dpi in self.allowed if width and height is None and dpi is None)
