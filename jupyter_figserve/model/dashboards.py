"""A dashboard and its panels as frozen values. Any process; knows no store and no HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import InvalidInput
from .figures import Identified, Identity
from .formats import INLINE_FORMATS
from .parameters import Parameters
from .scalars import to_number
from .texts import MAX_ALT_LENGTH, MAX_TITLE_LENGTH, validate_single_line

THEMES = ("light", "dark")
FIGURE, LIVE, TEXT = KINDS = ("figure", "live", "text")
PANEL_FORMATS = (*(row.name for row in INLINE_FORMATS), "html")
MAX_CAPTION_LENGTH = 500
MAX_MARKDOWN_LENGTH = 50_000
MAX_TEXT_LENGTH = 200_000
"""Maximum length of all texts of a dashboard together, in characters."""
MAX_ROWS = 50
MAX_PANELS = 100
"""Maximum number of panels of a dashboard, in all its rows."""
_MIN_SHARE, _MAX_SHARE = 0.05, 100.0


@dataclass(frozen=True)
class PanelSpec:
    """A panel of a dashboard.

    Parameters
    ----------
    kind
        ``"figure"``, ``"live"`` or ``"text"``.
    target
        Id of the figure or the live figure; ``""`` for text.
    version
        Version of a figure to pin; None follows the newest.
    values
        JSON values of the parameters of a live figure that are fixed here, without a control.
    markdown
        Of a text panel.
    share
        Width relative to the other panels of the row.
    caption
        One line below it.
    alt
        Alternative text; None for that of the figure, ``""`` for a decorative image.
    format
        One of ``PANEL_FORMATS`` to show the figure in; None for the figure's own.
    """

    kind: str
    target: str = ""
    version: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    markdown: str = ""
    share: float = 1.0
    caption: str = ""
    alt: str | None = None
    format: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that ``from_json`` parses."""
        own: dict[str, dict[str, Any]] = {
            FIGURE: {"figure": self.target, "version": self.version, "alt": self.alt, "format": self.format},
            LIVE: {"live": self.target, "values": dict(self.values), "alt": self.alt, "format": self.format},
            TEXT: {"markdown": self.markdown},
        }
        return {"kind": self.kind, **own[self.kind], "share": self.share, "caption": self.caption}

    @classmethod
    def from_json(cls, row: Any) -> PanelSpec:
        """Parse a panel from untrusted JSON; whether its target exists is not checked.

        Raises
        ------
        InvalidInput
            With a message to be prefixed by the name of the panel.
        """
        if not isinstance(row, Mapping) or row.get("kind") not in KINDS:
            raise InvalidInput(f'its "kind" must be one of {", ".join(KINDS)}.')
        kind = row["kind"]
        share = _parse_share(row.get("share", 1))
        caption = validate_single_line(row.get("caption"), "caption", MAX_CAPTION_LENGTH)
        if kind == TEXT:
            return cls(kind, markdown=_parse_markdown(row.get("markdown")), share=share, caption=caption)
        target, alt, format = row.get(kind), _parse_alt(row.get("alt")), _parse_format(row.get("format"))
        if not isinstance(target, str) or not (target.isascii() and target.isalnum() and len(target) <= 64):
            raise InvalidInput(f'"{kind}" must be the id of a {"live figure" if kind == LIVE else "figure"}.')
        if kind == LIVE:
            values = row.get("values") or {}
            if not isinstance(values, Mapping):
                raise InvalidInput('"values" must be an object of parameter values by name.')
            return cls(kind, target, values=dict(values), share=share, caption=caption, alt=alt, format=format)
        version = row.get("version")
        if version is not None and (type(version) is not int or version < 1):
            raise InvalidInput('"version" must be a number of at least 1, or null to follow the newest.')
        return cls(kind, target, version=version, share=share, caption=caption, alt=alt, format=format)


