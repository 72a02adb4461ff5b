"""Who asks, and what they may: keys, logins, and the rate of wrong secrets. Server process."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from tornado.httputil import HTTPHeaders

from ....errors import Forbidden, Unauthorized
from ....model.keys import SCOPES, Key, Scope, split_key
from ....store.store import Store
from .rate_limits import RateLimiter

_NOTE_SECONDS = 60
BAD_KEY = "That key is not good: unknown, revoked or expired. Make one with POST api/keys."
NO_KEY = "Log in, or send a key in the X-API-Key header."


@dataclass(frozen=True)
class Principal:
    """Who asks: the owner whose things they are, what they may do, and which key or kernel speaks for them."""

    owner: str
    scopes: frozenset[str]
    key: Key | None = None

    @property
    def kernel(self) -> str | None:
        return self.key.kernel if self.key else None

    @property
    def is_login(self) -> bool:
        return self.key is None

    def may_see(self, owner: str) -> bool:
        return owner == self.owner or Scope.ADMIN in self.scopes

    def check(self, allowed: Iterable[str]) -> None:
        """See that one of the scopes ``allowed`` is there.

        Raises
        ------
        Forbidden
            Naming what is missing.
        """
        wanted = tuple(allowed)
        if not self.scopes.intersection(wanted):
            raise Forbidden(f"This key has no scope {' or '.join(wanted)}; make one that has.", code="scope_missing")


class FailedAttempts(RateLimiter):
    """Counts wrong secrets by address, so that guessing is slow; a right one is never refused."""

    def __init__(self, rate: str) -> None:
        super().__init__(rate, "Too many wrong keys or links from this address", "too_many_wrong_secrets")


class Authenticator:
    """Turns credentials into callers."""

    def __init__(self, store: Store, owner: str, guesses: FailedAttempts) -> None:
        self._store = store
        self._login = Principal(owner, frozenset(SCOPES))
        self._guesses = guesses
        self._noted: dict[str, float] = {}

    def login(self) -> Principal:
        """Somebody whom Jupyter itself knows: this server's owner, who may do everything."""
        return self._login

    async def key(self, text: str, address: str) -> Principal:
        """The bearer of a key.

        Raises
        ------
        Unauthorized
            With the same words for unknown, revoked, expired and malformed.
        TooManyRequests
            After too many of those from one address.
        """
        key = await self._find_good(text)
        if key is None:
            self._guesses.note(address)
            raise Unauthorized(BAD_KEY, code="bad_key")
        self._note_use(key)
        return Principal(key.owner, key.scopes, key)

    async def still_good(self, caller: Principal) -> bool:
        """Whether a caller who came in some time ago would be let in now."""
        if caller.key is None:
            return True
        key = await self._store.keys.find(caller.key.id)
        now = self._store.clock()
        return key is not None and (key.expires is None or now < key.expires)

    async def _find_good(self, text: str) -> Key | None:
        parts = split_key(text)
        if parts is None:
            return None
        key = await self._store.keys.find(parts[0])
        if key is None:
            # The same work as for a known id, so that time tells nothing.
            hmac.compare_digest(hashlib.sha256(parts[1].encode()).hexdigest(), "0" * 64)
            return None
        return key if key.is_good(parts[1], self._store.clock()) else None

    def _note_use(self, key: Key) -> None:
        now = self._store.clock()
        if (
            key.kernel is None
            and self._store.read_only_because is None
            and now - self._noted.get(key.id, 0) > _NOTE_SECONDS
        ):
            self._noted[key.id] = now
            self._store.keys.record_use(key.id, now)


def find_key(headers: HTTPHeaders) -> str | None:
    """The key that a request presents, good or not; None when it presents none.

    An ``Authorization`` that is not ours (Jupyter's token) is Jupyter's to judge.
    """
    given = headers.get("X-API-Key")
    if given is not None:
        return given.strip()
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and (value.startswith("fsk_") or not value):
        return value
    return None
