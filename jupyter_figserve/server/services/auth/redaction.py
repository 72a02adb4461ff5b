"""Redacts exception messages for public links: directories, URLs, secrets and line breaks. Server process.

Exception messages address the author of the code. They name files in home directories, URLs with passwords, and keys.
Everything that may be one of these is shortened.
"""

from __future__ import annotations

import re

MAX_LENGTH = 300
"""Maximum length of a redacted message, in characters."""
_MAX_INPUT_LENGTH = 2_000
"""Maximum length of a message to redact, in characters; the rest is dropped."""
_HIDDEN = "…"
_URL = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{1,20}:)//\S*")
_CREDENTIALS = re.compile(r"[^\s'\"`<>()\[\]@:/\\=,;]+:[^\s'\"`<>]*@[^\s'\"`<>(),;]+")
"""``user:password@host`` and what follows, of any scheme or none."""
_QUOTED_VALUE = r"(?P<q>[\"'])(?:(?!(?P=q)(?!\w)).)*(?:(?P=q)|$)"
"""From a quote to the next that is no apostrophe, or to the end of a message that was cut."""
_NAMED = re.compile(
    r"(?i)((?:api[-_ ]?key|access[-_ ]?key|token|secret|passw(?:or)?d|pwd|authorization|bearer|signature|sig|cookie)"
    rf"[\"']?(?:\s*[:=]\s*|\s+(?:is\s+)?))(?:(?:bearer|basic|digest|token)\s+)?(?:{_QUOTED_VALUE}|[^\s,;)&]+)"
)
_FILE_TYPES = (
    "c|cfg|cpp|css|csv|gz|h|html|ini|ipynb|jl|js|json|log|md|npy|npz|parquet|pdf|png|py|r|rs|sql|svg|toml|ts|tsv|txt"
)
_HOST = re.compile(
    r"(?i)[\w.+-]+@[\w-]+(?:\.[\w-]+)*"
    r"|(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5})?(?![\w.]*\w)"
    r"|(?<![\w:.])\[?(?=[0-9a-f:]*::|(?:[0-9a-f]{1,4}:){7})(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w+)?\]?(?::[0-9]{1,5})?"
    rf"|(?<![\w.-])(?:[\w-]+\.)+(?!(?:{_FILE_TYPES}|x[ml]\w+|ya?ml):)[a-z][a-z0-9-]*:[0-9]{{2,5}}\b"
    r"|(?<![\w.-])(?:[\w-]+\.)+(?:internal|intranet|corp|lan|local|localdomain|home\.arpa)\b"
)
"""Addresses of people and machines: ``ann@host``, IP addresses, ``host.example:5432``, names of private networks."""
_START = r"(?:~[^\s\\/'\"]*[\\/]|\.{1,2}[\\/]|[A-Za-z]:[\\/]|\\\\|/)"
_DIRECTORY = r"[^'\"`\\/<>|:*?\s](?:[^\"`\\/<>|:*?]{0,80}[^\"`\\/<>|:*?\s])?[\\/]+(?=\S)"
_QUOTED = re.compile(
    rf"(?P<quote>['\"`])(?P<path>(?:{_START}|{_DIRECTORY})(?:(?!(?P=quote)(?!\w)).)*)(?P<end>(?P=quote)|$)"
)
_BARE = re.compile(rf"(?<![\w.~…\\/'\"`])(?P<path>{_START}[^\s'\"`,;()<>]+(?: [^\s'\"`]*[\\/][^\s'\"`,;()<>]*)*)")
_RELATIVE = re.compile(r"(?<![\w.~…\\/'\"`@+-])(?P<path>(?:[\w.@+-]+[\\/]+)+[\w.@+-]*)")
_HOME = re.compile(r"(?i)(?:/home|/users|/root|/var/root|[a-z]:[\\/]+users|~[^\\/]*)(?:[\\/]+[^\\/]*)?[\\/]*")
_RANDOM = re.compile(r"(?=[\w+=-]*\d)(?=[\w+=-]*[A-Za-z])[\w+=-]{20,}|[\w+=-]{30,}")
"""Keys, tokens and digests: long words of letters and digits."""


def redact_message(message: str) -> str:
    """Return an exception's message without paths, URLs and secrets, in one line."""
    text = " ".join(message[:_MAX_INPUT_LENGTH].split())
    # First, because a password may contain "://"; what begins as a URL is left to the next line.
    text = _CREDENTIALS.sub(lambda match: match[0] if _URL.match(match[0]) else _HIDDEN, text)
    text = _URL.sub(rf"\1{_HIDDEN}", text)
    text = _NAMED.sub(rf"\1{_HIDDEN}", text)
    text = _HOST.sub(_HIDDEN, text)
    text = _QUOTED.sub(lambda match: f"{match['quote']}{_name(match['path'])}{match['end']}", text)
    text = _BARE.sub(lambda match: _name(match["path"]), text)
    text = _RELATIVE.sub(lambda match: _name(match["path"]) if _is_path(match["path"]) else match["path"], text)
    text = _RANDOM.sub(_HIDDEN, text)
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + _HIDDEN


def _is_path(text: str) -> bool:
    """Whether words with slashes are a path, and neither a unit, a fraction, a date nor two alternatives."""
    *directories, last = re.split(r"[\\/]+", text)
    if len(directories) == 1:
        return not last or re.search(r"\w\.[A-Za-z]\w*$", last) is not None
    return any(len(part) > 2 and not part.isdigit() for part in (*directories, last))


def _name(path: str) -> str:
    """Return ``…/`` and the last part of a path; only ``…`` for a home directory, whose last part is a user's name."""
    if _HOME.fullmatch(path) and not re.fullmatch(r"~[\\/]+[^\\/]+|/root[\\/]+[^\\/]+", path):
        return _HIDDEN
    last = re.split(r"[\\/]+", path.rstrip("\\/"))[-1]
    return f"{_HIDDEN}/{last}" if last.strip(".~") else _HIDDEN
