"""Content negotiation: the formats in an ``Accept`` header, by preference. Server process."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ....model.formats import FORMATS

_NAMED_TYPES = {row.name: row.mimetype for row in FORMATS.values() if row.name != "html"} | {"json": "application/json"}
_TYPES = _NAMED_TYPES | {"csv": "text/csv"}


def negotiate_formats(accept: str) -> list[str]:
    """Return the names of our formats, and ``json``, in an ``Accept`` header, most preferred first.

    Source: RFC 9110, section 12.5.1. A wildcard leaves the choice to the server: PNG.
    """
    names = {mimetype: name for name, mimetype in _NAMED_TYPES.items()}
    names |= {"image/jpg": "jpg", "image/*": "png", "*/*": "png"}
    ranges = _parse_ranges(accept)
    wanted = [one for one in ranges if one in names and ranges[one] > 0]
    return [names[one] for one in sorted(wanted, key=lambda one: -ranges[one])]


def negotiate_page(accept: str, stored: Sequence[str] = (), *, is_complete: bool = False) -> str | None:
    """Return the format that a client prefers to the page at an address without a suffix; None for the page.

    Browsers that navigate, and clients that accept everything, get the page; requests for images or JSON get those.

    Parameters
    ----------
    stored
        Names of the formats that need no rendering, the main one first: preferred among equally acceptable ones, as
        browsers accept every image in an ``<img>``.
    is_complete
        Whether there are no others except JSON; then one of these is chosen if it is acceptable at all.
    """
    ranges = _parse_ranges(accept)
    own = [name for name in stored if name in _TYPES]
    named = [name for name, mimetype in _NAMED_TYPES.items() if mimetype in ranges]
    weights = {name: _quality(_TYPES[name], ranges) for name in dict.fromkeys([*own, *named, "png"])}
    if is_complete and (possible := {name: weights[name] for name in own if weights[name] > 0}):
        weights = possible | {name: weights[name] for name in weights if name == "json"}
    best = max(weights, key=lambda name: weights[name])
    page = max(ranges.get("text/html", 0.0), ranges.get("application/xhtml+xml", 0.0), ranges.get("*/*", 0.0))
    return best if weights[best] > page else None


def _parse_ranges(accept: str) -> dict[str, float]:
    """Return the weights of the media ranges of an ``Accept`` header, in their order."""
    found: dict[str, float] = {}
    for part in accept.split(","):
        mimetype, *parameters = (token.strip().lower() for token in part.split(";"))
        found[mimetype] = next((_weight(token[2:]) for token in parameters if token.startswith("q=")), 1.0)
    return found


def _quality(mimetype: str, ranges: Mapping[str, float]) -> float:
    """Return the weight of a type by the most specific range that includes it."""
    for name in (mimetype, f"{mimetype.partition('/')[0]}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0


def _weight(text: str) -> float:
    return float(text) if re.fullmatch(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", text) else 0.0
