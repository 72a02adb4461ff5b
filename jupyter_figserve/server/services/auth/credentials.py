"""Authentication: turns keys and logins into principals and limits wrong secrets. Server process."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from tornado.httputil import HTTPHeaders

from ....errors import Unauthorized
from ....model.keys import Key, split_key
from ....store.store import Store
from .logins import Logins
from .owner_guard import OwnerGuard
from .preset_keys import find_preset_key
from .principal import Principal
from .rate_limits import FailedAttempts

_RECORD_SECONDS = 60
BAD_KEY = "Invalid, expired or revoked API key. Create one with `jupyter figserve keys create`."
NO_KEY = "Log in, or send a key in the X-API-Key header."


class Authenticator:
    """Turns credentials into principals.

    Parameters
    ----------
    guard
        Checks that owners are still the same people.
    preset_keys
        Valid without being stored.
    """

    def __init__(
        self,
        store: Store,
        logins: Logins,
        failed_attempts: FailedAttempts,
        guard: OwnerGuard,
        preset_keys: tuple[Key, ...] = (),
    ) -> None:
        self._store = store
        self._preset_keys = preset_keys
        self.logins = logins
        self._failed_attempts = failed_attempts
        self.guard = guard
        self._last_recorded: dict[str, float] = {}

    async def login(self, user: Any, *, by_token: bool = False) -> Principal:
        """Return the principal of a user whom Jupyter has authenticated.

        Raises
        ------
        Forbidden
            When the person may not do anything here, or has the name of an earlier person.
        """
        principal = self.logins.identify(user, by_token=by_token)
        if not principal.is_guest:
            await self.guard.check_login(principal.owner, principal.login)
        return principal

    def find_key(self, headers: HTTPHeaders) -> str | None:
        """Return the key in a request's headers as the function does, and a preset one also as ``Bearer``."""
        value = _bearer(headers)
        is_preset = value is not None and find_preset_key(self._preset_keys, value) is not None
        return value if is_preset else find_key(headers)

    async def key(self, text: str, address: str) -> Principal:
        """Return the principal of a key.

        Raises
        ------
        Unauthorized
            With the same message for unknown, revoked, expired and malformed keys.
        TooManyRequests
            After too many of those from one IP address.
        """
        preset = find_preset_key(self._preset_keys, text)
        if preset is not None:
            return Principal(preset.owner, preset.scopes, preset)
        key = await self._find_valid(text)
        if key is None:
            self._failed_attempts.count(address)
            raise Unauthorized(BAD_KEY, code="bad_key")
        await self.guard.check_key(key.owner)
        self._record_use(key)
        return Principal(key.owner, key.scopes, key)

    async def is_still_valid(self, principal: Principal) -> bool:
        """Whether the key of an authenticated principal has neither been revoked nor expired since."""
        if principal.key is None or principal.key in self._preset_keys:
            return True
        key = await self._store.keys.find(principal.key.id)
        now = self._store.clock()
        return key is not None and (key.expires is None or now < key.expires)

    async def _find_valid(self, text: str) -> Key | None:
        parts = split_key(text)
        if parts is None:
            return None
        key = await self._store.keys.find(parts[0])
        if key is None:
            # As much work as for a known id, so that the response time reveals nothing.
            hmac.compare_digest(hashlib.sha256(parts[1].encode()).hexdigest(), "0" * 64)
            return None
        return key if key.is_good(parts[1], self._store.clock()) else None

    def _record_use(self, key: Key) -> None:
        now = self._store.clock()
        if (
            key.kernel is None
            and self._store.read_only_because is None
            and now - self._last_recorded.get(key.id, 0) > _RECORD_SECONDS
        ):
            self._last_recorded[key.id] = now
            self._store.keys.record_use(key.id, now)


def find_key(headers: HTTPHeaders) -> str | None:
    """Return the key in a request's headers as text, valid or not; None without one.

    Other kinds of ``Authorization``, such as Jupyter's token, are left to Jupyter.
    """
    given = headers.get("X-API-Key")
    if given is not None:
        return given.strip()
    value = _bearer(headers)
    return value if value is not None and (value.startswith("fsk_") or not value) else None


def _bearer(headers: HTTPHeaders) -> str | None:
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None
