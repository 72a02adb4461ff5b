"""Keys that the environment presets, for a render service in a container. Server process."""

from __future__ import annotations

import hmac

from ....errors import InvalidInput
from ....model.environment_variables import API_KEY_VARIABLE
from ....model.keys import Key, Scope
from ....model.links import hash_secret

MIN_LENGTH = 16
_MIN_DISTINCT = 8
_ADVICE = 'Generate one: python -c "import secrets; print(secrets.token_urlsafe(32))"'


def parse_preset_keys(text: str, owner: str, now: float) -> tuple[Key, ...]:
    """Return the keys of a comma-separated list, with the scope ``render``; they never expire and are not stored.

    Raises
    ------
    InvalidInput
        A key is short or easy to guess; the message says which one by its position, never its text.
    """
    texts = [part.strip() for part in text.split(",")]
    given = [part for part in texts if part]
    for number, part in enumerate(given, 1):
        _check_strength(part, f"Key {number} of {API_KEY_VARIABLE}" if len(given) > 1 else API_KEY_VARIABLE)
    return tuple(
        Key(f"preset{number}", hash_secret(part), owner, frozenset({Scope.RENDER}), now, label=API_KEY_VARIABLE)
        for number, part in enumerate(given, 1)
    )


def find_preset_key(keys: tuple[Key, ...], text: str) -> Key | None:
    """Return the key with this text; compares with each, in constant time."""
    digest = hash_secret(text)
    matches = [key for key in keys if hmac.compare_digest(digest, key.secret_hash)]
    return matches[0] if matches else None


def _check_strength(text: str, name: str) -> None:
    if len(text) < MIN_LENGTH:
        raise InvalidInput(f"{name} is too short: a key needs at least {MIN_LENGTH} characters. {_ADVICE}")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise InvalidInput(f"{name} has characters that an HTTP header cannot hold; use ASCII, no spaces. {_ADVICE}")
    if len(set(text)) < _MIN_DISTINCT or text in (text + text)[1:-1]:
        raise InvalidInput(f"{name} is easy to guess, as it repeats itself. {_ADVICE}")
