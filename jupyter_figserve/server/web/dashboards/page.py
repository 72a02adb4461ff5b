"""The page of a dashboard: each panel with its image or frame, its controls and its error. Server process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from ....errors import InvalidInput
from ....model.dashboards import TEXT, PanelSpec
from ...services.addresses import hidpi_address
from ...services.dashboards.resolver import ResolvedDashboard, ResolvedPanel
from ..live.form import FormControl, frame_url, hidpi_url, is_raster, last_url, make_control
from ..live.page import find_refresh
from ..live.request import DRAW_PARAMETER
from .control_state import ControlState

COLUMNS = 60
"""Grid columns of a row: divisible by 2 to 6, so that halves to sixths are whole numbers of columns."""


@dataclass(frozen=True)
class PanelUrls:
    """The URLs of the panels' images, relative to the page.

    Parameters
    ----------
    image
        URL of a panel's image, without suffix and query.
    frame
        URL of the frame of an HTML figure, signed and valid for a minute.
    folder
        Path below our prefix that holds the frames of live figures.
    pinned
        Query that names the version of a figure.
    repeats_fixed
        Whether the query of a live image must repeat the values that the panel fixes.
    min_refresh
        Minimum seconds between two automatic requests of a page.
    """

    image: Callable[[ResolvedPanel], str]
    frame: Callable[[ResolvedPanel], str]
    folder: str
    pinned: Callable[[ResolvedPanel], str]
    repeats_fixed: bool
    min_refresh: float


@dataclass(frozen=True)
class PanelContext:
    """A panel on the page.

    Parameters
    ----------
    columns
        Its width in grid columns.
    image, hidpi
        Relative URLs of the image, and of its version for HiDPI screens; None without one.
    still
        Of an animation, relative URL of its first frame, for viewers who prefer less motion.
    frame
        Relative URL of the frame's content; None for an image.
    result
        Relative URL of a live figure's result.
    names
        For the script: names of the controls in the form, by parameter.
    fixed
        For the script: the part of the image's query that is fixed.
    refresh
        For the script: seconds after which it refreshes the image; None for never.
    """

    panel: ResolvedPanel
    columns: int
    address: str = ""
    image: str | None = None
    hidpi: str | None = None
    still: str | None = None
    frame: str | None = None
    result: str = ""
    error: str = ""
    controls: Sequence[FormControl] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    fixed: str = ""
    refresh: float | None = None

    @property
    def spec(self) -> PanelSpec:
        return self.panel.spec

    @property
    def html(self) -> str:
        return self.panel.html

    @property
    def is_callable(self) -> bool:
        """Whether the panel has a live figure that can be called with valid arguments."""
        target = self.panel.target
        return target is not None and target.backend is not None and not self.error

    @property
    def names_json(self) -> str:
        return json.dumps(dict(self.names))


@dataclass(frozen=True)
class DashboardPage:
    """Context of the template of a dashboard.

    Parameters
    ----------
    address
        URL of the page, relative to itself.
    folders
        Paths below our prefix that frames may come from, including a live figure that later returns HTML.
    error
        Error message for the query, or "".
    is_paused
        Whether the user must first allow functions to run, because another site linked here.
    drawing
        URL of the page that calls the functions itself, for browsers without scripts; None where it need not.
    """

    dashboard: ResolvedDashboard
    address: str
    controls: Sequence[FormControl]
    rows: Sequence[Sequence[PanelContext]]
    folders: Sequence[str] = ()
    error: str = ""
    is_paused: bool = False
    drawing: str | None = None

    @property
    def is_signed(self) -> bool:
        """Whether it contains signed URLs, which are valid for a minute."""
        return any(panel.frame and panel.panel.is_html for row in self.rows for panel in row)

    @property
    def is_drawn(self) -> bool:
        """Whether it shows a result of each function that can be called, so that it stays as it is for a while."""
        callable_panels = [context.panel for row in self.rows for context in row if context.is_callable]
        return all(panel.appearance.is_drawn for panel in callable_panels)

    @property
    def has_controls(self) -> bool:
        return any(self._all_controls())

    @property
    def movable(self) -> dict[str, str]:
        """Labels of the parameters that a link may let its viewers change, by name."""
        return {control.name: control.label for control in self._all_controls()}

    @property
    def defaults(self) -> str:
        """Text of each default as JSON, which URLs omit; for the script."""
        return json.dumps(
            {control.field: control.default for control in self._all_controls() if control.default is not None}
        )

    def _all_controls(self) -> Iterator[FormControl]:
        yield from self.controls
        for row in self.rows:
            for panel in row:
                yield from panel.controls


def build_page(state: ControlState, urls: PanelUrls, *, address: str, is_paused: bool = False) -> DashboardPage:
    """Build the page of a dashboard, with its controls as the query sets them."""
    dashboard = state.dashboard
    controls = [make_control(item, state.query.get(name)) for name, item in state.shared().items()]
    is_paused = is_paused and any(panel.target for panel in dashboard.panels)
    rows = []
    for row in dashboard.rows:
        widths = _grid_columns([panel.spec.share for panel in row])
        contexts = [_build_panel(state, panel, width, urls) for panel, width in zip(row, widths, strict=True)]
        rows.append([_pause(context) for context in contexts] if is_paused else contexts)
    unknown = state.unknown()
    error = f"There is no control {unknown[0]!r:.60} on this dashboard; it is ignored." if unknown else ""
    page = DashboardPage(dashboard, address, controls, rows, _folders(dashboard, urls), error, is_paused)
    return page if is_paused else replace(page, drawing=_find_drawing(state, page))


def _find_drawing(state: ControlState, page: DashboardPage) -> str | None:
    """Return the page's URL that makes the calls of panels that are not drawn yet."""
    if DRAW_PARAMETER in state.query or page.is_drawn:
        return None
    return f"{page.address}?" + urlencode({**state.query, DRAW_PARAMETER: "1"}, doseq=True)


