"""Links and keys as values: made, hashed, verified, expired. Any process; the only place that compares secrets."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .figures import validate_single_line

LABEL_LENGTH = 200
DEFAULT_LINK_LIFE = "30d"
VIEW_SECONDS = 600
"""Requests of one client within this time count as one view."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_LINK_URL = re.compile(r"(?:^|/)f/([A-Za-z0-9_-]{32})(?![A-Za-z0-9_-])")
_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Link:
    """A capability URL onto a figure; the token itself is nowhere, only its sha256.

    Parameters
    ----------
    version
        The one version it shows, None for whatever is newest.
    expires
        Seconds since the epoch, None for never.
    views
        How often it may be seen by a client, None for without limit.
    seen, last_seen
        How often it was, and when last (seconds since the epoch).
    """

    id: str
    token_hash: str
    figure: str
    created: float
    expires: float | None = None
    version: int | None = None
    label: str = ""
    views: int | None = None
    paused: bool = False
    audience: str = "link"
    seen: int = 0
    last_seen: float | None = None

    def is_open(self, now: float) -> bool:
        """Neither paused nor past its end; a used-up view limit is the store's to know."""
        return not self.paused and (self.expires is None or now < self.expires)

    @property
    def is_cacheable(self) -> bool:
        """Whether caches between us and the viewer may keep what it shows."""
        return self.views is None and self.audience == "link"


@dataclass(frozen=True, kw_only=True)
class ParameterLink:
    """A capability URL onto something with parameters; the token itself is nowhere, only its sha256.

    Parameters
    ----------
    locked
        JSON values that it always shows.
    allowed
        Names of the parameters that its viewers may move.
    """

    id: str
    token_hash: str
    created: float
    expires: float | None = None
    label: str = ""
    paused: bool = False
    locked: Mapping[str, Any] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    seen: int = 0
    last_seen: float | None = None

    views = None
    """There is no limit of views, which would count every move of a control."""

    def is_open(self, now: float) -> bool:
        return not self.paused and (self.expires is None or now < self.expires)


def new_token() -> str:
    """A link's secret: 192 random bits in 32 URL-safe characters."""
    return secrets.token_urlsafe(24)


def is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def find_token(url: str) -> str | None:
    """The token in a link's URL, or in that of its picture or frame; None when there is none."""
    match = _LINK_URL.search(url)
    return match[1] if match else None


def new_link_id() -> str:
    return "lnk" + _random_id(12)


def hash_secret(secret: str) -> str:
    """sha256 in hexadecimal: secrets have 192 bits and more, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_label(value: object) -> str:
    return validate_single_line(value, "label", LABEL_LENGTH)


def _random_id(length: int) -> str:
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(length))
