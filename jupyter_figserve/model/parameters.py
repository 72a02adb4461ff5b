"""A live function's parameters as values: a query parsed, a canonical form, a JSON schema, controls. Any process.

The kernel makes them of a signature (signatures.py) and sends them as JSON; the server parses queries with them, so
that a wrong value never reaches the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from ..errors import InvalidInput
from .scalars import READERS, Scalar, split_items, write_text

Kind = Literal["str", "int", "float", "bool", "date", "datetime", "choice"]
MAX_ITEMS = 10_000
MAX_TEXT = 10_000
SIZES = ("width", "height", "dpi")
"""Of every live figure that has no parameters of these names."""
_SHOWN = 60
_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "date": "a date such as 2024-03-31",
    "datetime": "a time such as 2024-03-31T09:30",
}
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "date": "string"}


@dataclass(frozen=True)
class Range:
    """Bounds of a parameter, both included: ``Annotated[int, Range(2010, 2022)]``.

    Parameters
    ----------
    minimum, maximum
        Numbers, dates or datetimes as the parameter's; None leaves that side open.
    step
        Between two positions of its slider; None is what suits.
    """

    minimum: Any = None
    maximum: Any = None
    step: float | None = None


@dataclass(frozen=True)
class Parameter:
    """One parameter; all its values are JSON's (dates in ISO 8601, choices by their labels).

    Parameters
    ----------
    many
        Whether it is a list of ``kind``.
    is_optional
        Whether it may be None, which an empty value says.
    choices
        Labels as URLs write them.
    values
        The same as JSON scalars, where the choices are such (a ``Literal``); else as the labels.
    default
        Of no account when ``is_required``.
    minimum, maximum
        Both included.
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
    def allowed(self) -> str:
        """In words, what a value may be."""
        words = f"one of {', '.join(self.choices)}" if self.kind == "choice" else _KINDS[self.kind] + self._bounds()
        if self.many:
            words = f"a list of these, separated by commas: {words}"
        return words + (", or nothing" if self.is_optional else "")

    def parse(self, texts: Sequence[str]) -> Any:
        """The JSON value of what a query says, once or repeated.

        Raises
        ------
        InvalidInput
            Naming the parameter, what came and what is allowed.
        """
        if self.is_optional and list(texts) == [""]:
            return None
        if self.many:
            items = [item for text in texts for item in (split_items(text) if text else [])]
            if len(items) > MAX_ITEMS:
                raise InvalidInput(f"{self.name} has {len(items):,} items; {MAX_ITEMS:,} are the most.")
            return [self._parse_one(item) for item in items]
        # A form's box sends "false" from a hidden field and "true" after it when it is ticked: the last one counts.
        if len(texts) > 1 and self.kind != "bool":
            raise InvalidInput(
                f"{self.name} is given {len(texts)} times; it takes one value.", code="invalid_parameter"
            )
        return self._parse_one(texts[-1])

    def check(self, value: Any) -> Any:
        """A JSON value, as ``parse`` would give it; a number or a choice may also come as itself.

        Raises
        ------
        InvalidInput
            As ``parse``.
        """
        if value is None and self.is_optional:
            return None
        if self.many:
            if not isinstance(value, (list, tuple)):
                raise self._wrong(value)
            return [self._parse_one(write_text(item)) for item in value]
        if isinstance(value, (list, tuple, dict)) or value is None:
            raise self._wrong(value)
        return self._parse_one(write_text(value))

    def write(self, value: Any) -> str:
        """The text of a JSON value in a query: what ``parse`` takes back to it."""
        if value is None:
            return ""
        if not self.many:
            return write_text(value)
        texts = [write_text(item) for item in value]
        if texts == [""]:
            raise InvalidInput(f"{self.name}: a list of one empty text has no form in a URL; leave it empty.")
        return ",".join(text.replace("\\", "\\\\").replace(",", "\\,") for text in texts)

    def schema(self) -> dict[str, Any]:
        """JSON Schema 2020-12 of a value."""
        if self.kind == "choice":
            one: dict[str, Any] = {"enum": list(self.values or self.choices)}
        else:
            one = {"type": _TYPES.get(self.kind, "string")}
            if self.kind in ("date", "datetime"):
                # "date-time" would have a zone, which need not be given here.
                one["format"] = "date" if self.kind == "date" else "date-time-local"
            for name, bound in (("minimum", self.minimum), ("maximum", self.maximum)):
                if bound is not None:
                    # JSON Schema has bounds of numbers alone; those of dates are in words of our own.
                    one[name if self.kind in ("int", "float") else f"x-{name}"] = bound
        described = {"type": "array", "items": one, "maxItems": MAX_ITEMS} if self.many else one
        if self.is_optional:
            described = {"anyOf": [described, {"type": "null"}]}
        return described if self.is_required else {**described, "default": self._as_schema_has(self.default)}

    def _as_schema_has(self, value: Any) -> Any:
        """A value as the schema's ``enum`` has it: the choice itself in the place of its label."""
        if self.many and value is not None:
            return [self._value_of(one) for one in value]
        return self._value_of(value)

    def _value_of(self, label: Any) -> Any:
        is_other = self.kind == "choice" and self.values and label in self.choices
        return self.values[self.choices.index(label)] if is_other else label

    def _parse_one(self, text: str) -> Scalar:
        try:
            value = self._read(text)
        except ValueError:
            raise self._wrong(text) from None
        if self.kind not in ("str", "bool", "choice"):
            low, high = (None if b is None else self._order(b) for b in (self.minimum, self.maximum))
            place = self._order(value)
            if (low is not None and place < low) or (high is not None and place > high):
                raise self._wrong(text)
        return value

    def _read(self, text: str) -> Scalar:
        """The value of one text, within no bounds; ValueError when it is not of this kind."""
        if self.kind == "str":
            if len(text) > MAX_TEXT or "\0" in text:
                raise ValueError
            return text
        if self.kind == "choice":
            if text not in self.choices:
                raise ValueError
            return text
        value: Scalar = READERS[self.kind](text.strip())
        return value

    def _order(self, value: Any) -> Any:
        """What values of this kind are compared by; a time without a zone is taken as UTC's."""
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

    def _wrong(self, value: Any) -> InvalidInput:
        shown = write_text(value) if not isinstance(value, (list, tuple, dict)) else str(value)
        shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
        return InvalidInput(
            f"{self.name}={shown!r} is not allowed: it must be {self.allowed}.", code="invalid_parameter"
        )


