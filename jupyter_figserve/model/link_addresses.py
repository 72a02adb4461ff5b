"""Addresses of links as they arrive: with what mail, chats and Markdown cut off or added. Any process.

A token has 32 characters and ends in a letter or a digit, so that whatever follows can be told from it. What an address
has lost cannot be restored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

_MAX_LENGTH = 4_000
_PLAIN = re.compile(r"(?P<token>[A-Za-z0-9_-]{32})(?:\.(?P<suffix>[a-z]{2,5})|/(?P<part>embed|events|data))?")
# Line breaks and what wraps lines: white space, soft hyphens, zero-width characters, the = of quoted-printable, and the
# backslashes with which Markdown escapes.
_WRAP = r"[\s\u00ad\u200b-\u200f\u2060\ufeff=\\]*"
_TOKEN = re.compile(rf"[\s<>\"'(\[\u2018-\u201d]*((?:[A-Za-z0-9_-]{_WRAP}){{31}}[A-Za-z0-9_-])(?![A-Za-z0-9])[_-]*")
_REST = re.compile(
    r"(?:\.(?P<suffix>[A-Za-z]{2,5})|/(?P<part>embed|events|data)|/(?P<name>[^/]{1,200}?)\.(?P<named>[A-Za-z]{2,5}))?/*"
    # Not part of the address: punctuation, brackets, quotes, escapes of a mail, a fragment.
    r"(?P<added>[^A-Za-z0-9/.].*|\.+(?![A-Za-z/.]).*)?",
    re.DOTALL,
)
_ENTITY = re.compile(r"&(?!amp;)#?\w+;")
# Editors turn hyphens into these.
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-") | {"\u2014": "--"})


@dataclass(frozen=True)
class LinkAddress:
    """What the address of a link asks for.

    Parameters
    ----------
    suffix
        A format; None for the page.
    name
        The segment before the suffix: a panel of a dashboard, or a name that somebody chose.
    part
        ``embed``, ``events`` or ``data``.
    query
        A query that arrived in the path, because its question mark was escaped or missing.
    """

    token: str
    suffix: str | None = None
    name: str | None = None
    part: str | None = None
    query: str = ""


def parse_link_address(path: str) -> LinkAddress | None:
    """Return what the address of a link asks for, None for an address of no link.

    Parameters
    ----------
    path
        The path after ``/f/``, percent-decoded.
    """
    plain = _PLAIN.fullmatch(path)
    if plain is not None:
        return LinkAddress(plain["token"], plain["suffix"], part=plain["part"])
    if len(path) > _MAX_LENGTH:
        return None
    path, _, query = path.partition("?")
    path = path.translate(_DASHES)
    found = _TOKEN.match(path)
    rest = _REST.fullmatch(path, found.end()) if found else None
    if found is None or rest is None:
        return None
    added = rest["added"] or ""
    if not query and added.startswith("&") and not _ENTITY.match(added):
        query = added[1:]
    address = LinkAddress(re.sub(_WRAP, "", found[1]), part=rest["part"], query=query.partition("#")[0])
    suffix = rest["suffix"] or rest["named"]
    return replace(address, suffix=suffix and suffix.lower(), name=rest["name"])


def find_link_address(url: str) -> LinkAddress | None:
    """Return what the URL of a link, of its image or of its frame asks for; None when it is of no link."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None
    path = unquote(parts.path)
    address = parse_link_address(path.rpartition("/f/")[2]) if "/f/" in path else None
    return replace(address, query=parts.query) if address and parts.query else address
