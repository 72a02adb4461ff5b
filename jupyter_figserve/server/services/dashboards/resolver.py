"""Resolves dashboards: finds the figure or live figure that each panel shows now. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ....errors import InvalidInput
from ....model.dashboards import FIGURE, LIVE, TEXT, DashboardRecord, Layout, PanelSpec, shared_controls
from ....model.figures import FigureRecord, Representation
from ....model.formats import FORMATS, get_format
from ....model.live import LiveRequest, shown_suffix
from ....model.parameters import Parameters
from ....store.store import Store
from ..live.appearance import Appearance, find_appearance
from ..live.registry import LiveTarget
from ..live.service import LiveService
from .texts import render_text


@dataclass(frozen=True)
class ResolvedPanel:
    """A panel with the figure or live figure that it shows.

    Parameters
    ----------
    name
        Position on the dashboard, such as ``"2-1"`` for the first panel of the second row.
    figure, target
        None when it has been deleted, or for a panel of another kind.
    appearance
        What is known of a live figure's result.
    form
        Form of the function's last or declared result, see ``services.live.forms``; None when unknown.
    html
        The text of a Markdown panel as HTML.
    """

    name: str
    spec: PanelSpec
    figure: FigureRecord | None = None
    target: LiveTarget | None = None
    appearance: Appearance = field(default_factory=Appearance)
    form: str | None = None
    html: str = ""

    @property
    def is_gone(self) -> bool:
        return self.spec.kind != TEXT and self.figure is None and self.target is None

    @property
    def heading(self) -> str:
        """The text to show in place of the image."""
        if self.figure is not None:
            return self.figure.heading
        return "" if self.target is None else self.target.declaration.heading

    @property
    def alt(self) -> str:
        if self.spec.alt is not None:
            return self.spec.alt
        if self.figure is not None:
            return self.figure.alt
        return "" if self.target is None else self.target.declaration.description or self.heading

    @property
    def main(self) -> Representation | None:
        """The first representation of a figure."""
        return None if self.figure is None else self.figure.version.representations[0]

    @property
    def is_html(self) -> bool:
        return self.main is not None and self.main.format is FORMATS["html"]

    @property
    def image(self) -> Representation | None:
        """The representation of a figure for an ``<img>``."""
        return None if self.figure is None else self.figure.version.inline_image

    @property
    def is_thumbnail(self) -> bool:
        """Whether the thumbnail is the figure's only image."""
        return self.figure is not None and self.image is self.figure.version.thumbnail

    @property
    def suffix(self) -> str:
        """Suffix of the image, HTML or data that the panel shows; a format that there is not falls back."""
        if self.target is not None:
            return self.appearance.suffix
        chosen, own = self.spec.format, "png" if self.image is None else self.image.format.name
        if self.figure is None or chosen in (None, "html") or self.is_html:
            return own
        version = self.figure.version
        has_chosen = version.find_representation(get_format(chosen)) is not None or version.source is not None
        return chosen if has_chosen else own

    @property
    def width(self) -> int | None:
        return self.appearance.size[0] if self.image is None else self.image.css_width

    @property
    def height(self) -> int | None:
        return self.appearance.size[1] if self.image is None else self.image.css_height

    @property
    def parameters(self) -> Parameters:
        """The parameters of a live figure that the dashboard does not fix."""
        if self.target is None:
            return Parameters()
        known = self.target.declaration.parameters.items
        return Parameters(tuple(item for item in known if item.name not in self.spec.values))

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return all arguments of a live figure: the fixed ones, then ``values``, then the defaults.

        Raises
        ------
        InvalidInput
            When an argument is missing, or the function has changed and no longer accepts a fixed one.
        """
        assert self.target is not None
        parameters = self.target.declaration.parameters
        return parameters.complete({**values, **parameters.check(self.spec.values)})


@dataclass(frozen=True)
class ResolvedDashboard:
    """A dashboard with its panels resolved, row by row."""

    record: DashboardRecord
    rows: tuple[tuple[ResolvedPanel, ...], ...]

    @property
    def panels(self) -> Iterator[ResolvedPanel]:
        for row in self.rows:
            yield from row

    def find(self, name: str) -> ResolvedPanel | None:
        return next((panel for panel in self.panels if panel.name == name), None)

    def shared_controls(self) -> dict[str, list[str]]:
        """Return the parameters with a shared control, each with the names of the panels that it drives.

        Controls that no longer fit, because a function has changed since the dashboard was published, are left out.
        """
        parameters = {panel.name: panel.parameters for panel in self.panels if panel.target is not None}
        try:
            return shared_controls(self.record.layout, parameters)
        except InvalidInput:
            return shared_controls(replace(self.record.layout, controls=None), parameters)


async def resolve_dashboard(store: Store, live: LiveService, record: DashboardRecord) -> ResolvedDashboard:
    """Look up what each panel of a dashboard shows now."""

    rows = []
    for number, row in enumerate(record.layout.rows, 1):
        # Reads of SQLite never suspend, and a hundred panels are many reads.
        await asyncio.sleep(0)
        names = [f"{number}-{column}" for column in range(1, len(row) + 1)]
        panels = [
            await _resolve_panel(store, live, record.owner, name, spec) for name, spec in zip(names, row, strict=True)
        ]
        rows.append(tuple(panels))
    return ResolvedDashboard(record, tuple(rows))


async def validate_layout(store: Store, live: LiveService, layout: Layout, owner: str) -> Layout:
    """Check that the figures of a layout exist and belong to its owner, and accept its values and controls.

    Raises
    ------
    InvalidInput
        When they do not; the message names the panel.
    """
    rows, parameters = [], {}
    for number, row in enumerate(layout.rows, 1):
        specs = []
        for column, spec in enumerate(row, 1):
            panel = _validate_panel(await _resolve_panel(store, live, owner, f"{number}-{column}", spec))
            specs.append(panel.spec)
            if panel.target is not None:
                parameters[panel.name] = panel.parameters
        rows.append(tuple(specs))
    validated = replace(layout, rows=tuple(rows))
    shared_controls(validated, parameters)
    return validated


async def _resolve_panel(store: Store, live: LiveService, owner: str, name: str, spec: PanelSpec) -> ResolvedPanel:
    """Resolve a panel; another owner's figure counts as missing, even for an admin."""
    if spec.kind == TEXT:
        return ResolvedPanel(name, spec, html=await render_text(spec.markdown))
    if spec.kind == FIGURE:
        figure = await store.figures.find(spec.target, spec.version)
        return ResolvedPanel(name, spec, figure if figure is not None and figure.owner == owner else None)
    if spec.kind == LIVE:
        target = await live.registry.find_by_id(spec.target)
        if target is not None and target.record.owner == owner:
            return await _resolve_live_panel(live, ResolvedPanel(name, spec, None, target))
    return ResolvedPanel(name, spec)


