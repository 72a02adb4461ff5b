"""Bodies of requests in JSON, with NumPy's scalars; what cannot be sent is named by its field. Kernel."""

from __future__ import annotations

import json
from typing import Any

from ...errors import InvalidInput


def encode_json(value: Any) -> bytes:
    """Return the JSON of a request's body.

    Raises
    ------
    InvalidInput
        A field has a value that JSON does not know.
    """
    try:
        return json.dumps(value, default=_to_plain).encode()
    except (TypeError, ValueError, RecursionError) as error:
        field, found = _find_wrong_field(value)
        raise InvalidInput(f"{field} cannot be a value of type {type(found).__name__}.") from error


def _to_plain(value: Any) -> Any:
    """Return a scalar of NumPy or pandas as Python's own."""
    if getattr(value, "ndim", None) != 0 or not callable(getattr(value, "item", None)):
        raise TypeError
    return value.item()


def _find_wrong_field(value: Any) -> tuple[str, object]:
    for name, item in value.items() if isinstance(value, dict) else ():
        try:
            json.dumps(item, default=_to_plain)
        except (TypeError, ValueError, RecursionError):
            return str(name), item
    return "The request", value
