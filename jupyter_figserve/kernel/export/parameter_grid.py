"""The states that an export renders: the positions of the controls, and the grid of each panel. Kernel."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ...model.parameter import Parameter
from ..dashboards.controls import DashboardControl
from ..dashboards.panels import LaidOutPanel

MAX_POSITIONS = 201
"""Maximum number of positions of a control; a number with more values is sampled evenly."""


@dataclass(frozen=True)
class ParameterAxis:
    """The positions of a control in an exported file.

    Parameters
    ----------
    values
        JSON values in order.
    is_ordered
        Whether they are numbers or dates, some of which can be omitted.
    is_complete
        Whether these are all values that the parameter allows.
    """

    control: DashboardControl
    values: tuple[Any, ...]
    is_ordered: bool
    is_complete: bool = True

    @property
    def key(self) -> str:
        return self.control.key

    @property
    def parameter(self) -> Parameter:
        return self.control.parameter

    @property
    def name(self) -> str:
        return self.parameter.name

    @property
    def first(self) -> int:
        """Index of the default value."""
        return self.values.index(self.parameter.default)


@dataclass(frozen=True)
class ParameterGrid:
    """The states that one panel is rendered for.

    Parameters
    ----------
    axes
        Axes of its controls with more than one rendered position.
    rendered
        Indices of the rendered positions of each axis, in order; they always include the default.
    held
        Axes that stay at their default, since rendering their positions would exceed the limit.
    """

    place: str
    axes: tuple[ParameterAxis, ...]
    rendered: tuple[tuple[int, ...], ...]
    held: tuple[ParameterAxis, ...] = ()

    @property
    def count(self) -> int:
        return math.prod(map(len, self.rendered))

    @property
    def total(self) -> int:
        """Number of states of all positions."""
        return math.prod(len(axis.values) for axis in (*self.axes, *self.held))

    @property
    def first(self) -> int:
        """Index of the default in ``states``."""
        number = 0
        for axis, rendered in zip(self.axes, self.rendered, strict=True):
            number = number * len(rendered) + rendered.index(axis.first)
        return number

    def states(self) -> Iterator[dict[str, Any]]:
        """Yield the JSON values by parameter; the last axis varies fastest."""
        held = {axis.name: axis.values[axis.first] for axis in self.held}
        for positions in itertools.product(*self.rendered):
            varied = {axis.name: axis.values[at] for axis, at in zip(self.axes, positions, strict=True)}
            yield held | varied


def find_axis(control: DashboardControl) -> ParameterAxis | None:
    """Return the axis of a control; None if its values cannot be enumerated or sampled, so that its default stays."""
    parameter = control.parameter
    if parameter.many:
        return None
    if parameter.kind in ("choice", "bool"):
        values = list(parameter.choices) if parameter.kind == "choice" else [False, True]
        return ParameterAxis(control, tuple([None, *values] if parameter.is_optional else values), is_ordered=False)
    if parameter.is_optional or parameter.minimum is None or parameter.maximum is None:
        return None
    if parameter.kind in ("int", "float"):
        steps = _number_steps(parameter)
    elif parameter.kind == "date":
        steps = _date_steps(parameter)
    else:
        return None
    return _ordered_axis(control, *steps)


def make_grid(panel: LaidOutPanel, axes: Mapping[str, ParameterAxis], max_states: int) -> ParameterGrid:
    """Return the grid of a panel, thinned to ``max_states`` states.

    Numbers are thinned first, evenly, keeping both ends and the default; then whole axes are held at their default,
    the longest first.
    """
    own = tuple(axis for axis in axes.values() if panel.place in axis.control.places)
    counts = [len(axis.values) for axis in own]
    while math.prod(counts) > max_states:
        thinnable = [index for index, axis in enumerate(own) if axis.is_ordered and counts[index] > 3]
        index = max(thinnable or range(len(own)), key=lambda one: counts[one])
        counts[index] = max(3, math.ceil(counts[index] * 0.9) - 1) if thinnable else 1
    chosen = [(axis, _choose_positions(axis, count)) for axis, count in zip(own, counts, strict=True)]
    varying = [(axis, positions) for axis, positions in chosen if len(positions) > 1]
    held = tuple(axis for axis, positions in chosen if len(positions) == 1 < len(axis.values))
    axes_and_positions = tuple(axis for axis, _ in varying), tuple(positions for _, positions in varying)
    return ParameterGrid(panel.place, *axes_and_positions, held)


def _choose_positions(axis: ParameterAxis, count: int) -> tuple[int, ...]:
    """Choose ``count`` positions, evenly spaced, with both ends and the default."""
    if count == 1:
        return (axis.first,)
    even = _spread(len(axis.values), count)
    if axis.first in even or count < 3:
        return tuple(even)
    inner = min(range(1, count - 1), key=lambda index: abs(even[index] - axis.first))
    return tuple(sorted({*even[:inner], axis.first, *even[inner + 1 :]}))


def _spread(length: int, count: int) -> list[int]:
    """Return ``count`` of the numbers below ``length``, evenly spaced, with both ends."""
    return [round(index * (length - 1) / (count - 1)) for index in range(count)] if count > 1 else [0]


def _ordered_axis(control: DashboardControl, steps: int, at: Any) -> ParameterAxis:
    """Return the axis of the positions ``at(0)`` to ``at(steps)``, including the default."""
    parameter = control.parameter
    chosen = _spread(steps + 1, min(steps + 1, MAX_POSITIONS - 1))
    values = {*map(at, chosen), parameter.default}
    return ParameterAxis(control, tuple(sorted(values)), is_ordered=True, is_complete=len(chosen) == steps + 1)


def _number_steps(parameter: Parameter) -> tuple[int, Any]:
    """Return the number of steps between the bounds, and a function for the value at each."""
    low, high = parameter.minimum, parameter.maximum
    assert isinstance(low, (int, float))
    assert isinstance(high, (int, float))
    is_integer = parameter.kind == "int"
    step = parameter.step or (1 if is_integer else (high - low) / (MAX_POSITIONS - 2))
    steps = math.floor((high - low) / step * (1 + 1e-12)) if step > 0 else 0

    def at(index: int) -> int | float:
        value = low + index * step
        # Rounded, so that 0.1 + 0.2 is 0.3.
        return round(value) if is_integer else min(float(f"{value:.12g}"), float(high))

    return steps, at


def _date_steps(parameter: Parameter) -> tuple[int, Any]:
    low, high = (date.fromisoformat(str(bound)) for bound in (parameter.minimum, parameter.maximum))
    step = max(1, round(parameter.step or 1))
    return (high - low).days // step, lambda index: (low + timedelta(days=index * step)).isoformat()


def find_axes(controls: Sequence[DashboardControl]) -> tuple[dict[str, ParameterAxis], list[DashboardControl]]:
    """Return the axes by key, and the controls without an axis."""
    found = {control.key: find_axis(control) for control in controls}
    return (
        {key: axis for key, axis in found.items() if axis is not None},
        [control for control in controls if found[control.key] is None],
    )
