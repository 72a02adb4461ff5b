"""The panels of a dashboard: figures, live figures and text, each at its place. Kernel."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ...errors import FigServeError, InvalidInput
from ...model import dashboards
from ...model.parameters import Parameters
from ..figures.captured_plot import CapturedPlot
from ..figures.published_figure import Published
from ..figures.shared_link import SharedLink
from ..live.live_figure import LiveFigure

_PLACEHOLDER_ID = "unpublished"
"""Id of an unpublished figure while a layout is only checked."""
_MAX_SUMMARY_LENGTH = 30


@dataclass(frozen=True)
class Panel:
    """A panel of a dashboard with options.

    Parameters
    ----------
    object
        Anything that ``publish`` accepts, a published or captured figure, a live figure, or Markdown.
    caption
        One line below the panel.
    share
        Width relative to the other panels of its row.
    alt
        Alternative text; None uses that of the figure.
    format
        Show the figure as ``"svg"``, ``"png"``, ``"jpg"``, ``"webp"`` or ``"html"``; None uses the figure's own form.
    """

    object: Any
    caption: str = ""
    share: float = 1
    alt: str | None = None
    format: str | None = None


@dataclass(frozen=True)
class LaidOutPanel:
    """A panel at its place in a dashboard.

    Parameters
    ----------
    place
        ``"2-1"`` is the first panel of the second row.
    kind
        ``"figure"``, ``"live"`` or ``"text"``.
    object
        The object that the user passed.
    """

    place: str
    kind: str
    object: Any
    share: float = 1.0
    caption: str = ""
    given_alt: str | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """JSON values of a live figure's bound parameters."""
    format: str | None = None
    """The requested format; None for the figure's own."""

    @property
    def markdown(self) -> str:
        """The text; ``""`` for figures."""
        return str(self.object) if self.kind == dashboards.TEXT else ""

    @property
    def parameters(self) -> Parameters:
        """A live figure's parameters without the fixed ones; each has a control."""
        if self.kind != dashboards.LIVE:
            return Parameters()
        return Parameters(tuple(item for item in self.object.parameters.items if item.name not in self.fixed))

    @cached_property
    def alt(self) -> str:
        """Alternative text; ``""`` if there is none."""
        return self.given_alt if self.given_alt is not None else _alt_text(self.object, self.kind)

    @property
    def summary(self) -> str:
        """Short description for messages and outlines."""
        if self.kind == dashboards.TEXT:
            line = " ".join(self.markdown.split())
            return f"text “{line if len(line) <= _MAX_SUMMARY_LENGTH else line[: _MAX_SUMMARY_LENGTH - 1] + '…'}”"
        if isinstance(self.object, LiveFigure):
            return repr(self.object)[1:-1]
        if isinstance(self.object, Published):
            return f'figure "{self.object.name}"'
        if isinstance(self.object, CapturedPlot):
            return f"plot {self.object.path}"
        return _type_name(self.object)

    def to_spec(self, target: str = _PLACEHOLDER_ID) -> dashboards.PanelSpec:
        """Return the panel as the server stores it; ``target`` is the id of its figure.

        Raises
        ------
        InvalidInput
            Its share, caption, text or alternative text is invalid.
        """
        row: dict[str, Any] = {"kind": self.kind, "share": self.share, "caption": self.caption, "alt": self.given_alt}
        row["format"] = self.format
        if self.kind == dashboards.TEXT:
            return dashboards.PanelSpec.from_json(row | {"markdown": self.markdown})
        if self.kind == dashboards.LIVE:
            return dashboards.PanelSpec.from_json(row | {"live": target, "values": dict(self.fixed)})
        return dashboards.PanelSpec.from_json(row | {"figure": target})

    def to_error(self, error: FigServeError) -> FigServeError:
        """Return the same error with this panel in its message."""
        kind = InvalidInput if isinstance(error, InvalidInput) else type(error)
        message = f"Panel {self.place} ({self.summary}): {error.message}"
        try:
            return kind(message, code=error.code)
        except TypeError:
            return InvalidInput(message, code=error.code)


