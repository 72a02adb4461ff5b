"""A dashboard and its panels as frozen values. Any process; knows no store and no HTTP."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import InvalidInput
from .figures import ALT_LENGTH, TITLE_LENGTH, Identity, validate_single_line
from .parameters import Parameters

THEMES = ("light", "dark")
FIGURE, LIVE, TEXT = KINDS = ("figure", "live", "text")
CAPTION_LENGTH = 500
MARKDOWN_LENGTH = 50_000
MAX_ROWS = 50
MAX_PANELS = 100
"""Of one dashboard, in all its rows."""
_MIN_SHARE, _MAX_SHARE = 0.05, 100.0


@dataclass(frozen=True)
class PanelSpec:
    """One place of a dashboard.

    Parameters
    ----------
    kind
        ``"figure"``, ``"live"`` or ``"text"``.
    target
        Id of the figure or the live figure; ``""`` for text.
    version
        Of a figure, to stay at; None follows it.
    values
        JSON values of a live figure's parameters that are fixed here, so that no control shows them.
    markdown
        The text.
    share
        Of its row's width, against the shares of the panels beside it.
    caption
        One line below it.
    alt
        What the picture shows, in words; None is what the figure itself says, ``""`` says that it is mere decoration.
    """

    kind: str
    target: str = ""
    version: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    markdown: str = ""
    share: float = 1.0
    caption: str = ""
    alt: str | None = None

    def as_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        own: dict[str, dict[str, Any]] = {
            FIGURE: {"figure": self.target, "version": self.version, "alt": self.alt},
            LIVE: {"live": self.target, "values": dict(self.values), "alt": self.alt},
            TEXT: {"markdown": self.markdown},
        }
        return {"kind": self.kind, **own[self.kind], "share": self.share, "caption": self.caption}

    @classmethod
    def from_json(cls, row: Any) -> PanelSpec:
        """What a program sent, which may be anything; whether its target exists is for the store to say.

        Raises
        ------
        InvalidInput
            When it is no panel; the sentence says why.
        """
        if not isinstance(row, Mapping) or row.get("kind") not in KINDS:
            raise InvalidInput(f'its "kind" must be one of {", ".join(KINDS)}.')
        kind = row["kind"]
        share, caption = (
            _read_share(row.get("share", 1)),
            validate_single_line(row.get("caption"), "caption", CAPTION_LENGTH),
        )
        if kind == TEXT:
            return cls(kind, markdown=_read_markdown(row.get("markdown")), share=share, caption=caption)
        target, alt = row.get(kind), _read_alt(row.get("alt"))
        if not isinstance(target, str) or not (target.isascii() and target.isalnum() and len(target) <= 64):
            raise InvalidInput(f'"{kind}" must be the id of a {"live figure" if kind == LIVE else "figure"}.')
        if kind == LIVE:
            values = row.get("values") or {}
            if not isinstance(values, Mapping):
                raise InvalidInput('"values" must be an object of parameters and their values.')
            return cls(kind, target, values=dict(values), share=share, caption=caption, alt=alt)
        version = row.get("version")
        if version is not None and (type(version) is not int or version < 1):
            raise InvalidInput('"version" must be a number from 1 on, or null to follow the newest.')
        return cls(kind, target, version=version, share=share, caption=caption, alt=alt)


@dataclass(frozen=True)
class Layout:
    """What a dashboard shows, and how it is laid out.

    Parameters
    ----------
    theme
        ``"light"``, ``"dark"``, or None for what its reader prefers.
    controls
        Names of the parameters that one control on top drives in all live panels that have them. None shares those
        that several panels have alike.
    """

    title: str
    rows: tuple[tuple[PanelSpec, ...], ...]
    theme: str | None = None
    controls: tuple[str, ...] | None = None

    def panels(self) -> Iterator[tuple[str, PanelSpec]]:
        """Each panel with its place in addresses: ``"2-1"`` is the first of the second row."""
        for number, row in enumerate(self.rows, 1):
            for column, panel in enumerate(row, 1):
                yield f"{number}-{column}", panel

    def find(self, place: str) -> PanelSpec | None:
        return next((panel for name, panel in self.panels() if name == place), None)

    def as_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        return {
            "title": self.title,
            "theme": self.theme,
            "controls": None if self.controls is None else list(self.controls),
            "rows": [[panel.as_json() for panel in row] for row in self.rows],
        }

    @classmethod
    def from_json(cls, row: Any) -> Layout:
        """What a program sent, which may be anything.

        Raises
        ------
        InvalidInput
            When it is no layout, naming the panel where one is at fault.
        """
        if not isinstance(row, Mapping):
            raise InvalidInput("A dashboard is an object with a title and rows of panels.")
        title, theme, controls = (
            validate_single_line(row.get("title"), "title", TITLE_LENGTH),
            row.get("theme"),
            row.get("controls"),
        )
        if not title:
            raise InvalidInput("Give the dashboard a title.")
        if theme is not None and theme not in THEMES:
            raise InvalidInput(f"The theme {theme!r:.40} is not known; take {' or '.join(THEMES)}, or none.")
        if controls is not None and not (isinstance(controls, (list, tuple)) and all(map(_is_word, controls))):
            raise InvalidInput('"controls" must be a list of parameters\' names.')
        return cls(title, _read_rows(row.get("rows")), theme, None if controls is None else tuple(controls))


@dataclass(frozen=True)
class DashboardRecord:
    """A dashboard as the catalog keeps it: the same for every run of its notebook.

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
    def name(self) -> str:
        return self.identity.name

    @property
    def owner(self) -> str:
        return self.identity.owner


