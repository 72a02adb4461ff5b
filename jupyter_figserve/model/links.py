"""Links as values: how their tokens look, their targets, and when they are open. Any process."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .audiences import LINK, ME
from .texts import validate_single_line

FIGURE, LIVE, DASHBOARD = TARGET_KINDS = ("figure", "live", "dashboard")
KIND_NOUNS = {FIGURE: "figure", LIVE: "live figure", DASHBOARD: "dashboard"}
"""What messages and pages call one of each kind."""
KIND_FOLDERS = {FIGURE: "figures", LIVE: "live", DASHBOARD: "dashboards"}
"""Part of the API's paths that names each kind."""
_PAGE_FOLDERS = KIND_FOLDERS | {LIVE: "live/f"}
MAX_LABEL_LENGTH = 200
DEFAULT_LINK_LIFE = "30d"
VIEW_SECONDS = 600
"""Requests of one client within this time count as one view."""
_LISTS = ("allowed", "users", "groups")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Target:
    """The figure, live figure or dashboard that a link shows.

    Parameters
    ----------
    kind
        One of ``TARGET_KINDS``.
    """

    kind: str
    id: str

    @property
    def noun(self) -> str:
        """What messages and pages call it."""
        return KIND_NOUNS[self.kind]

    @property
    def api_path(self) -> str:
        """Path of its API relative to our prefix."""
        return f"api/{KIND_FOLDERS[self.kind]}/{self.id}"

    @property
    def page_path(self) -> str:
        """Path of its owner's page relative to our prefix."""
        return f"{_PAGE_FOLDERS[self.kind]}/{self.id}"


@dataclass(frozen=True)
class Link:
    """A capability URL. Its token is kept as a sha256 and can be derived again from the signing secret.

    Parameters
    ----------
    nonce
        What its token was derived from, besides the secret and the id; "" for one that cannot be derived.
    created, expires
        Seconds since the epoch; ``expires`` is None for never.
    version
        The one version of a figure that it shows, None for the newest.
    views
        Maximum number of views, None for no limit.
    audience
        One of ``AUDIENCES``; the owner always belongs to it.
    users, groups
        Names of the people and groups of the audience ``"people"``.
    locked
        JSON values of parameters that viewers cannot change.
    allowed
        Names of the parameters that viewers may change.
    data, code
        Of a figure: whether viewers may read what its axes show as data, and the code that made it.
    seen, last_seen
        Number of views so far, and when the last one was (seconds since the epoch).
    """

    id: str
    token_hash: str
    target: Target
    created: float
    expires: float | None = None
    version: int | None = None
    label: str = ""
    views: int | None = None
    paused: bool = False
    audience: str = LINK
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    locked: Mapping[str, Any] = field(default_factory=dict, hash=False)
    allowed: tuple[str, ...] = ()
    data: bool = False
    code: bool = False
    seen: int = 0
    last_seen: float | None = None
    nonce: str = ""

    def is_open(self, now: float) -> bool:
        """Whether the link is neither paused nor expired; only the store knows whether its views are used up."""
        return not self.paused and (self.expires is None or now < self.expires)

    @property
    def is_cacheable(self) -> bool:
        """Whether shared caches may store what the link shows."""
        return self.views is None and self.audience == LINK

    def cache_seconds(self, seconds: int, now: float) -> int:
        """Return ``seconds``, shortened so that no cache outlives the link; 0 for a link that is not cacheable."""
        if not self.is_cacheable:
            return 0
        return seconds if self.expires is None else max(0, min(seconds, int(self.expires - now)))

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values, for ``from_json``."""
        return {
            **self.__dict__,
            "target": self.target.__dict__,
            "locked": dict(self.locked),
            **{name: list(getattr(self, name)) for name in _LISTS},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Link:
        """Read what ``as_json`` wrote, ignoring fields that a newer version of this package added.

        A link without an audience is its owner's alone: a file that lost the field must not open the link.
        """
        known = {one.name: data[one.name] for one in fields(cls) if one.name in data}
        target = Target(data["target"]["kind"], data["target"]["id"])
        lists = {name: _read_list(data.get(name, [])) for name in _LISTS}
        return cls(**{"audience": ME} | known | {"target": target} | lists)


def _read_list(value: object) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.80} is not a list")
    return tuple(value)


def is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def new_link_id() -> str:
    return "lnk" + random_id(12)


def hash_secret(secret: str) -> str:
    """Return the sha256 in hexadecimal. Secrets have at least 192 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_label(value: object) -> str:
    return validate_single_line(value, "label", MAX_LABEL_LENGTH)


def random_id(length: int) -> str:
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(length))
