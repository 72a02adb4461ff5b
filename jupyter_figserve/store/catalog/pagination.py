"""Pages of lists, in descending order of a number and an id, and the cursors of the next ones. Server process."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from ...errors import InvalidInput
from ...model.queries import MAX_LIMIT

T = TypeVar("T")
_ROW_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def clamp_limit(limit: int) -> int:
    """Return the nearest number of rows that a page may have."""
    return max(1, min(limit, MAX_LIMIT))


def select_page(
    query: sa.Select[Any],
    number: sa.ColumnElement[Any],
    row_id: sa.ColumnElement[Any],
    limit: int,
    cursor: str | None,
) -> sa.Select[Any]:
    """Return the query of a page after a cursor, and of one row more, for ``cut_page``.

    Raises
    ------
    InvalidInput
        When the cursor is not valid.
    """
    query = query.order_by(number.desc(), row_id.desc()).limit(limit + 1)
    if cursor is None:
        return query
    last = map(sa.literal, decode_cursor(cursor))
    return query.where(sa.tuple_(number, row_id) < sa.tuple_(*last))


def cut_page(rows: Sequence[T], limit: int, place: Callable[[T], tuple[float, str]]) -> tuple[list[T], str | None]:
    """Return the rows of a page, of which one more was read, and the cursor of the next (None at the end).

    Parameters
    ----------
    place
        Returns the number and the id of a row.
    """
    shown = list(rows[:limit])
    return shown, encode_cursor(*place(shown[-1])) if len(rows) > limit else None


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
