"""API keys, their scopes, and their text form ``fsk_<id>_<secret>``. Any process."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from ..errors import InvalidInput
from .links import hash_secret, random_id


class Scope(StrEnum):
    """A right that a key can have."""

    READ = "read"
    PUBLISH = "publish"
    RENDER = "render"
    ADMIN = "admin"


SCOPES = tuple(Scope)
READ, PUBLISH, RENDER, ADMIN = ((scope,) for scope in Scope)
"""Requirements of a request: its caller needs one of the scopes."""
READ_OR_PUBLISH = (Scope.READ, Scope.PUBLISH)
KERNEL_SCOPES = frozenset({Scope.READ, Scope.PUBLISH, Scope.RENDER})
_KEY = re.compile(r"fsk_([a-z0-9]{8})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class Key:
    """A credential of a program; only the sha256 of its secret is stored.

    Parameters
    ----------
    created, expires, last_used
        Seconds since the epoch; ``expires`` is None for never.
    kernel
        Id of the kernel that it was made for, None for a key of a person.
    maker
        Name of the person who made it; "" where the server did.
    """

    id: str
    secret_hash: str
    owner: str
    scopes: frozenset[str]
    created: float
    expires: float | None = None
    label: str = ""
    kernel: str | None = None
    last_used: float | None = None
    maker: str = ""

    def is_good(self, secret: str, now: float) -> bool:
        """Whether ``secret`` is right and the key has not expired; compares in constant time."""
        same = hmac.compare_digest(hash_secret(secret), self.secret_hash)
        return same and (self.expires is None or now < self.expires)


def new_key() -> tuple[str, str, str]:
    """Return id, secret and text ``fsk_<id>_<secret>`` of a new key."""
    key_id, secret = random_id(8), secrets.token_urlsafe(32)
    return key_id, secret, f"fsk_{key_id}_{secret}"


def split_key(text: str) -> tuple[str, str] | None:
    """Return id and secret of the text of a key, None if it is malformed."""
    match = _KEY.fullmatch(text)
    return (match[1], match[2]) if match else None


def check_scopes(value: object) -> frozenset[str]:
    """Validate the scopes in a request for a key.

    Raises
    ------
    InvalidInput
        There is no scope, or an unknown one.
    """
    if not isinstance(value, (list, tuple)) or not value:
        raise InvalidInput(f"scopes must be a list of at least one of {', '.join(SCOPES)}.")
    unknown = [scope for scope in value if scope not in SCOPES]
    if unknown:
        raise InvalidInput(f"Unknown scope {unknown[0]!r:.40}; the scopes are {', '.join(SCOPES)}.")
    return frozenset(value)
