"""Parameters from a function's signature, and arguments from JSON values. Kernel and jailed child.

As in ipywidgets' ``interact``, a default may be an abbreviation: ``(0, 10)`` and ``(0, 10, 2)`` are the bounds of a
number, a list or a dict are choices.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ..errors import InvalidInput
from ..model.parameter import Kind, Parameter
from ..model.parameters import SIZES, Parameters
from ..model.query_names import normalize_name
from .declared_parameters import read_hints, read_parameters

_SCALARS: dict[Any, Kind] = {
    str: "str", bool: "bool", int: "int", float: "float", datetime: "datetime", date: "date",
}  # fmt: skip
_LISTS = (list, tuple, set, frozenset, Sequence)
_MISSING = inspect.Parameter.empty


@dataclass(frozen=True)
class Signature:
    """The parameters of a live function, and the conversion of their values.

    Parameters
    ----------
    objects
        For each parameter with choices: the object of each label.
    containers
        For each list parameter: the type that the function expects.
    abbreviated
        Names whose default is an abbreviation, which the function must not receive.
    """

    parameters: Parameters
    objects: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    containers: Mapping[str, Callable[[list[Any]], Any]] = field(default_factory=dict)
    abbreviated: tuple[str, ...] = ()

    @property
    def sizes(self) -> tuple[str, ...]:
        """Names among width, height and dpi that are parameters of the function."""
        return tuple(name for name in SIZES if name in self.parameters.names)

    def to_python(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments for validated JSON values."""
        return {
            item.name: self._to_object(item, values[item.name]) for item in self.parameters.items if item.name in values
        }

    def from_python(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON values of Python arguments.

        Raises
        ------
        InvalidInput
            A name is unknown, or a value is not allowed.
        """
        given = {normalize_name(name): value for name, value in values.items()}
        return self.parameters.check({name: self._to_label(name, value) for name, value in given.items()})

    def defaults(self) -> dict[str, Any]:
        """Return the arguments that replace the abbreviations."""
        values = {i.name: i.default for i in self.parameters.items if i.name in self.abbreviated}
        return self.to_python(values)

    def _to_object(self, item: Parameter, value: Any) -> Any:
        if value is None:
            return None
        if not item.many:
            return self._to_one_object(item, value)
        return self.containers[item.name]([self._to_one_object(item, one) for one in value])

    def _to_one_object(self, item: Parameter, value: Any) -> Any:
        if item.kind == "choice":
            return self.objects[item.name][value]
        if item.kind == "date":
            return date.fromisoformat(value)
        return datetime.fromisoformat(value) if item.kind == "datetime" else value

    def _to_label(self, name: str, value: Any) -> Any:
        item = self.parameters.find(name)
        if item is None or value is None:
            return value
        # For NumPy's scalars and arrays.
        plain = value.tolist() if hasattr(value, "tolist") else value
        if item.many and isinstance(plain, (list, tuple, set, frozenset)):
            return [self._to_one_label(name, one) for one in plain]
        return self._to_one_label(name, plain)

    def _to_one_label(self, name: str, value: Any) -> Any:
        for label, known in self.objects.get(name, {}).items():
            if known is value or (type(known) is type(value) and known == value):
                return label
        return value.isoformat() if isinstance(value, (date, datetime)) else value


def read_signature(function: Callable[..., Any], names: Mapping[str, Any] | None = None) -> Signature:
    """Read the parameters of ``function``.

    Parameters
    ----------
    names
        Additional names for its annotations: the local variables of the place of its definition.

    Raises
    ------
    InvalidInput
        A parameter cannot be written in a query; the message lists the supported annotations.
    """
    hints = read_hints(function, names)
    objects: dict[str, Mapping[str, Any]] = {}
    containers: dict[str, Callable[[list[Any]], Any]] = {}
    made: list[Parameter] = []
    abbreviated: list[str] = []
    for given in read_parameters(function):
        builder = _ParameterBuilder(given.name)
        builder.read(hints.get(given.name, _MISSING), given.default)
        made.append(builder.finish(given.default))
        objects[given.name], containers[given.name] = builder.objects, builder.container
        if builder.is_abbreviated:
            abbreviated.append(given.name)
    return Signature(Parameters(tuple(made)), objects, containers, tuple(abbreviated))


class _ParameterBuilder:
    """Builds a parameter from its annotation and default."""

    def __init__(self, name: str) -> None:
        self.item = Parameter(name)
        self.objects: dict[str, Any] = {}
        self.container: Callable[[list[Any]], Any] = list
        self.is_abbreviated = False

    def read(self, annotation: Any, default: Any) -> None:
        if annotation is _MISSING:
            self._read_default(default)
            return
        self._read_annotation(annotation)
        if not self.item.many and default is not _MISSING and isinstance(default, (tuple, list, dict)):
            self._abbreviate(default)

    def finish(self, default: Any) -> Parameter:
        """Return the parameter with its default, which is validated like any value; ``InvalidInput`` if it fails."""
        if default is _MISSING:
            return replace(self.item, is_required=not self.is_abbreviated)
        if self.is_abbreviated:
            return self.item
        if default is None:
            return replace(self.item, is_optional=True)
        signature = Signature(Parameters((self.item,)), {self.item.name: self.objects})
        try:
            value = signature.from_python({self.item.name: default})[self.item.name]
        except InvalidInput as error:
            raise InvalidInput(f"The default of {self.item.name} is not allowed: {error.message}") from error
        return replace(self.item, default=value)

    def _read_annotation(self, annotation: Any) -> None:
        origin = get_origin(annotation)
        if origin is Annotated:
            first, *extras = get_args(annotation)
            self._read_annotation(first)
            for extra in extras:
                self._read_bounds(extra)
        elif origin in (Union, types.UnionType):
            kinds = [one for one in get_args(annotation) if one is not type(None)]
            if len(kinds) != 1 or len(kinds) == len(get_args(annotation)):
                raise self._unsupported(annotation)
            self._read_annotation(kinds[0])
            self.item = replace(self.item, is_optional=True)
        elif origin is Literal:
            self._choose({_label_of(value): value for value in get_args(annotation) if value is not None})
            if None in get_args(annotation):
                self.item = replace(self.item, is_optional=True)
        elif annotation in _LISTS or origin in _LISTS:
            self._read_list(annotation, origin or annotation)
        elif isinstance(annotation, type) and issubclass(annotation, Enum):
            self._choose({member.name: member for member in annotation})
        elif isinstance(annotation, type) and annotation in _SCALARS:
            self.item = replace(self.item, kind=_SCALARS[annotation])
        else:
            raise self._unsupported(annotation)

    def _read_list(self, annotation: Any, origin: Any) -> None:
        inner = [one for one in get_args(annotation) if one is not Ellipsis] or [str]
        if self.item.many or len(set(map(str, inner))) != 1:
            raise self._unsupported(annotation)
        self._read_annotation(inner[0])
        if self.item.many or self.item.is_optional:
            raise self._unsupported(annotation)
        self.container = origin if isinstance(origin, type) and origin in (tuple, set, frozenset) else list
        self.item = replace(self.item, many=True)

    def _read_default(self, default: Any) -> None:
        """Derive the kind from the default, as ``interact`` does, if there is no annotation."""
        if default is _MISSING or default is None:
            return
        if isinstance(default, Enum):
            self._choose({member.name: member for member in type(default)})
        elif isinstance(default, (tuple, list, dict)):
            self._abbreviate(default)
        elif type(default) in _SCALARS:
            self.item = replace(self.item, kind=_SCALARS[type(default)])
        else:
            raise self._unsupported(type(default))

    def _abbreviate(self, default: tuple[Any, ...] | list[Any] | dict[Any, Any]) -> None:
        self.is_abbreviated = True
        numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in default)
        if isinstance(default, tuple) and numbers and len(default) in (2, 3):
            self._abbreviate_range(default)
            return
        if isinstance(default, dict):
            choices = {str(label): value for label, value in default.items()}
        elif default and all(isinstance(one, tuple) and len(one) == 2 for one in default):
            choices = {str(label): value for label, value in default}
        else:
            choices = {_label_of(value): value for value in default}
        self._choose(choices)
        self.item = replace(self.item, default=self.item.choices[0])

    def _abbreviate_range(self, default: tuple[Any, ...]) -> None:
        low, high, step = (*default, None)[:3]
        is_int = all(isinstance(one, int) for one in default) and self.item.kind != "float"
        kind: Kind = "int" if is_int else "float"
        try:
            middle = (low + high) // 2 if is_int else (low + high) / 2
            if step:
                middle = low + round((middle - low) / step) * step
            low, high = (low, high) if is_int else (float(low), float(high))
        except OverflowError as error:
            raise InvalidInput(f"The bounds of {self.item.name} are too far apart for its step.") from error
        if low > high:
            raise InvalidInput(f"The bounds of {self.item.name} are {low} to {high}; write the lower one first.")
        self.item = replace(self.item, kind=kind, minimum=low, maximum=high, step=step, default=middle)

    def _choose(self, choices: dict[str, Any]) -> None:
        if not choices or "" in choices:
            raise InvalidInput(f"{self.item.name} needs at least one choice, and no choice may be empty.")
        values = tuple(choices.values())
        plain = all(type(value) in (str, int, float, bool) for value in values)
        labels = tuple(choices)
        self.objects = choices
        self.item = replace(self.item, kind="choice", choices=labels, values=values if plain else labels)

    def _read_bounds(self, extra: Any) -> None:
        """Read the bounds of an annotation: ours, or those of annotated-types."""
        low = getattr(extra, "minimum", getattr(extra, "ge", None))
        high = getattr(extra, "maximum", getattr(extra, "le", None))
        if low is None and high is None:
            return
        if self.item.kind not in ("int", "float", "date", "datetime"):
            raise InvalidInput(f"{self.item.name} has bounds, but is not a number, date or time.")
        ends = [None if end is None else replace(self.item, many=False).check(end) for end in (low, high)]
        step = getattr(extra, "step", None)
        self.item = replace(self.item, minimum=ends[0], maximum=ends[1], step=step)

    def _unsupported(self, annotation: Any) -> InvalidInput:
        shown = annotation.__name__ if isinstance(annotation, type) else str(annotation)
        return InvalidInput(
            f"{self.item.name} is annotated as {shown:.80}, which cannot be written in a URL; use str, int, float,"
            " bool, Literal, an Enum, date, datetime, a list of one of them, or Optional."
        )


def _label_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.name if isinstance(value, Enum) else str(value)