def _folders(dashboard: ResolvedDashboard, urls: PanelUrls) -> list[str]:
    is_live = any(panel.target is not None for panel in dashboard.panels)
    has_frames = is_live or any(panel.is_html for panel in dashboard.panels)
    return (["frame"] if has_frames else []) + ([urls.folder] if is_live else [])


def _build_panel(state: ControlState, panel: ResolvedPanel, columns: int, urls: PanelUrls) -> PanelContext:
    context = PanelContext(panel, columns)
    if panel.spec.kind == TEXT:
        return context
    if panel.is_gone:
        return replace(context, error="This figure has been deleted.")
    context = replace(context, address=urls.image(panel))
    if panel.target is not None:
        return _with_live_figure(context, state, urls)
    return _with_figure(context, urls)


def _with_figure(context: PanelContext, urls: PanelUrls) -> PanelContext:
    panel, image = context.panel, context.panel.image
    if panel.is_html:
        return replace(context, frame=urls.frame(panel))
    assert panel.figure is not None
    if image is None:
        return replace(context, error="This figure is a document without an image.")
    version, pinned = panel.figure.version, urls.pinned(panel)
    if panel.is_thumbnail and panel.suffix == image.format.name:
        return replace(context, image=f"{context.address}.png?{pinned}&width={image.width}")
    url = f"{context.address}.{panel.suffix}?{pinned}"
    if version.still is not None and image.is_animation:
        return replace(context, image=url, still=f"{context.address}.png?{pinned}")
    if panel.suffix != image.format.name or version.hidpi is None:
        return replace(context, image=url)
    return replace(context, image=url, hidpi=f"{context.address}.{hidpi_address(version.hidpi, pinned)}")


def _with_live_figure(context: PanelContext, state: ControlState, urls: PanelUrls) -> PanelContext:
    panel = context.panel
    assert panel.target is not None
    parameters = panel.target.declaration.parameters
    context = replace(_with_controls(context, state), refresh=find_refresh(panel.target.declaration, urls.min_refresh))
    try:
        values = state.values(panel)
    except InvalidInput as error:
        return replace(context, error=error.message)
    fixed = parameters.query(panel.spec.values) if urls.repeats_fixed else ""
    query = (parameters if urls.repeats_fixed else state.movable(panel)).query(values)
    result = f"{context.address}.{panel.suffix}" + (f"?{query}" if query else "")
    context = replace(context, fixed=fixed, result=result, error=panel.appearance.failure)
    if not panel.appearance.is_drawn or panel.suffix == "json":
        return context
    is_drawing = DRAW_PARAMETER in state.query
    if panel.suffix == "html":
        frame = frame_url(context.address, query)
        return replace(context, frame=last_url(frame) if is_drawing else frame)
    # Only with a known size, which the image keeps at any resolution.
    hidpi = hidpi_url(result) if panel.width and is_raster(panel.suffix) else None
    return replace(context, image=last_url(result) if is_drawing else result, hidpi=hidpi)


def _with_controls(context: PanelContext, state: ControlState) -> PanelContext:
    panel, shared = context.panel, state.shared()
    items = state.movable(panel).items
    names = {item.name: item.name if item.name in shared else f"{panel.name}.{item.name}" for item in items}
    own = [item for item in items if item.name not in shared]
    controls = [make_control(item, state.query.get(names[item.name]), prefix=f"{panel.name}.") for item in own]
    return replace(context, controls=controls, names=names)


def _pause(context: PanelContext) -> PanelContext:
    """Prevent a live panel from requesting its image on its own."""
    return context if context.panel.target is None else replace(context, image=None, hidpi=None, frame=None)


def _grid_columns(shares: Sequence[float]) -> list[int]:
    """Divide the grid columns of a row by share, with at least one for each panel."""
    total, used, found = sum(shares), 0.0, []
    for share in shares:
        start = round(COLUMNS * used / total)
        used += share
        found.append(max(1, round(COLUMNS * used / total) - start))
    return found
