"""Cursors of paginated lists. Server process."""

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


def encode_cursor(time: float, row_id: str) -> str:
    """Encode the position of the last row of a page, which is ordered by time, or another number, and id."""
    text = json.dumps([time, row_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, row_id_pattern: re.Pattern[str] = _ROW_ID) -> tuple[float, str]:
    """Return time, or another number, and id of a cursor.

    Raises
    ------
    InvalidInput
        When ``encode_cursor`` did not make it.
    """
    try:
        time, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not math.isfinite(time) or not row_id_pattern.fullmatch(row_id):
            raise ValueError(cursor)
        return float(time), row_id
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidInput("The cursor is not valid; start again without one.", code="invalid_cursor") from error
