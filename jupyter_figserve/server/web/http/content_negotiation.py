"""What an ``Accept`` header wants of a picture: its format, or all that is known as JSON. Server process."""

from __future__ import annotations

import re

from ....model.formats import FORMATS


def negotiate_formats(accept: str) -> list[str]:
    """Names of our formats and ``json`` that an ``Accept`` header names plainly, the most wanted first.

    Source: RFC 9110, section 12.5.1; wildcards leave the choice to us, which is PNG.
    """
    rows = {row.mimetype: row.name for row in FORMATS.values() if row.name != "html"} | {
        "application/json": "json",
        "image/jpg": "jpg",
    }
    found = []
    for place, part in enumerate(accept.split(",")):
        mimetype, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = next((_weight(word[2:]) for word in parameters if word.startswith("q=")), 1.0)
        name = "png" if mimetype in ("*/*", "image/*") else rows.get(mimetype)
        if name is not None and weight > 0:
            found.append((-weight, place, name))
    return [name for _, _, name in sorted(found)]


def _weight(text: str) -> float:
    return float(text) if re.fullmatch(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", text) else 0.0
