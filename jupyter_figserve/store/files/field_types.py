"""Checks the values of a record that was read from a file against the types of its fields. Any process."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from ...model.figures import DIGEST

_ID = re.compile(r"[A-Za-z0-9]{1,64}")
_MAX_INTEGER = 2**63 - 1
"""The largest integer of SQLite."""
_PATTERNS = {"digest": DIGEST, "token_hash": DIGEST, "id": _ID}


def check_record(record: Any) -> None:
    """Check the fields of a dataclass, and of the dataclasses in it.

    Raises
    ------
    TypeError
        When a value has another type than its field.
    ValueError
        When a value cannot be stored, such as an infinite number, or is no digest or id where one belongs.
    """
    kind: Any = type(record)
    hints = _hints(kind)
    for name, hint in hints.items():
        value = getattr(record, name)
        _check(value, hint, name)
        # The digest of a declaration is no blob's, and may be empty.
        is_named = name in _PATTERNS and (name != "digest" or "size" in hints)
        if is_named and not _PATTERNS[name].fullmatch(value):
            raise ValueError(f"{name} is {value!r:.80}")


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _check(value: Any, hint: Any, name: str) -> None:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        _check_json(value, name)
    elif origin in (Union, types.UnionType):
        _check_union(value, arguments, name)
    elif hint in (str, int, float, bool, types.NoneType):
        _check_plain(value, hint, name)
    elif origin in (tuple, frozenset, list):
        _require(isinstance(value, origin), value, name)
        for item in value:
            _check(item, arguments[0], name)
    elif origin in (dict, Mapping):
        _require(isinstance(value, Mapping), value, name)
        for key, item in value.items():
            _check(key, arguments[0], name)
            _check(item, arguments[1], name)
    elif is_dataclass(hint):
        _require(isinstance(value, hint), value, name)  # type: ignore[arg-type]  # a dataclass, not an instance
        check_record(value)


def _check_union(value: Any, hints: tuple[Any, ...], name: str) -> None:
    for hint in hints:
        try:
            return _check(value, hint, name)
        except TypeError:
            continue
    raise TypeError(f"{name} is {value!r:.80}")


def _check_plain(value: Any, hint: Any, name: str) -> None:
    # JSON writes 1.0 as 1 in other languages; a bool is an int in Python only.
    accepted = (int, float) if hint is float else hint
    _require(isinstance(value, accepted) and (hint is bool or not isinstance(value, bool)), value, name)
    _check_json(value, name)


def _check_json(value: Any, name: str) -> None:
    """Check that a JSON value can be stored: finite, 64 bits wide, and valid Unicode."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > _MAX_INTEGER:
            raise ValueError(f"{name} is {value!r:.80}")
    elif isinstance(value, list | tuple):
        for item in value:
            _check_json(item, name)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _check_json(key, name)
            _check_json(item, name)


def _require(is_right: bool, value: Any, name: str) -> None:
    if not is_right:
        raise TypeError(f"{name} is {value!r:.80}")
