"""Sizes in which a link serves its figure without a signature. Server process."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ....errors import InvalidInput
from ....model.rendering import DrawOptions

_SIZE = re.compile(r"(?:([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,4}))?)?(?:@([1-9][0-9]{0,3}))?")


@dataclass(frozen=True)
class AllowedSizes:
    """An allow-list of widths, heights and dpi; None means the figure's own.

    Parameters
    ----------
    text
        The list as configured, for error messages.
    """

    allowed: frozenset[tuple[int | None, int | None, float | None]]
    text: str

    @classmethod
    def parse(cls, texts: Iterable[str]) -> AllowedSizes:
        """Parse ``"640"``, ``"640x480"``, ``"@150"`` and ``"640x480@150"``.

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
        """Whether these options are allowed without a signature; the figure's own size always is."""
        if options.style is not None or options.transparent:
            return False
        size = (options.width, options.height, options.dpi)
        return size == (None, None, None) or size in self.allowed

    @property
    def widths(self) -> list[int]:
        """Allowed widths without height and dpi, which a page can offer."""
        return sorted(width for width, height, dpi in self.allowed if width and height is None and dpi is None)
