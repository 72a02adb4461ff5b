"""A parameter of a live function as a value: parsing, validation, text form and JSON schema. Any process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ..errors import InvalidInput
from .scalars import MAX_DIGITS, READERS, Scalar, split_items, write_text
from .texts import to_nfc

Kind = Literal["str", "int", "float", "bool", "date", "datetime", "choice"]
MAX_ITEMS = 10_000
MAX_TEXT = 10_000
_MAX_SHOWN = 60
KIND_NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "date": "a date such as 2024-03-31",
    "datetime": "a time such as 2024-03-31T09:30",
}
"""Descriptions for messages; those of choices list them."""
_JSON_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "date": "string"}


@dataclass(frozen=True)
class Parameter:
    """A parameter; its values are JSON scalars (dates in ISO 8601, choices as their labels) or lists of them.

    Parameters
    ----------
    many
        Whether the value is a list of ``kind``.
    is_optional
        Whether the value may be None, written as an empty text.
    choices
        Labels as they appear in URLs.
    values
        The choices as JSON scalars, if they are such (a ``Literal``); else empty.
    default
        Ignored if ``is_required``.
    minimum, maximum
        Inclusive bounds.
    """

    name: str
    kind: Kind = "str"
    many: bool = False
    is_optional: bool = False
    is_required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    values: tuple[Scalar, ...] = ()
    minimum: Scalar = None
    maximum: Scalar = None
    step: float | None = None

    @property
    def is_well_formed(self) -> bool:
        """Whether its fields have the types that they are declared with, which those of a message may not have."""
        is_list = isinstance(self.default, (list, tuple))
        defaults = list(self.default) if is_list else [self.default]
        numbers = [n for n in (self.step, self.minimum, self.maximum) if isinstance(n, float)]
        return (
            self.kind in (*KIND_NAMES, "choice")
            and all(isinstance(text, str) for text in (self.name, *self.choices))
            and self.name.isidentifier()
            and all(isinstance(one, Scalar) for one in (*defaults, *self.values, self.minimum, self.maximum))
            and (self.default is None or self.is_required or is_list == self.many)
            and len(self.values) in (0, len(self.choices))
            and isinstance(self.step, (int, float, type(None)))
            and all(math.isfinite(number) for number in numbers)
            and all(self._is_bound(bound) for bound in (self.minimum, self.maximum))
        )

    @property
    def allowed(self) -> str:
        """Description of the allowed values, for messages."""
        text = f"one of {', '.join(self.choices)}" if self.kind == "choice" else KIND_NAMES[self.kind] + self._bounds()
        if self.many:
            text = f"a list of these, separated by commas: {text}"
        return text + (", or nothing" if self.is_optional else "")

    def parse(self, texts: Sequence[str]) -> Any:
        """Parse the value from a query, where it may be repeated.

        Raises
        ------
        InvalidInput
            The value is not allowed; the message names the parameter, the value and the allowed values.
        """
        if self.is_optional and list(texts) == [""]:
            return None
        if self.many:
            items = [item for text in texts for item in (split_items(text) if text else [])]
            if len(items) > MAX_ITEMS:
                raise InvalidInput(f"{self.name} has {len(items):,} items; the limit is {MAX_ITEMS:,}.")
            return [self._parse_one(item) for item in items]
        # A checkbox sends "false" from a hidden field, and "true" after it if it is ticked: the last one counts.
        if len(texts) > 1 and self.kind != "bool":
            raise InvalidInput(f"{self.name} is given {len(texts)} times; give it once.", code="invalid_parameter")
        return self._parse_one(texts[-1])

    def check(self, value: Any) -> Any:
        """Validate a JSON value and return it as ``parse`` would; numbers and choices may come as JSON scalars.

        Raises
        ------
        InvalidInput
            See ``parse``.
        """
        if value is None and self.is_optional:
            return None
        if self.many:
            if not isinstance(value, (list, tuple)):
                raise self._error(value)
            return [self._parse_one(write_text(item)) for item in value]
        if isinstance(value, (list, tuple, dict)) or value is None:
            raise self._error(value)
        return self._parse_one(write_text(value))

    def write(self, value: Any) -> str:
        """Return the text of a value for a query, the inverse of ``parse``.

        Raises
        ------
        InvalidInput
            The value is a list of one empty text, which a query cannot express.
        """
        if value is None:
            return ""
        if not self.many:
            return write_text(value)
        texts = [write_text(item) for item in value]
        if texts == [""]:
            raise InvalidInput(f"{self.name}: a list of one empty text cannot be written in a URL; use an empty list.")
        return ",".join(text.replace("\\", "\\\\").replace(",", "\\,") for text in texts)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the value."""
        if self.kind == "choice":
            one: dict[str, Any] = {"enum": list(self.values or self.choices)}
        else:
            one = {"type": _JSON_TYPES.get(self.kind, "string")}
            if self.kind in ("date", "datetime"):
                # "date-time" requires a time zone, which is optional here.
                one["format"] = "date" if self.kind == "date" else "date-time-local"
            for name, bound in (("minimum", self.minimum), ("maximum", self.maximum)):
                if bound is not None:
                    # JSON Schema bounds numbers only; the bounds of dates are in an extension.
                    one[name if self.kind in ("int", "float") else f"x-{name}"] = bound
        schema = {"type": "array", "items": one, "maxItems": MAX_ITEMS} if self.many else one
        if self.is_optional:
            schema = {"anyOf": [schema, {"type": "null"}]}
        return schema if self.is_required else {**schema, "default": self._to_schema_value(self.default)}

    def _to_schema_value(self, value: Any) -> Any:
        """Replace the label of a choice by the JSON scalar of the schema's ``enum``."""
        if self.many and value is not None:
            return [self._find_value(one) for one in value]
        return self._find_value(value)

    def _find_value(self, label: Any) -> Any:
        has_value = self.kind == "choice" and self.values and label in self.choices
        return self.values[self.choices.index(label)] if has_value else label

    def _parse_one(self, text: str) -> Scalar:
        try:
            value = self._read(text)
        except ValueError:
            raise self._error(text) from None
        if self.kind not in ("str", "bool", "choice"):
            low, high = (None if b is None else self._order(b) for b in (self.minimum, self.maximum))
            position = self._order(value)
            if (low is not None and position < low) or (high is not None and position > high):
                raise self._error(text)
        return value

    def _read(self, text: str) -> Scalar:
        """Parse one text without checking bounds; raises ValueError if it is not of this kind."""
        if self.kind == "str":
            if len(text) > MAX_TEXT or "\0" in text:
                raise ValueError
            return text
        if self.kind == "choice":
            same = (choice for choice in self.choices if to_nfc(choice) == to_nfc(text))
            found = text if text in self.choices else next(same, None)
            if found is None:
                raise ValueError
            return found
        value: Scalar = READERS[self.kind](text.strip())
        return value

    def _is_bound(self, bound: Scalar) -> bool:
        if bound is None or self.kind not in READERS or self.kind == "bool":
            return True
        try:
            self._order(READERS[self.kind](write_text(bound)))
        except (ValueError, OverflowError):
            return False
        return isinstance(bound, (int, float) if self.kind in ("int", "float") else str)

    def _order(self, value: Any) -> Any:
        """Return the sort key of a value; a time without a zone is taken as UTC."""
        if self.kind != "datetime":
            return value
        moment = datetime.fromisoformat(value)
        return moment.timestamp() if moment.tzinfo else (moment - datetime(1970, 1, 1)).total_seconds()

    def _bounds(self) -> str:
        if self.minimum is not None and self.maximum is not None:
            return f" from {self.minimum} to {self.maximum}"
        if self.minimum is not None:
            return f" from {self.minimum} on"
        return f" up to {self.maximum}" if self.maximum is not None else ""

    def _error(self, value: Any) -> InvalidInput:
        text = write_text(value) if not isinstance(value, (list, tuple, dict)) else str(value)
        shown = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
        return InvalidInput(
            f"{self.name}={shown!r} is not allowed: it must be {self.allowed}{self._describe_limit(text)}.",
            code="invalid_parameter",
        )

    def _describe_limit(self, text: str) -> str:
        """Return the limit that a text exceeds, for messages."""
        if self.kind == "str" and len(text) > MAX_TEXT:
            return f" of at most {MAX_TEXT:,} characters"
        if self.kind == "str" and "\0" in text:
            return " without NUL characters"
        return f" of at most {MAX_DIGITS} digits" if self.kind == "int" and len(text) > MAX_DIGITS else ""