def lay_out(rows: object) -> tuple[tuple[LaidOutPanel, ...], ...]:
    """Put each panel of the user's rows at its place.

    A row may be a single panel; a panel may be given as ``(share, panel)``.

    Raises
    ------
    InvalidInput
        The rows are not rows, or an object cannot be a panel; the message names the panel.
    """
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
        raise InvalidInput('rows must be a list of lists of panels, such as [[fig, animal], ["## Notes"]].')
    return tuple(
        tuple(_make_panel(item, f"{number}-{column}") for column, item in enumerate(_items_of_row(row, number), 1))
        for number, row in enumerate(rows, 1)
    )


def _items_of_row(row: object, number: int) -> Iterable[Any]:
    is_row = isinstance(row, list) or (isinstance(row, tuple) and not _has_share(row))
    if not is_row:
        return [row]
    assert isinstance(row, (list, tuple))
    if not row:
        raise InvalidInput(f"Row {number} is empty. Add a panel or remove the row.")
    return row


def _has_share(item: tuple[Any, ...]) -> bool:
    return len(item) == 2 and isinstance(item[0], numbers.Real)


def _make_panel(item: object, place: str) -> LaidOutPanel:
    share: Any = 1
    if isinstance(item, tuple) and _has_share(item):
        share, item = item
    given = item if isinstance(item, Panel) else Panel(item)
    if given is item and share == 1:
        share = given.share
    panel = LaidOutPanel(
        place, _kind_of(given.object, place), given.object, share, given.caption, given.alt, format=given.format
    )
    try:
        if panel.kind == dashboards.LIVE:
            panel = _with_bound_values(panel)
        checked = panel.to_spec()
    except FigServeError as error:
        raise panel.to_error(error) from error
    return replace(panel, share=checked.share, caption=checked.caption, given_alt=checked.alt)


def _with_bound_values(panel: LaidOutPanel) -> LaidOutPanel:
    """Return a live panel with its bound values.

    Raises
    ------
    InvalidInput
        A parameter has neither a default nor a bound value, so no initial image can be rendered.
    """
    figure: LiveFigure = panel.object
    fixed = figure.fixed
    missing = [item.name for item in figure.parameters.items if item.is_required and item.name not in fixed]
    if missing:
        raise InvalidInput(
            f"{missing[0]} has no default. Add one, or bind a value with {figure.name}.bind({missing[0]}=…).",
            code="parameter_missing",
        )
    return replace(panel, fixed=fixed)


def _kind_of(item: object, place: str) -> str:
    """Return the kind of panel for an object.

    Raises
    ------
    InvalidInput
        The object cannot be a panel; the message says what to do. Plotting objects are only checked when rendered.
    """
    if isinstance(item, str):
        return dashboards.TEXT
    if isinstance(item, LiveFigure):
        return dashboards.LIVE
    advice = _advice(item)
    if advice:
        raise InvalidInput(f"Panel {place} ({_type_name(item)}): {advice}")
    return dashboards.FIGURE


def _advice(item: object) -> str:
    """Return advice about an object that cannot be a panel; ``""`` if it may be one."""
    if item is None:
        return "None is not a panel. Use a figure (plt.gcf() is the current one), a live figure or a string."
    if isinstance(item, SharedLink):
        return "links are for viewers. Use the published figure instead."
    if isinstance(item, (numbers.Number, Panel)):
        return "this is not a figure. To set a share, put it before the panel, as in (2, fig)."
    if isinstance(item, type) or getattr(item, "__code__", None) is not None:
        return "decorate the function with @figserve.live, or call it and use the figure."
    if hasattr(item, "rows") and hasattr(item, "shared_controls"):
        return "dashboards cannot be nested. Use its panels."
    return ""


def _type_name(item: object) -> str:
    if item is None:
        return "None"
    name = type(item).__name__
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"


def _alt_text(item: object, kind: str) -> str:
    if isinstance(item, LiveFigure):
        return item.description or item.name.replace("_", " ")
    if isinstance(item, Published):
        return item.alt
    if isinstance(item, CapturedPlot):
        return f"Plot {item.path}"
    return "" if kind == dashboards.TEXT else _describe(item)


def _describe(item: object) -> str:
    from ...plotting.describe import describe
    from ...plotting.describe_figure import describe_figure
    from ...plotting.resolve import find_figure

    try:
        found = find_figure(item)
    except Exception:
        # A foreign object may raise any exception; rendering reports it.
        return ""
    title, alt = describe(item) if found is None else describe_figure(found.figure, found.title, found.labels)
    return alt or title
