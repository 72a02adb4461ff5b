"""What strangers may read of an exception's words: no directory, no address, no secret, no more than a line. Server.

Words of exceptions are meant for whoever wrote the code. They name files below home directories, addresses with
passwords, keys. What looks like any of these is shortened; where it is not sure, it is shortened too.
"""

from __future__ import annotations

import re

LONGEST = 300
"""Characters."""
_READ = 2_000
"""Of a longer text, the rest is not even looked at."""
_HIDDEN = "…"
_URL = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{1,20}:)//\S*")
_NAMED = re.compile(
    r"(?i)((?:api[-_ ]?key|access[-_ ]?key|token|secret|passw(?:or)?d|pwd|authorization|bearer|signature|sig|cookie)"
    r"[\"']?(?:\s*[:=]\s*|\s+(?:is\s+)?))(?:bearer\s+)?(?:\"[^\"]*\"|'[^']*'|[^\s,;)&]+)"
)
_START = r"(?:~[^\s\\/'\"]*[\\/]|\.{1,2}[\\/]|[A-Za-z]:[\\/]|\\\\|/)"
_QUOTED = re.compile(rf"(?P<quote>['\"`])(?P<path>{_START}[^'\"`]*)(?P=quote)")
_BARE = re.compile(rf"(?<![\w.~…\\/'\"`])(?P<path>{_START}[^\s'\"`,;()<>]+(?: [^\s'\"`]*[\\/][^\s'\"`,;()<>]*)*)")
_HOME = re.compile(r"(?i)(?:/home|/users|/root|/var/root|[a-z]:[\\/]+users|~[^\\/]*)(?:[\\/]+[^\\/]*)?[\\/]*")
_RANDOM = re.compile(r"(?=[\w+=-]*\d)(?=[\w+=-]*[A-Za-z])[\w+=-]{20,}|[\w+=-]{30,}")
"""Keys, tokens and digests are long, nearly always of letters and digits."""


def redact_message(words: str) -> str:
    """An exception's words as anybody may read them, in one line."""
    text = " ".join(words[:_READ].split())
    text = _URL.sub(rf"\1{_HIDDEN}", text)
    text = _NAMED.sub(rf"\1{_HIDDEN}", text)
    text = _QUOTED.sub(lambda match: f"{match['quote']}{_name(match['path'])}{match['quote']}", text)
    text = _BARE.sub(lambda match: _name(match["path"]), text)
    text = _RANDOM.sub(_HIDDEN, text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + _HIDDEN


def _name(path: str) -> str:
    """``…/`` and the last part of a path; of a home directory itself that would be somebody's name."""
    if _HOME.fullmatch(path) and not re.fullmatch(r"~[\\/]+[^\\/]+|/root[\\/]+[^\\/]+", path):
        return _HIDDEN
    last = re.split(r"[\\/]+", path.rstrip("\\/"))[-1]
    return f"{_HIDDEN}/{last}" if last.strip(".~") else _HIDDEN