async def _resolve_live_panel(live: LiveService, panel: ResolvedPanel) -> ResolvedPanel:
    """Return a live panel with what is known of its result with its default arguments."""
    target = panel.target
    assert target is not None
    form = live.forms.guess(target)
    try:
        request = LiveRequest(panel.complete({}))
    except InvalidInput:
        return replace(panel, form=form, appearance=Appearance(form, shown_suffix(form, panel.spec.format)))
    appearance = await find_appearance(live.forms, target, request, panel.spec.format)
    return replace(panel, form=appearance.form or form, appearance=appearance)


def _validate_panel(panel: ResolvedPanel) -> ResolvedPanel:
    """Return the panel with its fixed values checked."""
    spec = panel.spec
    if panel.is_gone and spec.kind == LIVE:
        raise InvalidInput(
            f"Panel {panel.name}: you have no live figure {spec.target!r:.70}; run its cell, then publish again."
        )
    if panel.is_gone:
        version = "" if spec.version is None else f" with a version {spec.version}"
        raise InvalidInput(f"Panel {panel.name}: you have no figure {spec.target!r:.70}{version}; publish it first.")
    if panel.target is None:
        return panel
    try:
        values = panel.target.declaration.parameters.check(spec.values)
    except InvalidInput as error:
        raise InvalidInput(f"Panel {panel.name}: {error.message}", code=error.code) from error
    return replace(panel, spec=replace(spec, values=values))
