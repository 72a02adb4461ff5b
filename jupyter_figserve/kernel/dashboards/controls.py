"""The controls of a dashboard: the parameter that each one sets, and in which panels. Kernel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ...errors import InvalidInput
from ...model.parameter import Parameter
from .panels import LaidOutPanel


@dataclass(frozen=True)
class DashboardControl:
    """A control, at the top of the dashboard or at its panel.

    Parameters
    ----------
    key
        Its name in the dashboard's URL: ``"since"`` for a shared control, ``"2-1.type"`` for a control of one panel.
    places
        Places of the panels that it controls.
    """

    key: str
    parameter: Parameter
    places: tuple[str, ...]
    is_shared: bool

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self.parameter), "key": self.key, "places": list(self.places), "is_shared": self.is_shared}


@dataclass(frozen=True)
class DashboardControls:
    """The controls of a dashboard: the shared ones first, then those of each panel in order."""

    items: tuple[DashboardControl, ...] = ()

    @classmethod
    def of(cls, panels: Iterable[LaidOutPanel], shared: Mapping[str, Iterable[str]]) -> DashboardControls:
        """Derive the controls from the panels; if defaults of a shared parameter differ, the first panel's applies."""
        known = {panel.place: panel.parameters for panel in panels}
        shared_controls = [
            DashboardControl(name, parameter, tuple(places), is_shared=True)
            for name, places in shared.items()
            if (parameter := known[next(iter(places))].find(name)) is not None
        ]
        controlled = {(place, control.key) for control in shared_controls for place in control.places}
        others = [
            DashboardControl(f"{place}.{item.name}", item, (place,), is_shared=False)
            for place, parameters in known.items()
            for item in parameters.items
            if (place, item.name) not in controlled
        ]
        return cls((*shared_controls, *others))

    def defaults(self) -> dict[str, Any]:
        """Return the default JSON values by key."""
        return {control.key: control.parameter.default for control in self.items}

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Check JSON values by key, and fill in the defaults.

        Raises
        ------
        InvalidInput
            A key is unknown, or a value is not allowed.
        """
        known = {control.key: control.parameter for control in self.items}
        for key in values:
            if key not in known:
                raise InvalidInput(
                    f"This dashboard has no control {key!r:.60}. Its controls are: {', '.join(known) or 'none'}.",
                    code="unknown_parameter",
                )
        return {**self.defaults(), **{key: known[key].check(value) for key, value in values.items()}}

    def arguments(self, place: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a panel for these values of the controls."""
        return {c.parameter.name: values[c.key] for c in self.items if place in c.places and c.key in values}
