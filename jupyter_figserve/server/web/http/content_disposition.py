"""The name under which a browser or ``curl -OJ`` saves a response. Server process.

Source: RFC 6266, and RFC 8187 for ``filename*``.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

# Some browsers decode percent-encoding here, and none needs these in a name.
_UNSAFE = re.compile(r"[^A-Za-z0-9 ._()+,=@~^!#$&'-]")
_SPELLED = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
)


def content_disposition(filename: str, *, is_download: bool = False) -> str:
    """Return the header for a file of this name, with a fallback in ASCII for programs that know no other.

    Parameters
    ----------
    is_download
        Whether a browser should save the file rather than show it.
    """
    kind = "attachment" if is_download else "inline"
    return f"{kind}; filename=\"{_to_ascii(filename)}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _to_ascii(filename: str) -> str:
    """Return a similar file name in ASCII: without accents, and with ``_`` for what has no such spelling."""
    stem, dot, suffix = filename.rpartition(".")
    if not dot:
        stem, suffix = filename, ""
    plain = unicodedata.normalize("NFKD", stem.translate(_SPELLED))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = re.sub(r"_{2,}", "_", _UNSAFE.sub("_", plain))
    # Of a name in another script nothing would be left.
    return (plain if plain.strip("_ .-") else "figure") + dot + suffix
