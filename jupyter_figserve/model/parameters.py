"""The parameters of a live function as values: parsing, defaults, queries and JSON schema. Any process.

The kernel derives them from a signature (``plotting.signatures``) and sends them as JSON. The server parses
queries with them, so that an invalid value never reaches the kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from ..errors import InvalidInput
from .parameter import Parameter
from .query_names import is_ignored, normalize_name

SIZES = ("width", "height", "dpi")
"""Query names that set the size of a live figure, unless a parameter has the name."""


@dataclass(frozen=True)
class Range:
    """Inclusive bounds of a parameter: ``Annotated[int, Range(2010, 2022)]``.

    Parameters
    ----------
    minimum, maximum
        Numbers, dates or datetimes, as the type of the parameter; None leaves the side open.
    step
        Step of the slider; None chooses a suitable one.
    """

    minimum: Any = None
    maximum: Any = None
    step: float | None = None


@dataclass(frozen=True)
class Parameters:
    """The parameters of a live function, in the order of its signature."""

    items: tuple[Parameter, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.items)

    def find(self, name: str) -> Parameter | None:
        return next((item for item in self.items if item.name == name), None)

    def parse(self, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Parse the values of a query, with defaults for the names that it lacks.

        Raises
        ------
        InvalidInput
            A name is unknown (with the code ``unknown_parameter``), or a value is invalid or missing.
        """
        for name in self.unknown(query):
            raise self._unknown(name)
        return self.complete({i.name: i.parse(query[i.name]) for i in self.items if query.get(i.name)})

    def unknown(self, query: Iterable[str]) -> list[str]:
        """Return the names in a query that no parameter has, except those that programs add to addresses."""
        return [name for name in query if name not in self.names and not is_ignored(name)]

    def describe_unknown(self, names: Sequence[str]) -> str:
        """Return a sentence about names that no parameter has, "" for none."""
        return self._unknown(names[0]).message if names else ""

    def check(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Validate JSON values and return them as ``parse`` would, without defaults.

        Raises
        ------
        InvalidInput
            A name is unknown, or a value is invalid.
        """
        values = {normalize_name(name): value for name, value in values.items()}
        for name in values:
            if name not in self.names:
                raise self._unknown(name)
        return {item.name: item.check(values[item.name]) for item in self.items if item.name in values}

    def query(self, values: Mapping[str, Any]) -> str:
        """Return the shortest query with these values: without defaults, in the order of the signature."""
        pairs = [
            (item.name, item.write(values[item.name]))
            for item in self.items
            if item.name in values and (item.is_required or values[item.name] != item.default)
        ]
        return "&".join(f"{quote(name)}={quote(text, safe=',:')}" for name, text in pairs)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the object of all values."""
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
        """Read the output of ``as_json``.

        Raises
        ------
        InvalidInput
            The rows are malformed.
        """
        try:
            made = [
                Parameter(**{**row, "choices": tuple(row["choices"]), "values": tuple(row["values"])}) for row in rows
            ]
        except (TypeError, KeyError, ValueError, OverflowError) as error:
            raise InvalidInput("The parameters of the live figure are malformed.") from error
        if not all(item.is_well_formed for item in made) or len({item.name for item in made}) < len(made):
            raise InvalidInput("The parameters of the live figure are malformed.")
        return cls(tuple(made))

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Add the defaults of the values that are missing.

        Raises
        ------
        InvalidInput
            A missing value has no default.
        """
        missing = [item for item in self.items if item.is_required and item.name not in given]
        if missing:
            raise InvalidInput(f"{missing[0].name} is missing: give {missing[0].allowed}.", code="parameter_missing")
        return {item.name: given.get(item.name, item.default) for item in self.items}

    def _unknown(self, name: str) -> InvalidInput:
        known = f"the parameters are {', '.join(self.names)}" if self.items else "this live figure has none"
        if len(self.items) == 1:
            known = f"the only parameter is {self.items[0].name}"
        return InvalidInput(f"Unknown parameter {name!r:.60}; {known}.", code="unknown_parameter")
