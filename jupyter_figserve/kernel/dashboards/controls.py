"""The controls of a dashboard: which parameter each one sets, in which panels. Kernel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ...errors import InvalidInput
from ...model.parameter import Parameter
from .panels import LaidOutPanel


@dataclass(frozen=True)
class DashboardControl:
    """One control, on top of the dashboard or at its panel.

    Parameters
    ----------
    key
        What a dashboard's address calls it: ``"since"`` for a shared one, ``"2-1.type"`` for a panel's own.
    places
        Of the panels that it drives.
    """

    key: str
    parameter: Parameter
    places: tuple[str, ...]
    is_shared: bool

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self.parameter), "key": self.key, "places": list(self.places), "is_shared": self.is_shared}


@dataclass(frozen=True)
class DashboardControls:
    """All of a dashboard's: the shared ones first, then those of each panel in its order."""

    items: tuple[DashboardControl, ...] = ()

    @classmethod
    def of(cls, panels: Iterable[LaidOutPanel], shared: Mapping[str, Iterable[str]]) -> DashboardControls:
        """Where panels differ in a shared parameter's default, the first one's counts."""
        known = {panel.place: panel.parameters for panel in panels}
        on_top = [
            DashboardControl(name, parameter, tuple(places), is_shared=True)
            for name, places in shared.items()
            if (parameter := known[next(iter(places))].find(name)) is not None
        ]
        driven = {(place, control.key) for control in on_top for place in control.places}
        own = [
            DashboardControl(f"{place}.{item.name}", item, (place,), is_shared=False)
            for place, parameters in known.items()
            for item in parameters.items
            if (place, item.name) not in driven
        ]
        return cls((*on_top, *own))

    def defaults(self) -> dict[str, Any]:
        """JSON values by key."""
        return {control.key: control.parameter.default for control in self.items}

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Checked JSON values by key; those of keys that are not given are the defaults.

        Raises
        ------
        InvalidInput
            For an unknown key, and a value that is not allowed.
        """
        known = {control.key: control.parameter for control in self.items}
        for key in values:
            if key not in known:
                raise InvalidInput(
                    f"This dashboard has no control {key!r:.60}; {_named(known)}.", code="unknown_parameter"
                )
        return {**self.defaults(), **{key: known[key].check(value) for key, value in values.items()}}

    def arguments(self, place: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """What a panel is drawn with when its dashboard's controls have these values."""
        return {c.parameter.name: values[c.key] for c in self.items if place in c.places and c.key in values}


def _named(known: Mapping[str, Any]) -> str:
    return f"there are {', '.join(known)}" if known else "it has none"
