"""Redacts addresses of requests: keys, tokens, and arguments named like a secret. Server process.

People paste secrets into the wrong places: a link's token into the search field, a key into a path, an address into the
query of another, percent-encoded again by each program that it went through.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

SECRET = "[secret]"  # noqa: S105 - a placeholder
_LINK = re.compile(r"(?i)((?:/|%2f)f(?:/|%2f))[A-Za-z0-9_-]{16,}")
_KEY = re.compile(r"(?i)fsk_")
_SECRET_NAME = re.compile(r"(?i)token|secret|passw|pwd|auth|key|sig|xsrf|code|state")
_LONG_WORD = re.compile(r"[A-Za-z0-9_-]{24,}")
_RUN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
"""Of a name such as ``SalesByRegion2024`` each of its words; of a random word two characters on average."""
_LOGIN_TOKEN = re.compile(r"[0-9a-f]{32}|[0-9a-f]{48}")
"""Tokens of a JupyterHub and of a Jupyter server."""
_MAX_DECODINGS = 8


def redact_uri(uri: str) -> str:
    """Return a request's address without possible secrets, for the log."""
    path, mark, query = _LINK.sub(rf"\1{SECRET}", uri).partition("?")
    path = "/".join([SECRET if _has_secret(part) else part for part in path.split("/")])
    return path + mark + _redact_arguments(query, _has_secret)


def redact_credentials(query: str) -> str:
    """Return a query without keys and the values of arguments that are named like a secret.

    It stays an address that works, so that a long word, which a figure's parameter may be, remains.
    """
    return _redact_arguments(query, _has_key)


def _redact_arguments(query: str, has_secret: Callable[[str], bool]) -> str:
    return "&".join([_redact_argument(argument, has_secret) for argument in query.split("&")])


def _redact_argument(argument: str, has_secret: Callable[[str], bool]) -> str:
    name, mark, value = argument.partition("=")
    if has_secret(name):
        return SECRET
    is_secret = bool(mark) and (_SECRET_NAME.search(_decode(name)) or has_secret(value))
    return f"{name}={SECRET}" if is_secret else argument


def _has_key(text: str) -> bool:
    return _KEY.search(_decode(text)) is not None


def _has_secret(text: str) -> bool:
    """Whether text has a key, the address of a link, or a word that may be a token."""
    text = _decode(text)
    return bool(_KEY.search(text) or _LINK.search(text)) or any(map(_is_random, _LONG_WORD.findall(text)))


def _is_random(word: str) -> bool:
    """Whether a long word looks like a token rather than a name; of random ones, it misses one in 100,000."""
    if _LOGIN_TOKEN.fullmatch(word):
        return True
    has_both_cases = word != word.lower() and word != word.upper()
    return has_both_cases and 5 * len(_RUN.findall(word)) > len(word)


def _decode(text: str) -> str:
    """Return text after all of its percent-encodings."""
    for _ in range(_MAX_DECODINGS):
        if "%" not in text:
            break
        decoded = unquote(text)
        if decoded == text:
            break
        text = decoded
    return text
