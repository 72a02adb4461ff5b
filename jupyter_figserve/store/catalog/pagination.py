"""Pages of lists and their cursors. Server process."""

from __future__ import annotations

import base64
import json
import math
import re

from ...errors import InvalidInput
from ...model.figures import FigureRecord

_ROW_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


Page = tuple[list[FigureRecord], str | None]
"""Figures, and the cursor of the next page (None at the end)."""


def encode_cursor(stamp: float, row_id: str) -> str:
    """Where a page ended that is in order of time and id."""
    text = json.dumps([stamp, row_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[float, str]:
    """Time and id of a cursor.

    Raises
    ------
    InvalidInput
        When it is not one that ``encode_cursor`` gave.
    """
    try:
        stamp, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not math.isfinite(stamp) or not _ROW_ID.fullmatch(row_id):
            raise ValueError(cursor)
        return float(stamp), row_id
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidInput("That cursor is not one of ours; start again without it.", code="invalid_cursor") from error
