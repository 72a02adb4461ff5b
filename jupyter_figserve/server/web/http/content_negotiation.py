"""Content negotiation: the formats in an ``Accept`` header, by preference. Server process."""

from __future__ import annotations

import re

from ....model.formats import FORMATS


def negotiate_formats(accept: str) -> list[str]:
    """Return the names of our formats, and ``json``, in an ``Accept`` header, most preferred first.

    Source: RFC 9110, section 12.5.1. A wildcard leaves the choice to the server: PNG.
    """
    names = {row.mimetype: row.name for row in FORMATS.values() if row.name != "html"} | {
        "application/json": "json",
        "image/jpg": "jpg",
    }
    found = []
    for position, part in enumerate(accept.split(",")):
        mimetype, *parameters = (token.strip().lower() for token in part.split(";"))
        weight = next((_weight(token[2:]) for token in parameters if token.startswith("q=")), 1.0)
        name = "png" if mimetype in ("*/*", "image/*") else names.get(mimetype)
        if name is not None and weight > 0:
            found.append((-weight, position, name))
    return [name for _, _, name in sorted(found)]


def _weight(text: str) -> float:
    return float(text) if re.fullmatch(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", text) else 0.0