@dataclass(frozen=True)
class Parameters:
    """All of a live function's, in the order of its signature."""

    items: tuple[Parameter, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.items)

    def find(self, name: str) -> Parameter | None:
        return next((item for item in self.items if item.name == name), None)

    def parse(self, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """The JSON values that a query says; those of names that it does not say are the defaults.

        Raises
        ------
        InvalidInput
            For an unknown name that does not start with ``_``, a wrong value, and a value that is missing.
        """
        for name in query:
            if name not in self.names and not name.startswith("_"):
                raise self._unknown(name)
        return self.complete({i.name: i.parse(query[i.name]) for i in self.items if query.get(i.name)})

    def check(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """JSON values as ``parse`` would give them, without defaults.

        Raises
        ------
        InvalidInput
            As ``parse``.
        """
        for name in values:
            if name not in self.names:
                raise self._unknown(name)
        return {item.name: item.check(values[item.name]) for item in self.items if item.name in values}

    def query(self, values: Mapping[str, Any]) -> str:
        """The shortest query that means these values: without what is the default, in the signature's order."""
        pairs = [
            (item.name, item.write(values[item.name]))
            for item in self.items
            if item.name in values and (item.is_required or values[item.name] != item.default)
        ]
        return "&".join(f"{name}={quote(text, safe=',:')}" for name, text in pairs)

    def schema(self) -> dict[str, Any]:
        """JSON Schema 2020-12 of the object of all values."""
        return {
            "type": "object",
            "properties": {item.name: item.schema() for item in self.items},
            "required": [item.name for item in self.items if item.is_required],
            "additionalProperties": False,
        }

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(item) for item in self.items]

    @classmethod
    def from_json(cls, rows: Sequence[Mapping[str, Any]]) -> Parameters:
        """What ``as_json`` gave.

        Raises
        ------
        InvalidInput
            When it is not that.
        """
        try:
            made = [
                Parameter(**{**row, "choices": tuple(row["choices"]), "values": tuple(row["values"])}) for row in rows
            ]
        except (TypeError, KeyError, ValueError) as error:
            raise InvalidInput("These are not a live figure's parameters.") from error
        if any(item.kind not in (*_KINDS, "choice") or not item.name.isidentifier() for item in made):
            raise InvalidInput("These are not a live figure's parameters.")
        return cls(tuple(made))

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """With the defaults of what is not given.

        Raises
        ------
        InvalidInput
            When one has no default.
        """
        missing = [item for item in self.items if item.is_required and item.name not in given]
        if missing:
            raise InvalidInput(f"{missing[0].name} is missing: give {missing[0].allowed}.", code="parameter_missing")
        return {item.name: given.get(item.name, item.default) for item in self.items}

    def _unknown(self, name: str) -> InvalidInput:
        known = f"the parameters are {', '.join(self.names)}" if self.items else "this live figure has none"
        return InvalidInput(f"There is no parameter {name!r:.60}; {known}.", code="unknown_parameter")
