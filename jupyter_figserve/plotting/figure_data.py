"""The data of a figure in place of an image. Kernel and jailed child."""

from __future__ import annotations

from typing import Any

from ..errors import OutputInvalid
from ..model.data_tables import to_lines
from ..model.figures import EncodedImage
from ..model.formats import TABLES
from .extraction.figure_tables import NO_DATA, read_figure
from .resolve import ResolvedFigure

_MAX_ROWS = 100_000
_BYTES_PER_ROW = 150
_MIN_BYTES = 2**18


def read_tables(found: Any, max_rows: int | None) -> EncodedImage:
    """Return the tables of a figure.

    Raises
    ------
    Conflict, OutputInvalid
        It has no data, with the code ``no_data``.
    """
    if not isinstance(found, ResolvedFigure):
        raise OutputInvalid(NO_DATA, code="no_data")
    # Categories and dates get their places when the figure is drawn.
    found.figure.draw_without_rendering()
    rows = max_rows or _MAX_ROWS
    size = max(_MIN_BYTES, _BYTES_PER_ROW * rows)
    return EncodedImage(TABLES.mimetype, to_lines(read_figure(found, rows), size))
