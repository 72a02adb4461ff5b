"""``figserve.Dashboard``: rows of figures, live figures and text, as the notebook holds them. Kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import dashboard
from ..errors import InvalidInput
from .panels import PlacedPanel, place_panels


class Dashboard:
    """A page of figures, live figures and text; the same in the notebook, behind a link and in a file.

    Parameters
    ----------
    title
        Its heading.
    rows
        Lists of panels: anything that ``publish`` takes, published figures, live figures (also bound ones), and
        strings, which are Markdown. ``(2, panel)`` is twice as wide as its neighbours, ``figserve.Panel`` has a
        caption. A row of one panel needs no list of its own.
    theme
        ``"light"``, ``"dark"``, or None for what its reader prefers.
    controls
        Names of the parameters that one control on top drives in all live panels that have them. None shares those
        that several panels have alike; ``[]`` shares none.

    Raises
    ------
    InvalidInput
        When something cannot stand in a row, naming the panel, its place and what to do.
    """

    def __init__(
        self, title: str, rows: Iterable[Any], *, theme: str | None = None, controls: Iterable[str] | None = None
    ) -> None:
        self._rows = place_panels(rows)
        if isinstance(controls, str):
            raise InvalidInput(f"Give controls as a list of names, such as [{controls!r:.60}].")
        self._layout = dashboard.Layout.from_json(
            {
                "title": title,
                "theme": theme,
                "controls": None if controls is None else list(controls),
                "rows": [[panel.as_value().as_json() for panel in row] for row in self._rows],
            }
        )
        self._shared = dashboard.shared_controls(self._layout, {panel.place: panel.parameters for panel in self.panels})

    @property
    def title(self) -> str:
        return self._layout.title

    @property
    def theme(self) -> str | None:
        return self._layout.theme

    @property
    def rows(self) -> list[list[PlacedPanel]]:
        return [list(row) for row in self._rows]

    @property
    def panels(self) -> list[PlacedPanel]:
        """Those of all rows, in their order."""
        return [panel for row in self._rows for panel in row]

    def shared_controls(self) -> dict[str, list[str]]:
        """Names of the parameters that have one control on top, each with the places of the panels it drives."""
        return {name: list(places) for name, places in self._shared.items()}

    def save(self, path: Any, **options: Any) -> Any:
        """Write it into a file to give away: ``.html`` that works from disk, ``.zip`` for a static host, ``.pdf``.

        Parameters
        ----------
        path
            Its suffix says which of the three.
        **options
            ``max_states``, ``max_bytes``, ``format`` and ``progress``, as ``save_dashboard`` describes them.
        """
        from .saving import save_dashboard

        return save_dashboard(self, path, **options)

    def __repr__(self) -> str:
        lines = [f'Dashboard "{self.title}"']
        for row in self._rows:
            lines.append("  " + " | ".join(panel.words for panel in row))
        return "\n".join(lines)
