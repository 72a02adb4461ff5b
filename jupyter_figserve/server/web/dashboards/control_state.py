"""The state of a dashboard's controls, as the query of a URL sets them. Server process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....model.parameter import Parameter
from ....model.parameters import Parameters
from ....model.query_names import is_ignored
from ...services.dashboards.resolver import ResolvedDashboard, ResolvedPanel

Query = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class ControlState:
    """The controls of a dashboard, as a query sets them.

    Parameters
    ----------
    allowed
        Names of the parameters that may be changed; None for all.
    locked
        Values of the others.
    """

    dashboard: ResolvedDashboard
    query: Query
    allowed: tuple[str, ...] | None = None
    locked: Mapping[str, Any] = field(default_factory=dict)

    def movable(self, panel: ResolvedPanel) -> Parameters:
        known = panel.parameters.items
        return Parameters(tuple(item for item in known if self.allowed is None or item.name in self.allowed))

    def shared(self) -> dict[str, Parameter]:
        """Return the parameters with a shared control, each as its first panel declares it."""
        found = {}
        for name, panels in self.dashboard.shared_controls().items():
            first = self.dashboard.find(panels[0])
            item = self.movable(first).find(name) if first else None
            if item is not None:
                found[name] = item
        return found

    def values(self, panel: ResolvedPanel) -> dict[str, Any]:
        """Return all arguments of a live panel.

        Raises
        ------
        InvalidInput
            When the query sets a parameter that may not be changed, or an argument is missing.
        """
        texts = self._texts(panel)
        given = {item.name: item.parse(texts[item.name]) for item in self.movable(panel).items if item.name in texts}
        locked = {name: value for name, value in self.locked.items() if name in panel.parameters.names}
        return panel.complete({**panel.parameters.check(locked), **given})

    def unknown(self) -> list[str]:
        """Return the names in the query that belong to no control."""
        shared = set(self.shared())
        known = set(shared)
        for panel in self.dashboard.panels:
            known |= {f"{panel.name}.{name}" for name in self.movable(panel).names if name not in shared}
        return [name for name in self.query if name not in known and not is_ignored(name)]

    def _texts(self, panel: ResolvedPanel) -> dict[str, Sequence[str]]:
        """Return the texts in the query for a panel's parameters, by their names.

        The default of a shared parameter is that of its control, even if the panel declares another.
        """
        found: dict[str, Sequence[str]] = {}
        shared = self.shared()
        for item in self.movable(panel).items:
            texts = self.query.get(item.name if item.name in shared else f"{panel.name}.{item.name}")
            if texts:
                found[item.name] = texts
            elif item.name in shared and not shared[item.name].is_required:
                found[item.name] = [item.write(shared[item.name].default)]
        return found
