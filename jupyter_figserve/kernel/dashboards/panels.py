"""What may stand in a dashboard's row: figures, live figures and text, each in its place. Kernel."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ...errors import FigServeError, InvalidInput
from ...model import dashboards
from ...model.parameters import Parameters
from ..figures.captured_plot import CapturedPlot
from ..figures.published_figure import Published
from ..figures.shared_link import SharedLink
from ..live.live_figure import LiveFigure

_STAND_IN = "unpublished"
"""Id of a figure that has none yet, where a layout is only checked."""
_MARKDOWN_SHOWN = 30


@dataclass(frozen=True)
class Panel:
    """One panel of a dashboard with more to say than what it shows.

    Parameters
    ----------
    object
        Anything that ``publish`` takes, a published or a captured figure, a live figure, or Markdown.
    caption
        One line below it.
    share
        Of its row's width, against the shares of the panels beside it.
    alt
        What the picture shows, in words; None takes what the figure itself says.
    """

    object: Any
    caption: str = ""
    share: float = 1
    alt: str | None = None


@dataclass(frozen=True)
class LaidOutPanel:
    """A panel in its place of a dashboard.

    Parameters
    ----------
    place
        ``"2-1"`` is the first of the second row.
    kind
        ``"figure"``, ``"live"`` or ``"text"``.
    object
        As it was given.
    """

    place: str
    kind: str
    object: Any
    share: float = 1.0
    caption: str = ""
    given_alt: str | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """JSON values that a live figure has been bound to."""

    @property
    def markdown(self) -> str:
        """The text; ``""`` for pictures."""
        return str(self.object) if self.kind == dashboards.TEXT else ""

    @property
    def parameters(self) -> Parameters:
        """Those that a control may move: of a live figure, without the fixed ones."""
        if self.kind != dashboards.LIVE:
            return Parameters()
        return Parameters(tuple(item for item in self.object.parameters.items if item.name not in self.fixed))

    @cached_property
    def alt(self) -> str:
        """What the picture shows, in words; ``""`` where nothing is known."""
        return self.given_alt if self.given_alt is not None else _alt_of(self.object, self.kind)

    @property
    def words(self) -> str:
        """What it is, to tell it from the others."""
        if self.kind == dashboards.TEXT:
            line = " ".join(self.markdown.split())
            return f"text “{line if len(line) <= _MARKDOWN_SHOWN else line[: _MARKDOWN_SHOWN - 1] + '…'}”"
        if isinstance(self.object, LiveFigure):
            return repr(self.object)[1:-1]
        if isinstance(self.object, Published):
            return f'figure "{self.object.name}"'
        if isinstance(self.object, CapturedPlot):
            return f"plot {self.object.path}"
        return _type_words(self.object)

    def as_value(self, target: str = _STAND_IN) -> dashboards.PanelSpec:
        """What the server keeps of it, ``target`` being the id of its figure.

        Raises
        ------
        InvalidInput
            When its share, caption, text or alternative text is not what it must be.
        """
        row: dict[str, Any] = {"kind": self.kind, "share": self.share, "caption": self.caption, "alt": self.given_alt}
        if self.kind == dashboards.TEXT:
            return dashboards.PanelSpec.from_json(row | {"markdown": self.markdown})
        if self.kind == dashboards.LIVE:
            return dashboards.PanelSpec.from_json(row | {"live": target, "values": dict(self.fixed)})
        return dashboards.PanelSpec.from_json(row | {"figure": target})

    def fault(self, error: FigServeError) -> FigServeError:
        """The same error, naming this panel."""
        named = InvalidInput if isinstance(error, InvalidInput) else type(error)
        try:
            return named(f"Panel {self.place} ({self.words}): {error.message}", code=error.code)
        except TypeError:
            return InvalidInput(f"Panel {self.place} ({self.words}): {error.message}", code=error.code)


def place_panels(rows: object) -> list[list[LaidOutPanel]]:
    """The rows that somebody wrote, each panel in its place.

    A row may be one panel alone; a panel may come as ``(share, panel)``.

    Raises
    ------
    InvalidInput
        For rows that are none, and for what cannot stand in one, naming the panel.
    """
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
        raise InvalidInput('Give the rows as a list of lists of panels, such as [[fig, animal], ["## Notes"]].')
    placed = [
        [_placed(item, f"{number}-{column}") for column, item in enumerate(_row_of(row, number), 1)]
        for number, row in enumerate(rows, 1)
    ]
    return placed


def _row_of(row: object, number: int) -> Iterable[Any]:
    is_row = isinstance(row, list) or (isinstance(row, tuple) and not _has_share(row))
    if not is_row:
        return [row]
    assert isinstance(row, (list, tuple))
    if not row:
        raise InvalidInput(f"Row {number} is empty; give it a panel or leave it out.")
    return row


def _has_share(item: tuple[Any, ...]) -> bool:
    return len(item) == 2 and isinstance(item[0], numbers.Real)


def _placed(item: object, place: str) -> LaidOutPanel:
    share: Any = 1
    if isinstance(item, tuple) and _has_share(item):
        share, item = item
    given = item if isinstance(item, Panel) else Panel(item)
    if given is item and share == 1:
        share = given.share
    panel = LaidOutPanel(place, _kind_of(given.object, place), given.object, share, given.caption, given.alt)
    try:
        if panel.kind == dashboards.LIVE:
            panel = _fixed(panel)
        checked = panel.as_value()
    except FigServeError as error:
        raise panel.fault(error) from error
    return LaidOutPanel(place, panel.kind, panel.object, checked.share, checked.caption, checked.alt, panel.fixed)


def _fixed(panel: LaidOutPanel) -> LaidOutPanel:
    """A live panel with what it is bound to.

    Raises
    ------
    InvalidInput
        When a parameter has neither a default nor a fixed value, so that there would be no first picture.
    """
    figure: LiveFigure = panel.object
    fixed = figure.fixed
    missing = [item.name for item in figure.parameters.items if item.is_required and item.name not in fixed]
    if missing:
        raise InvalidInput(
            f"{missing[0]} has no default; give it one, or fix it here by {figure.name}.bind({missing[0]}=…).",
            code="parameter_missing",
        )
    return LaidOutPanel(panel.place, panel.kind, figure, panel.share, panel.caption, panel.given_alt, fixed)


def _kind_of(item: object, place: str) -> str:
    """What kind of panel this makes.

    Raises
    ------
    InvalidInput
        For what is known to be none, saying what to do. Whether a plotting object can be drawn shows when it is.
    """
    if isinstance(item, str):
        return dashboards.TEXT
    if isinstance(item, LiveFigure):
        return dashboards.LIVE
    advice = _advice(item)
    if advice:
        raise InvalidInput(f"Panel {place} ({_type_words(item)}): {advice}")
    return dashboards.FIGURE


def _advice(item: object) -> str:
    """What to do about something that is no panel; ``""`` where nothing speaks against it."""
    if item is None:
        return "there is nothing here; give a figure (plt.gcf() is the current one), a live figure or a text."
    if isinstance(item, SharedLink):
        return "a link is what strangers open; give the published figure that it leads to."
    if isinstance(item, (numbers.Number, Panel)):
        return "this is no figure; a share comes before a panel, as (2, fig)."
    if isinstance(item, type) or getattr(item, "__code__", None) is not None:
        return "put @figserve.live above it, or call it and give the figure."
    if hasattr(item, "rows") and hasattr(item, "shared_controls"):
        return "a dashboard stands in no other one; give its panels."
    return ""


def _type_words(item: object) -> str:
    if item is None:
        return "None"
    name = type(item).__name__
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"


def _alt_of(item: object, kind: str) -> str:
    if isinstance(item, LiveFigure):
        return item.description or item.name.replace("_", " ")
    if isinstance(item, Published):
        return item.alt
    if isinstance(item, CapturedPlot):
        return f"Plot {item.path}"
    return "" if kind == dashboards.TEXT else _described(item)


def _described(item: object) -> str:
    from ...plotting.describe import describe, describe_figure
    from ...plotting.resolve import find_figure

    try:
        found = find_figure(item)
    except Exception:
        # A foreign object may raise anything; what is wrong with it is said where it is drawn.
        return ""
    title, alt = describe(item) if found is None else describe_figure(found.figure, found.title)
    return alt or title
