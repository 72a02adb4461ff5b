"""The targets of new links: the options of each kind, and its snippets. Server process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ....errors import InvalidInput
from ....model.figures import FigureRecord
from ....model.links import Link
from ....model.parameters import Parameters
from ....model.query_names import normalize_name
from ....model.snippets import Snippets, image_url
from ...services.dashboards.resolver import ResolvedDashboard
from ...services.links.audience import AUDIENCE_FIELDS
from ...services.live.registry import LiveTarget

MAX_COUNT = 1_000_000
SHOWN_FIELDS = ("data", "code")
COMMON_FIELDS = ("expires", "label", "views", *AUDIENCE_FIELDS, "lock", "allow", *SHOWN_FIELDS)


class LinkTarget(ABC):
    """A figure, live figure or dashboard that its owner shares."""

    fields: ClassVar[tuple[str, ...]]
    """Fields of a request for a link."""

    @abstractmethod
    def parse_options(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of the link that only this kind has.

        Raises
        ------
        InvalidInput
            When one is wrong; the message names the field or the parameter.
        """

    @abstractmethod
    def parse_changes(self, body: Mapping[str, Any], link: Link) -> dict[str, Any]:
        """Return those of these fields that a request changes, except the version, as ``parse_options``."""

    @abstractmethod
    def make_snippets(self, url: str) -> Snippets:
        """Return the snippets that embed the link with this URL."""


@dataclass(frozen=True)
class FigureTarget(LinkTarget):
    """A figure, whose links may be limited to a version and to a number of views."""

    record: FigureRecord
    fields = (*COMMON_FIELDS, "version")

    def parse_options(self, body: Mapping[str, Any]) -> dict[str, Any]:
        for name in ("lock", "allow"):
            if body.get(name):
                raise InvalidInput(f"{name} is for live figures; this figure has no parameters.")
        counts = {name: _parse_count(body.get(name), name) for name in ("version", "views")}
        return {**counts, **{name: _parse_switch(body.get(name), name) for name in SHOWN_FIELDS}}

    def parse_changes(self, body: Mapping[str, Any], link: Link) -> dict[str, Any]:
        options = self.parse_options(body)
        return {name: options[name] for name in ("views", *SHOWN_FIELDS) if name in body}

    def make_snippets(self, url: str) -> Snippets:
        main, record = self.record.version.representations[0], self.record
        image = image_url(url, main.format.name)
        return Snippets(url, image, record.heading, record.alt, main.css_width, main.css_height)


class ParameterTarget(LinkTarget):
    """A target whose links lock some parameters and let viewers change others."""

    fields = COMMON_FIELDS
    without_data: ClassVar[str]
    """Why its links show no data and no code."""

    @abstractmethod
    def check_parameters(self, lock: dict[str, Any], allow: list[str]) -> dict[str, Any]:
        """Return the locked values, converted to their types, or raise ``InvalidInput``."""

    def parse_options(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self._refuse_shown(body)
        lock, allow = body.get("lock") or {}, body.get("allow") or []
        if not isinstance(lock, dict) or not isinstance(allow, list) or not all(isinstance(one, str) for one in allow):
            raise InvalidInput("lock must be an object of values by name, and allow a list of names.")
        lock = {normalize_name(name): value for name, value in lock.items()}
        allow = [normalize_name(name) for name in allow]
        views, locked = _parse_count(body.get("views"), "views"), self.check_parameters(lock, allow)
        if both := [name for name in allow if name in locked]:
            raise InvalidInput(f"{both[0]} cannot be both locked and allowed.")
        return {"views": views, "locked": locked, "allowed": tuple(dict.fromkeys(allow))}

    def parse_changes(self, body: Mapping[str, Any], link: Link) -> dict[str, Any]:
        self._refuse_shown(body)
        kept = {"lock": dict(link.locked), "allow": list(link.allowed), "views": link.views}
        if not any(name in body for name in kept):
            return {}
        if "lock" not in body and "allow" not in body:
            # The live figure may have lost a parameter since, which does not matter here.
            return {"views": _parse_count(body["views"], "views")}
        return self.parse_options({**kept, **body})

    def _refuse_shown(self, body: Mapping[str, Any]) -> None:
        for name in SHOWN_FIELDS:
            if _parse_switch(body.get(name), name):
                raise InvalidInput(f"{name} is for links to figures. {self.without_data}")


@dataclass(frozen=True)
class LiveFigureTarget(ParameterTarget):
    """A live figure."""

    live: LiveTarget
    without_data = (
        "A live figure is drawn for each request; one that returns a table is served as .csv and .json. freeze() and"
        " publish() make figures."
    )

    def check_parameters(self, lock: dict[str, Any], allow: list[str]) -> dict[str, Any]:
        parameters = self.live.declaration.parameters
        locked = parameters.check(lock)
        for name in allow:
            if parameters.find(name) is None:
                known = ", ".join(parameters.names)
                raise InvalidInput(f"Unknown parameter {name!r:.60} in allow. The parameters are {known}.")
        for item in parameters.items:
            if item.is_required and item.name not in locked and item.name not in allow:
                raise InvalidInput(f"{item.name} has no default. Lock a value, or allow viewers to change it.")
        return locked

    def make_snippets(self, url: str) -> Snippets:
        declaration = self.live.declaration
        alt = declaration.description or declaration.heading
        return Snippets(url, image_url(url, "png"), declaration.heading, alt)


@dataclass(frozen=True)
class DashboardTarget(ParameterTarget):
    """A dashboard; parameters are those of its live panels."""

    dashboard: ResolvedDashboard
    without_data = "A link to a dashboard shows its figures as images; make a link to the figure itself."

    def check_parameters(self, lock: dict[str, Any], allow: list[str]) -> dict[str, Any]:
        by_panel = {panel.name: panel.parameters for panel in self.dashboard.panels if panel.target is not None}
        known = list(dict.fromkeys(name for parameters in by_panel.values() for name in parameters.names))
        for name in (*lock, *allow):
            if name not in known:
                raise InvalidInput(
                    f"No live panel has a parameter {name!r:.60}. The parameters are {', '.join(known) or 'none'}."
                )
        locked: dict[str, Any] = {}
        for panel, parameters in by_panel.items():
            locked.update(_check_panel(panel, parameters, lock))
            for item in parameters.items:
                if item.is_required and item.name not in lock and item.name not in allow:
                    raise InvalidInput(
                        f"{item.name} of panel {panel} has no default. Lock a value, or allow viewers to change it."
                    )
        return locked

    def make_snippets(self, url: str) -> Snippets:
        title = self.dashboard.record.layout.title
        return Snippets(url, image_url(url, "png"), title, title)


def _check_panel(panel: str, parameters: Parameters, lock: dict[str, Any]) -> dict[str, Any]:
    try:
        return parameters.check({name: value for name, value in lock.items() if name in parameters.names})
    except InvalidInput as error:
        raise InvalidInput(f"Panel {panel}: {error.message}", code=error.code) from error


def _parse_count(value: object, name: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_COUNT:
        raise InvalidInput(f"{name} must be a whole number from 1 to {MAX_COUNT:,}.")
    return value


def _parse_switch(value: object, name: str) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise InvalidInput(f"{name} must be true or false.")
    return value
