"""Finds the stored representation that a request can be answered with. Server process."""

from __future__ import annotations

from ....model.figures import FigureRecord, Representation
from ....model.formats import FORMATS, Format
from ....model.rendering import DrawOptions


def find_stored(record: FigureRecord, row: Format, options: DrawOptions) -> Representation | None:
    """Return the stored representation with this format and these options, None when it has to be rendered."""
    if options.style is not None or options.transparent:
        return None
    sizes = {"width": options.width, "height": options.height, "dpi": options.dpi}
    stored = [part for part in record.version.representations if part.mimetype == row.mimetype]
    if record.version.thumbnail is not None and row is FORMATS["png"] and options.width is not None:
        stored.append(record.version.thumbnail)
    for part in stored:
        if all(value is None or getattr(part, name) == value for name, value in sizes.items()):
            return part
    return None
