"""Names in the queries of addresses: their form, and those that others add and nobody declared. Any process."""

from __future__ import annotations

import unicodedata

RESERVED = ("token", "download", "errors", "no_track_activity")
"""Names with a meaning of their own in addresses, which no parameter of a live figure can have."""
_TRACKERS = frozenset(
    """dclid epik fbclid gbraid gclid gclsrc igsh igshid li_fat_id mkt_tok msclkid rdt_cid sccid srsltid ttclid twclid
    vero_id wbraid wickedid yclid ysclid""".split()
)
"""What social networks, search engines and mailers add, in lower case."""
_TRACKER_PREFIXES = ("_", "utm_", "mc_", "gad_")


def is_tracker(name: str) -> bool:
    """Whether browsers, proxies, mailers and social networks add such a name to addresses."""
    lower = name.lower()
    return lower in _TRACKERS or lower.startswith(_TRACKER_PREFIXES)


def is_ignored(name: str) -> bool:
    """Whether a name that no parameter has is no mistake."""
    return name in RESERVED or is_tracker(name)


def normalize_name(name: str) -> str:
    """Return the name of a parameter in NFKC, as Python reads identifiers."""
    return name if name.isascii() else unicodedata.normalize("NFKC", name)


def read_query_name(name: str) -> str:
    """Return a name in a query as it was meant.

    Parameters
    ----------
    name
        As tornado reads it: its bytes decoded as Latin-1.
    """
    if not name.isascii():
        try:
            name = name.encode("latin-1").decode()
        except UnicodeError:
            return name
    # The & of an address that was copied from HTML source.
    return normalize_name(name.removeprefix("amp;"))