def shared_controls(layout: Layout, parameters: Mapping[str, Parameters]) -> dict[str, list[str]]:
    """Which parameters have one control on top, each with the places of the panels that it drives.

    Parameters
    ----------
    parameters
        Of each live panel by its place, without those that are fixed there.

    Raises
    ------
    InvalidInput
        When the layout names a parameter that no panel has, or that two panels have with different bounds.
    """
    users: dict[str, list[tuple[str, Any]]] = {}
    for place, known in parameters.items():
        for item in known.items:
            users.setdefault(item.name, []).append((place, replace(item, default=None)))
    if layout.controls is None:
        chosen = [name for name, all_of in users.items() if len(all_of) > 1 and _are_alike(all_of)]
    else:
        chosen = list(dict.fromkeys(layout.controls))
        for name in chosen:
            if name not in users:
                known_names = ", ".join(users) or "none"
                raise InvalidInput(f"No live panel has a parameter {name!r:.60} to control; there are {known_names}.")
            if not _are_alike(users[name]):
                places = " and ".join(place for place, _ in users[name][:2])
                raise InvalidInput(f"{name} is not the same in panels {places}; one control cannot drive both.")
    return {name: [place for place, _ in users[name]] for name in chosen}


def _are_alike(users: list[tuple[str, Any]]) -> bool:
    return all(item == users[0][1] for _, item in users)


def _read_rows(rows: Any) -> tuple[tuple[PanelSpec, ...], ...]:
    if not isinstance(rows, (list, tuple)) or not all(isinstance(row, (list, tuple)) and row for row in rows):
        raise InvalidInput('"rows" must be a list of rows, each a list of panels.')
    if not rows:
        raise InvalidInput("Give the dashboard a row of panels.")
    if len(rows) > MAX_ROWS or sum(map(len, rows)) > MAX_PANELS:
        raise InvalidInput(f"A dashboard has {MAX_ROWS} rows and {MAX_PANELS} panels at most.")
    read = []
    for number, row in enumerate(rows, 1):
        panels = []
        for column, panel in enumerate(row, 1):
            try:
                panels.append(PanelSpec.from_json(panel))
            except InvalidInput as error:
                raise InvalidInput(f"Panel {number}-{column}: {error.message}") from error
        read.append(tuple(panels))
    return tuple(read)


def _read_alt(value: Any) -> str | None:
    return None if value is None else validate_single_line(value, "alternative text", ALT_LENGTH)


def _read_share(value: Any) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not _MIN_SHARE <= value <= _MAX_SHARE:
        raise InvalidInput(f"its share must be a number from {_MIN_SHARE:g} to {_MAX_SHARE:g}.")
    return float(value)


def _read_markdown(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput('"markdown" must be a text.')
    if len(value) > MARKDOWN_LENGTH:
        raise InvalidInput(f"its text has {len(value):,} characters; {MARKDOWN_LENGTH:,} are the most.")
    return value


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100
