"""A dashboard as a frozen value, which the widget, the static HTML and the export read. Kernel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...model import dashboards
from ..arguments import list_names
from .controls import DashboardControls
from .panels import LaidOutPanel, lay_out


@dataclass(frozen=True)
class DashboardModel:
    """Title, theme, rows and controls of a dashboard.

    Parameters
    ----------
    layout
        The layout that the server stores, with placeholders for the ids of unpublished figures.
    """

    layout: dashboards.Layout
    rows: tuple[tuple[LaidOutPanel, ...], ...]
    controls: DashboardControls

    @classmethod
    def build(cls, title: str, rows: object, theme: str | None, controls: Iterable[str] | None) -> DashboardModel:
        """Check the arguments of ``figserve.Dashboard``.

        Raises
        ------
        InvalidInput
            An argument is invalid; the message names the panel, its place and what to do.
        """
        laid_out = lay_out(rows)
        layout = dashboards.Layout.from_json(
            {
                "title": title,
                "theme": theme,
                "controls": None if controls is None else list_names(controls, "controls"),
                "rows": [[panel.to_spec().as_json() for panel in row] for row in laid_out],
            }
        )
        panels = [panel for row in laid_out for panel in row]
        shared = dashboards.shared_controls(layout, {panel.place: panel.parameters for panel in panels})
        return cls(layout, laid_out, DashboardControls.of(panels, shared))

    @property
    def title(self) -> str:
        return self.layout.title

    @property
    def theme(self) -> str | None:
        return self.layout.theme

    @property
    def panels(self) -> list[LaidOutPanel]:
        """The panels of all rows, in order."""
        return [panel for row in self.rows for panel in row]

    @property
    def live_names(self) -> list[str]:
        """Names of the live figures of its panels."""
        return [panel.object.name for panel in self.panels if panel.kind == dashboards.LIVE]

    @property
    def outline(self) -> str:
        """Plain text with one line per row."""
        return "\n".join("  " + " | ".join(panel.summary for panel in row) for row in self.rows)

    def find(self, place: Any) -> LaidOutPanel | None:
        return next((panel for panel in self.panels if panel.place == place), None)
