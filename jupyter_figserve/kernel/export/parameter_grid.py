"""The states that a saved dashboard is drawn in: its controls' positions, and each panel's grid of them. Kernel."""

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
"""Of one control; a number with more has as many of them, evenly."""


@dataclass(frozen=True)
class ParameterAxis:
    """The positions that a control has in a file.

    Parameters
    ----------
    values
        JSON values in their order.
    is_line
        Whether they are numbers or dates on a line, of which some can be left out.
    is_whole
        Whether these are all that the parameter allows.
    """

    control: DashboardControl
    values: tuple[Any, ...]
    is_line: bool
    is_whole: bool = True

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
        """Where the default is."""
        return self.values.index(self.parameter.default)


@dataclass(frozen=True)
class ParameterGrid:
    """What one panel is drawn for.

    Parameters
    ----------
    axes
        Of the controls that it has and that move something.
    drawn
        Of each axis, the positions that are drawn, in their order; the default's is always among them.
    held
        Axes that stay at their default, since all their positions would be too many pictures.
    """

    place: str
    axes: tuple[ParameterAxis, ...]
    drawn: tuple[tuple[int, ...], ...]
    held: tuple[ParameterAxis, ...] = ()

    @property
    def count(self) -> int:
        return math.prod(map(len, self.drawn))

    @property
    def whole(self) -> int:
        """How many pictures all positions would be."""
        return math.prod(len(axis.values) for axis in (*self.axes, *self.held))

    @property
    def first(self) -> int:
        """Which of ``states`` is the default."""
        number = 0
        for axis, drawn in zip(self.axes, self.drawn, strict=True):
            number = number * len(drawn) + drawn.index(axis.first)
        return number

    def states(self) -> Iterator[dict[str, Any]]:
        """JSON values by parameter, the last control moving fastest."""
        held = {axis.name: axis.values[axis.first] for axis in self.held}
        for positions in itertools.product(*self.drawn):
            moved = {axis.name: axis.values[at] for axis, at in zip(self.axes, positions, strict=True)}
            yield held | moved


def find_axis(control: DashboardControl) -> ParameterAxis | None:
    """The positions of a control, None where a file cannot have them all nor some evenly: its default stays."""
    parameter = control.parameter
    if parameter.many:
        return None
    if parameter.kind in ("choice", "bool"):
        values = list(parameter.choices) if parameter.kind == "choice" else [False, True]
        return ParameterAxis(control, tuple([None, *values] if parameter.is_optional else values), is_line=False)
    if parameter.is_optional or parameter.minimum is None or parameter.maximum is None:
        return None
    if parameter.kind in ("int", "float"):
        steps = _number_steps(parameter)
    elif parameter.kind == "date":
        steps = _date_steps(parameter)
    else:
        return None
    return _line(control, *steps)


def make_grid(panel: LaidOutPanel, axes: Mapping[str, ParameterAxis], most: int) -> ParameterGrid:
    """The grid of a panel over these axes, thinned to ``most`` pictures.

    Numbers get fewer steps first, evenly, with their ends and their default; then whole controls stay at their default,
    the longest first.
    """
    own = tuple(axis for axis in axes.values() if panel.place in axis.control.places)
    counts = [len(axis.values) for axis in own]
    while math.prod(counts) > most:
        lines = [index for index, axis in enumerate(own) if axis.is_line and counts[index] > 3]
        index = max(lines or range(len(own)), key=lambda one: counts[one])
        counts[index] = max(3, math.ceil(counts[index] * 0.9) - 1) if lines else 1
    chosen = [(axis, _chosen(axis, count)) for axis, count in zip(own, counts, strict=True)]
    moving = [(axis, drawn) for axis, drawn in chosen if len(drawn) > 1]
    held = tuple(axis for axis, drawn in chosen if len(drawn) == 1 < len(axis.values))
    return ParameterGrid(panel.place, tuple(axis for axis, _ in moving), tuple(drawn for _, drawn in moving), held)


def _chosen(axis: ParameterAxis, count: int) -> tuple[int, ...]:
    """That many positions, evenly, with both ends and the default."""
    if count == 1:
        return (axis.first,)
    even = _spread(len(axis.values), count)
    if axis.first in even or count < 3:
        return tuple(even)
    inner = min(range(1, count - 1), key=lambda index: abs(even[index] - axis.first))
    return tuple(sorted({*even[:inner], axis.first, *even[inner + 1 :]}))


def _spread(length: int, count: int) -> list[int]:
    """``count`` of the numbers below ``length``, evenly, with both ends."""
    return [round(index * (length - 1) / (count - 1)) for index in range(count)] if count > 1 else [0]


def _line(control: DashboardControl, steps: int, at: Any) -> ParameterAxis:
    """The axis of positions ``at(0)`` to ``at(steps)`` and the last bound, with the default in its place."""
    parameter = control.parameter
    chosen = _spread(steps + 1, min(steps + 1, MAX_POSITIONS - 1))
    values = {*map(at, chosen), parameter.default}
    return ParameterAxis(control, tuple(sorted(values)), is_line=True, is_whole=len(chosen) == steps + 1)


def _number_steps(parameter: Parameter) -> tuple[int, Any]:
    """How many steps lead from one bound to the other, and the number at each."""
    low, high = parameter.minimum, parameter.maximum
    assert isinstance(low, (int, float))
    assert isinstance(high, (int, float))
    is_whole = parameter.kind == "int"
    step = parameter.step or (1 if is_whole else (high - low) / (MAX_POSITIONS - 2))
    steps = math.floor((high - low) / step * (1 + 1e-12)) if step > 0 else 0

    def at(index: int) -> int | float:
        value = low + index * step
        # As it would be written: 0.1 + 0.2 is meant to be 0.3.
        return round(value) if is_whole else min(float(f"{value:.12g}"), float(high))

    return steps, at


def _date_steps(parameter: Parameter) -> tuple[int, Any]:
    low, high = (date.fromisoformat(str(bound)) for bound in (parameter.minimum, parameter.maximum))
    step = max(1, round(parameter.step or 1))
    return (high - low).days // step, lambda index: (low + timedelta(days=index * step)).isoformat()


def find_axes(controls: Sequence[DashboardControl]) -> tuple[dict[str, ParameterAxis], list[DashboardControl]]:
    """The axes by key, and the controls that have none."""
    found = {control.key: find_axis(control) for control in controls}
    return (
        {key: axis for key, axis in found.items() if axis is not None},
        [control for control in controls if found[control.key] is None],
    )
