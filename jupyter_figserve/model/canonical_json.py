"""Canonical JSON, of which equal values have equal bytes in Python and in JavaScript. Any process.

Source: RFC 8785 (JSON Canonicalization Scheme). Like ``JSON.stringify``, it writes numbers that are not finite as null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

_EXACT = 2**53


def canonical_json(value: Any) -> bytes:
    """Return the canonical form of a value that was read from JSON, in UTF-8.

    Raises
    ------
    ValueError
        The value contains something that JSON cannot represent.
    """
    return "".join(_write(value)).encode()


def _write(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        # In the order of UTF-16 code units, by which JavaScript sorts.
        names = sorted(value, key=lambda name: str(name).encode("utf-16-be", "surrogatepass"))
        yield "{"
        for index, name in enumerate(names):
            yield f"{',' if index else ''}{json.dumps(str(name), ensure_ascii=False)}:"
            yield from _write(value[name])
        yield "}"
    elif isinstance(value, (list, tuple)):
        yield "["
        for index, item in enumerate(value):
            yield "," if index else ""
            yield from _write(item)
        yield "]"
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield _number(value)
    elif value is None or isinstance(value, (str, bool)):
        yield json.dumps(value, ensure_ascii=False)
    else:
        raise ValueError(f"{type(value).__name__} is not JSON")


def _number(value: float) -> str:
    """Return a number as JavaScript writes it. Source: ECMA-262, Number::toString."""
    if isinstance(value, int):
        if abs(value) <= _EXACT:
            return str(value)
        try:
            value = float(value)
        except OverflowError:
            return "null"
    if not math.isfinite(value):
        return "null"
    if value == 0:
        return "0"
    if value < 0:
        return "-" + _number(-value)
    mantissa, _, exponent = f"{value!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    # The value is 0.digits times ten to the power of the point.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    power = point - 1
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{tail}e{'+' if power > 0 else '-'}{abs(power)}"
