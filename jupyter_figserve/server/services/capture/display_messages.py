"""The ids and marks in a kernel's display messages, which may contain anything. Server process."""

from __future__ import annotations

from typing import Any

from ....model.figures import MARKER, is_id

_MAX_ID_LENGTH = 200
_MAX_EXECUTION_COUNT = 10**9


def as_dict(value: Any) -> dict[Any, Any]:
    """Return an object of JSON; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def find_mark(content: Any) -> str | None:
    """Return the mark that ``figserve.last()`` sends after all displays before it.

    "" for other displays of this package, which are not captured; None for all others.
    """
    metadata = as_dict(as_dict(content).get("metadata"))
    if MARKER not in metadata:
        return None
    mark = as_dict(metadata[MARKER]).get("mark")
    return mark if isinstance(mark, str) and len(mark) <= _MAX_ID_LENGTH else ""


def find_published(content: Any) -> str | None:
    """Return the id of the published figure that a display of ours shows."""
    figure = as_dict(as_dict(as_dict(content).get("metadata")).get(MARKER)).get("figure")
    return figure if isinstance(figure, str) and is_id(figure) else None


def find_display_id(content: Any) -> str | None:
    display_id = as_dict(as_dict(content).get("transient")).get("display_id")
    return display_id if isinstance(display_id, str) and len(display_id) <= _MAX_ID_LENGTH else None


def find_execution_count(content: Any) -> int | None:
    """Return the number of the cell that an ``execute_input`` runs."""
    count = as_dict(content).get("execution_count")
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    return count if 0 <= count < _MAX_EXECUTION_COUNT else None


def find_code(content: Any) -> str:
    """Return the code that an ``execute_input`` runs."""
    code = as_dict(content).get("code")
    return code if isinstance(code, str) else ""
