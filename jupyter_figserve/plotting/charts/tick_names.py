"""Names that ticks of an axis have: its categories, or labels that the code set. Kernel and jailed child."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_categorical(axis: Any) -> bool:
    """Whether the positions of an axis are categories, as those of text data are."""
    return type(getattr(axis, "units", None)).__name__ == "UnitData"


def find_categories(axis: Any) -> dict[float, str]:
    """Return the categories of an axis by their positions."""
    mapping = getattr(axis.units, "_mapping", None) if is_categorical(axis) else None
    return {float(place): str(name) for name, place in mapping.items()} if isinstance(mapping, Mapping) else {}


def find_set_labels(axis: Any) -> list[str]:
    """Return the labels that were set for ticks, in order, ``""`` for a tick without one.

    They are those of ``set_ticks``, ``set_ticklabels`` and box plots; what a function makes of a value is none.
    """
    formatter = axis.get_major_formatter()
    names = getattr(formatter, "seq", None)
    if names is None and _is_by_tick(formatter):
        names = _formatted(axis)
    return [str(name) for name in names] if names is not None else []


def find_labels_by_place(axis: Any) -> dict[float, str]:
    """Return the labels that were set for ticks at positions that were set, too."""
    pairs = zip(_places(axis), find_set_labels(axis), strict=False)
    return {float(place): label for place, label in pairs if label}


def find_tick_names(axis: Any) -> list[str]:
    """Return the categories of an axis, or its set labels, or what a function makes of set positions; in order."""
    if is_categorical(axis):
        return [*find_categories(axis).values()]
    is_function = type(axis.get_major_formatter()).__name__ == "FuncFormatter"
    return [name for name in (_formatted(axis) if is_function else find_set_labels(axis)) if name]


def _is_by_tick(formatter: Any) -> bool:
    """Whether a formatter is what ``set_ticklabels`` makes, and not a function of the value."""
    function = getattr(getattr(formatter, "func", None), "func", None)
    return getattr(function, "__name__", "") == "_format_with_dict"


def _formatted(axis: Any) -> list[str]:
    formatter = axis.get_major_formatter()
    return [str(formatter(place, index)) for index, place in enumerate(_places(axis))]


def _places(axis: Any) -> Any:
    places = getattr(axis.get_major_locator(), "locs", None)
    return () if places is None else places