@dataclass(frozen=True)
class Layout:
    """The content of a dashboard: rows of panels, and their appearance.

    Parameters
    ----------
    theme
        ``"light"``, ``"dark"``, or None for the reader's preference.
    controls
        Names of the parameters that have one control on top, which drives all live panels with that parameter. None
        for those that several panels declare alike.
    """

    title: str
    rows: tuple[tuple[PanelSpec, ...], ...]
    theme: str | None = None
    controls: tuple[str, ...] | None = None

    def panels(self) -> Iterator[tuple[str, PanelSpec]]:
        """Yield each panel with its name in URLs: ``"2-1"`` is the first of the second row."""
        for number, row in enumerate(self.rows, 1):
            for column, panel in enumerate(row, 1):
                yield f"{number}-{column}", panel

    def find(self, name: str) -> PanelSpec | None:
        return next((panel for known, panel in self.panels() if known == name), None)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that ``from_json`` parses."""
        return {
            "title": self.title,
            "theme": self.theme,
            "controls": None if self.controls is None else list(self.controls),
            "rows": [[panel.as_json() for panel in row] for row in self.rows],
        }

    @classmethod
    def from_json(cls, row: Any) -> Layout:
        """Parse a layout from untrusted JSON.

        Raises
        ------
        InvalidInput
            Saying what is wrong, and in which panel.
        """
        if not isinstance(row, Mapping):
            raise InvalidInput("A dashboard must be an object with a title and rows of panels.")
        title = validate_single_line(row.get("title"), "title", MAX_TITLE_LENGTH)
        theme, controls = row.get("theme"), row.get("controls")
        if not title:
            raise InvalidInput("Give the dashboard a title.")
        if theme is not None and not (isinstance(theme, str) and theme in THEMES):
            raise InvalidInput(f"Unknown theme {theme!r:.40}. Use {' or '.join(THEMES)}, or none.")
        if controls is not None and not (isinstance(controls, (list, tuple)) and all(map(_is_name, controls))):
            raise InvalidInput('"controls" must be a list of parameter names.')
        return cls(title, _parse_rows(row.get("rows")), theme, None if controls is None else tuple(controls))


@dataclass(frozen=True)
class DashboardRecord(Identified):
    """A dashboard in the catalog: the same one for every run of its notebook.

    Parameters
    ----------
    session
        Id of the kernel that published this version, or None.
    """

    id: str
    identity: Identity
    layout: Layout
    version: int
    session: str | None
    created: float
    updated: float

    @property
    def heading(self) -> str:
        return self.layout.title


def shared_controls(layout: Layout, parameters: Mapping[str, Parameters]) -> dict[str, list[str]]:
    """Return the parameters with one control on top, each with the names of the panels that it drives.

    Parameters
    ----------
    parameters
        Of each live panel by its name, without those that it fixes.

    Raises
    ------
    InvalidInput
        When the layout names a parameter that no panel has, or that two panels declare differently.
    """
    users: dict[str, list[tuple[str, Any]]] = {}
    for panel, known in parameters.items():
        for item in known.items:
            users.setdefault(item.name, []).append((panel, replace(item, default=None)))
    if layout.controls is None:
        chosen = [name for name, panels in users.items() if len(panels) > 1 and _are_alike(panels)]
    else:
        chosen = list(dict.fromkeys(layout.controls))
        for name in chosen:
            if name not in users:
                known_names = ", ".join(users) or "none"
                raise InvalidInput(f"No live panel has a parameter {name!r:.60} to control; there are {known_names}.")
            if not _are_alike(users[name]):
                panels = " and ".join(panel for panel, _ in users[name][:2])
                raise InvalidInput(f"{name} differs between panels {panels}; one control cannot drive both.")
    return {name: [panel for panel, _ in users[name]] for name in chosen}


def _are_alike(users: list[tuple[str, Any]]) -> bool:
    return all(item == users[0][1] for _, item in users)


def _parse_rows(rows: Any) -> tuple[tuple[PanelSpec, ...], ...]:
    if not isinstance(rows, (list, tuple)) or not all(isinstance(row, (list, tuple)) and row for row in rows):
        raise InvalidInput('"rows" must be a list of rows, each a list of panels.')
    if not rows:
        raise InvalidInput("Give the dashboard a row of panels.")
    if len(rows) > MAX_ROWS or sum(map(len, rows)) > MAX_PANELS:
        raise InvalidInput(f"A dashboard has at most {MAX_ROWS} rows and {MAX_PANELS} panels.")
    read = []
    for number, row in enumerate(rows, 1):
        panels = []
        for column, panel in enumerate(row, 1):
            try:
                panels.append(PanelSpec.from_json(panel))
            except InvalidInput as error:
                raise InvalidInput(f"Panel {number}-{column}: {error.message}") from error
        read.append(tuple(panels))
    length = sum(len(panel.markdown) for row in read for panel in row)
    if length > MAX_TEXT_LENGTH:
        raise InvalidInput(f"The texts have {length:,} characters together; the limit is {MAX_TEXT_LENGTH:,}.")
    return tuple(read)


def _parse_alt(value: Any) -> str | None:
    return None if value is None else validate_single_line(value, "alternative text", MAX_ALT_LENGTH)


def _parse_format(value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and value in PANEL_FORMATS):
        raise InvalidInput(f"its format {value!r:.40} is unknown; use one of {', '.join(PANEL_FORMATS)}.")
    return None if value is None else str(value)


def _parse_share(value: Any) -> float:
    share = to_number(value)
    if not _MIN_SHARE <= share <= _MAX_SHARE:
        raise InvalidInput(f"its share must be a number from {_MIN_SHARE:g} to {_MAX_SHARE:g}.")
    return share


def _parse_markdown(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput('"markdown" must be a string with text.')
    if len(value) > MAX_MARKDOWN_LENGTH:
        raise InvalidInput(f"its text has {len(value):,} characters; the limit is {MAX_MARKDOWN_LENGTH:,}.")
    return value


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100
