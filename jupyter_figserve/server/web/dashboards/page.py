"""What a dashboard's page shows: each panel's picture or frame, its controls, and what is wrong. Server process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ....errors import InvalidInput
from ....model.dashboards import TEXT, PanelSpec
from ....model.markdown import render_markdown
from ....model.parameter import Parameter
from ....model.parameters import Parameters
from ...services.dashboards.resolver import ResolvedDashboard, ResolvedPanel
from ..live import frames
from ..live.form import FormControl, hidpi_url, make_control

COLUMNS = 60
"""Of a row: halves, thirds, quarters, fifths and sixths are whole numbers of them."""
_DENSE = 2
Query = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class PanelUrls:
    """Where a page finds its panels' pictures, relative to it.

    Parameters
    ----------
    picture
        Of a place: its picture's address without suffix and query.
    frame
        Of a place with an HTML figure: the frame's address, signed and good for a minute.
    folder
        Of live figures: the path below our prefix under which the addresses of their frames are.
    pinned
        Of a place with a figure: the query that says which version.
    dense
        Of a place with a figure, and dots per inch: the query of its PNG in that resolution; None without one.
    says_fixed
        Whether a live picture's query must say what is fixed in its panel.
    """

    picture: Callable[[ResolvedPanel], str]
    frame: Callable[[ResolvedPanel], str]
    folder: str
    pinned: Callable[[ResolvedPanel], str]
    dense: Callable[[ResolvedPanel, float], str | None]
    says_fixed: bool


@dataclass(frozen=True)
class PanelContext:
    """A panel on the page.

    Parameters
    ----------
    columns
        How many of its row's ``COLUMNS`` it has.
    image, dense
        Relative addresses of the picture, and of the same for dense screens; None where there is none.
    alone
        Of a live figure: the address of the same in the form that its function gives, for a page of its own.
    frame
        Relative address of what stands in a frame; None for a picture.
    names
        For the script: which control, by its name in the form, sets which parameter.
    fixed
        For the script: the part of the picture's query that no control sets.
    """

    place: ResolvedPanel
    columns: int
    address: str = ""
    image: str | None = None
    dense: str | None = None
    alone: str | None = None
    frame: str | None = None
    fault: str = ""
    controls: Sequence[FormControl] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    fixed: str = ""

    @property
    def panel(self) -> PanelSpec:
        return self.place.panel

    @property
    def html(self) -> str:
        return render_markdown(self.panel.markdown)

    @property
    def names_json(self) -> str:
        return json.dumps(dict(self.names))


@dataclass(frozen=True)
class DashboardPage:
    """Parameters
    ----------
    address
        Of the page, relative to it.
    folders
        The paths below our prefix that its frames may be at, also when a live figure turns to HTML later.
    fault
        What is wrong with the address, in words.
    is_paused
        Whether a person must first say that functions may run: another site led here.
    """

    board: ResolvedDashboard
    address: str
    controls: Sequence[FormControl]
    rows: Sequence[Sequence[PanelContext]]
    folders: Sequence[str] = ()
    fault: str = ""
    is_paused: bool = False

    @property
    def is_signed(self) -> bool:
        """Whether it has addresses that are good for a minute."""
        return any(view.frame and view.place.is_html for row in self.rows for view in row)

    @property
    def has_controls(self) -> bool:
        return bool(self.controls) or any(view.controls for row in self.rows for view in row)

    @property
    def movable(self) -> dict[str, str]:
        """The label of each parameter that viewers of a link may be allowed to move."""
        own = [one for row in self.rows for view in row for one in view.controls]
        return {one.name: one.label for one in (*self.controls, *own)}

    @property
    def defaults(self) -> str:
        """For the script: the text of each default, which an address leaves out."""
        own = [one for row in self.rows for view in row for one in view.controls]
        return json.dumps({one.field: one.default for one in (*self.controls, *own) if one.default is not None})


@dataclass(frozen=True)
class ControlState:
    """What may be moved, and how it stands by an address.

    Parameters
    ----------
    allowed
        Names of the parameters that may be moved; None for all.
    locked
        Values of others.
    """

    board: ResolvedDashboard
    query: Query
    allowed: tuple[str, ...] | None = None
    locked: Mapping[str, Any] = field(default_factory=dict)

    def movable(self, place: ResolvedPanel) -> Parameters:
        known = place.parameters.items
        return Parameters(tuple(one for one in known if self.allowed is None or one.name in self.allowed))

    def shared(self) -> dict[str, Parameter]:
        """The parameters with one control on top, as the first panel of each has it."""
        found = {}
        for name, places in self.board.shared().items():
            first = self.board.find(places[0])
            item = self.movable(first).find(name) if first else None
            if item is not None:
                found[name] = item
        return found

    def said(self, place: ResolvedPanel) -> dict[str, Sequence[str]]:
        """What the address says of a panel's parameters, by their names; a shared one is said whatever its default."""
        said: dict[str, Sequence[str]] = {}
        shared = self.shared()
        for item in self.movable(place).items:
            texts = self.query.get(item.name if item.name in shared else f"{place.name}.{item.name}")
            if texts:
                said[item.name] = texts
            elif item.name in shared and not shared[item.name].is_required:
                said[item.name] = [item.write(shared[item.name].default)]
        return said

    def values(self, place: ResolvedPanel) -> dict[str, Any]:
        """All arguments of a live panel.

        Raises
        ------
        InvalidInput
            When the address says what is not allowed, or something is missing.
        """
        moved = self.movable(place)
        texts = self.said(place)
        given = {item.name: item.parse(texts[item.name]) for item in moved.items if item.name in texts}
        locked = {name: value for name, value in self.locked.items() if name in place.parameters.names}
        return place.complete({**place.parameters.check(locked), **given})

    def unknown(self) -> list[str]:
        """Names of the address that are no control's."""
        shared = set(self.shared())
        known = set(shared)
        for place in self.board.places:
            known |= {f"{place.name}.{name}" for name in self.movable(place).names if name not in shared}
        return [name for name in self.query if name not in known and not name.startswith("_")]


