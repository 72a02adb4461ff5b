"""A dashboard's panels with what each shows now: figures and live figures looked up, checked, described.

Server process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ....errors import InvalidInput
from ....model.dashboards import FIGURE, LIVE, TEXT, DashboardRecord, Layout, PanelSpec, shared_controls
from ....model.figures import FigureRecord, Representation
from ....model.formats import FORMATS
from ....model.parameters import Parameters
from ...web.context import AppContext
from ..live.registry import LiveTarget


@dataclass(frozen=True)
class ResolvedPanel:
    """A panel where it stands.

    Parameters
    ----------
    name
        ``"2-1"``: the first panel of the second row.
    figure, target
        What it shows, None where that is gone, or of another kind.
    size
        Pixels of the picture of a live figure as it was drawn last, where that is known.
    form
        Of a live figure ``"html"`` or ``"picture"``, as its function gave it last; None when that is not known.
    """

    name: str
    panel: PanelSpec
    figure: FigureRecord | None = None
    target: LiveTarget | None = None
    size: tuple[int | None, int | None] = (None, None)
    form: str | None = None

    @property
    def is_gone(self) -> bool:
        return self.panel.kind != TEXT and self.figure is None and self.target is None

    @property
    def heading(self) -> str:
        """What it is called where its picture cannot be seen."""
        if self.figure is not None:
            return self.figure.heading
        return "" if self.target is None else self.target.declaration.heading

    @property
    def alt(self) -> str:
        if self.panel.alt is not None:
            return self.panel.alt
        if self.figure is not None:
            return self.figure.alt
        return "" if self.target is None else self.target.declaration.description or self.heading

    @property
    def main(self) -> Representation | None:
        """A figure's first representation."""
        return None if self.figure is None else self.figure.version.representations[0]

    @property
    def is_html(self) -> bool:
        return self.main is not None and self.main.format is FORMATS["html"]

    @property
    def part(self) -> Representation | None:
        """Of a figure, the image for an ``<img>``."""
        return None if self.figure is None else self.figure.version.inline_image

    @property
    def width(self) -> int | None:
        return self.size[0] if self.part is None else self.part.width

    @property
    def height(self) -> int | None:
        return self.size[1] if self.part is None else self.part.height

    @property
    def parameters(self) -> Parameters:
        """Of a live figure, those that are not fixed here."""
        if self.target is None:
            return Parameters()
        known = self.target.declaration.parameters.items
        return Parameters(tuple(item for item in known if item.name not in self.panel.values))

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """All arguments of a live figure: what is fixed here, ``values``, and the defaults.

        Raises
        ------
        InvalidInput
            When one is missing, or the function has changed so that what is fixed does not suit it.
        """
        assert self.target is not None
        parameters = self.target.declaration.parameters
        return parameters.complete({**values, **parameters.check(self.panel.values)})


@dataclass(frozen=True)
class ResolvedDashboard:
    """A dashboard with its places, row by row."""

    record: DashboardRecord
    rows: tuple[tuple[ResolvedPanel, ...], ...]

    @property
    def places(self) -> Iterator[ResolvedPanel]:
        for row in self.rows:
            yield from row

    def find(self, name: str) -> ResolvedPanel | None:
        return next((place for place in self.places if place.name == name), None)

    def shared(self) -> dict[str, list[str]]:
        """Parameters with one control on top, each with the places that it drives.

        Of what has changed since it was published, what no longer goes together is left out.
        """
        parameters = {place.name: place.parameters for place in self.places if place.target is not None}
        try:
            return shared_controls(self.record.layout, parameters)
        except InvalidInput:
            return shared_controls(replace(self.record.layout, controls=None), parameters)


def resolve_dashboard(context: AppContext, record: DashboardRecord) -> ResolvedDashboard:
    """The dashboard with what its panels show now."""
    rows = [
        tuple(_find_place(context, record.owner, f"{number}-{column}", panel) for column, panel in enumerate(row, 1))
        for number, row in enumerate(record.layout.rows, 1)
    ]
    return ResolvedDashboard(record, tuple(rows))


def validate_layout(context: AppContext, layout: Layout, owner: str) -> Layout:
    """See that all that a layout shows is there and its owner's, and that its values and controls suit that.

    Raises
    ------
    InvalidInput
        Naming the panel.
    """
    rows, parameters = [], {}
    for number, row in enumerate(layout.rows, 1):
        checked = []
        for column, panel in enumerate(row, 1):
            name = f"{number}-{column}"
            place = _find_place(context, owner, name, panel)
            _check_found(place)
            if place.target is not None:
                panel = _with_checked_values(name, panel, place.target)
                parameters[name] = replace(place, panel=panel).parameters
            checked.append(panel)
        rows.append(tuple(checked))
    done = replace(layout, rows=tuple(rows))
    shared_controls(done, parameters)
    return done


def _find_place(context: AppContext, owner: str, name: str, panel: PanelSpec) -> ResolvedPanel:
    """Another owner's figure is as unknown as one that is not there, an admin's wishes notwithstanding."""
    if panel.kind == FIGURE:
        figure = context.store.find_figure(panel.target, panel.version)
        return ResolvedPanel(name, panel, figure if figure is not None and figure.owner == owner else None)
    if panel.kind == LIVE:
        target = context.live.offers.get_by_id(panel.target)
        if target is not None and target.record.owner == owner:
            size, form = _last_size(context, target, panel), context.live.find_form(target)
            return ResolvedPanel(name, panel, None, target, size, form)
    return ResolvedPanel(name, panel)


def _last_size(context: AppContext, target: LiveTarget, panel: PanelSpec) -> tuple[int | None, int | None]:
    try:
        arguments = ResolvedPanel("", panel, None, target).complete({})
    except InvalidInput:
        return None, None
    return context.live.find_size(target, arguments)


def _check_found(place: ResolvedPanel) -> None:
    if not place.is_gone:
        return
    if place.panel.kind == LIVE:
        raise InvalidInput(
            f"Panel {place.name}: you have no live figure {place.panel.target!r:.70}; run its cell, then publish again."
        )
    version = "" if place.panel.version is None else f" with a version {place.panel.version}"
    raise InvalidInput(f"Panel {place.name}: you have no figure {place.panel.target!r:.70}{version}; publish it first.")


def _with_checked_values(name: str, panel: PanelSpec, target: LiveTarget) -> PanelSpec:
    try:
        return replace(panel, values=target.declaration.parameters.check(panel.values))
    except InvalidInput as error:
        raise InvalidInput(f"Panel {name}: {error.message}", code=error.code) from error