def build_page(state: ControlState, addresses: PanelUrls, *, address: str, is_paused: bool = False) -> DashboardPage:
    """The page's view of a dashboard, its controls as the address has them."""
    shared = state.shared()
    controls = [make_control(item, state.query.get(name)) for name, item in shared.items()]
    rows = []
    for row in state.board.rows:
        widths = _columns([place.panel.share for place in row])
        rows.append([_view(state, place, width, addresses) for place, width in zip(row, widths, strict=True)])
    is_paused = is_paused and any(place.target for place in state.board.places)
    if is_paused:
        rows = [[_paused(view) for view in row] for row in rows]
    unknown = state.unknown()
    fault = f"There is no control {unknown[0]!r:.60} here; the rest of the address counts." if unknown else ""
    return DashboardPage(state.board, address, controls, rows, _folders(state.board, addresses), fault, is_paused)


def _folders(board: ResolvedDashboard, addresses: PanelUrls) -> list[str]:
    is_live = any(place.target is not None for place in board.places)
    has_frames = is_live or any(place.is_html for place in board.places)
    return (["frame"] if has_frames else []) + ([addresses.folder] if is_live else [])


def _view(state: ControlState, place: ResolvedPanel, columns: int, addresses: PanelUrls) -> PanelContext:
    view = PanelContext(place, columns)
    if place.panel.kind == TEXT:
        return view
    if place.is_gone:
        return replace(view, fault="What stood here has been deleted.")
    view = replace(view, address=addresses.picture(place))
    if place.target is not None:
        return _live_view(state, view, addresses)
    return _figure_view(view, addresses)


def _figure_view(view: PanelContext, addresses: PanelUrls) -> PanelContext:
    place, part = view.place, view.place.part
    if place.is_html:
        return replace(view, frame=addresses.frame(place))
    assert place.figure is not None
    if part is None:
        return replace(view, fault="This figure is a document, which has no picture.")
    pinned = addresses.pinned(place)
    if part is place.figure.version.thumbnail:
        return replace(view, image=f"{view.address}.png?{pinned}&width={part.width}")
    image = f"{view.address}.{part.format.name}?{pinned}"
    if place.figure.version.vector is not None:
        return replace(view, image=image, dense=f"{view.address}.svg?{pinned}")
    dense = None
    if part.format.name == "png" and part.dpi and place.figure.version.source is not None:
        dense = addresses.dense(place, _DENSE * part.dpi)
    return replace(view, image=image, dense=dense and f"{view.address}.png?{pinned}&{dense}")


def _live_view(state: ControlState, view: PanelContext, addresses: PanelUrls) -> PanelContext:
    place = view.place
    assert place.target is not None
    movable, shared = state.movable(place), state.shared()
    own = [item for item in movable.items if item.name not in shared]
    names = {item.name: item.name if item.name in shared else f"{place.name}.{item.name}" for item in movable.items}
    controls = [make_control(item, state.query.get(names[item.name]), prefix=f"{place.name}.") for item in own]
    parameters = place.target.declaration.parameters
    view = replace(view, controls=controls, names=names)
    try:
        values = state.values(place)
    except InvalidInput as error:
        return replace(view, fault=error.message)
    said = parameters if addresses.says_fixed else movable
    fixed = parameters.query(place.panel.values) if addresses.says_fixed else ""
    query = said.query(values)
    suffix = "html" if place.form == "html" else "png"
    alone = f"{view.address}.{suffix}" + (f"?{query}" if query else "")
    if place.form == "html":
        return replace(view, fixed=fixed, alone=alone, frame=frames.signed_frame_url(view.address, query))
    # A page that knows the picture's size shows it in that, whatever comes.
    dense = hidpi_url(alone) if place.width else None
    return replace(view, fixed=fixed, alone=alone, image=alone, dense=dense)


def _paused(view: PanelContext) -> PanelContext:
    """A live panel that asks for nothing by itself."""
    return view if view.place.target is None else replace(view, image=None, dense=None, frame=None)


def _columns(shares: Sequence[float]) -> list[int]:
    """A row's columns by share: whole numbers of ``COLUMNS`` in all, at least one each."""
    total, used, found = sum(shares), 0.0, []
    for share in shares:
        start = round(COLUMNS * used / total)
        used += share
        found.append(max(1, round(COLUMNS * used / total) - start))
    return found
