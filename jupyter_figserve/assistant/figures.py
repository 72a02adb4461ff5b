"""Finds the figure that an assistant names. Any process."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from ..errors import InvalidInput, NotFound
from .api import Api

_ID = re.compile(r"[A-Za-z0-9]{16}")
_PATH = re.compile(r"/figures/([A-Za-z0-9]{16})(?:\.[a-z]{2,5})?/?$")
_MAX_MATCHES = 20


async def find_figure_id(api: Api, text: str) -> str:
    """Return the id of the figure that an id, a page's URL or a name identifies.

    Raises
    ------
    NotFound
        There is no figure of that name.
    InvalidInput
        Several figures have it.
    """
    if match := _PATH.search(urlsplit(text).path if "://" in text else ""):
        return match[1]
    if _ID.fullmatch(text):
        return text
    found = (await api.get("api/figures", name=text, limit=_MAX_MATCHES))["figures"]
    if not found:
        raise NotFound(f"There is no figure {text!r:.120}. List the figures to see their names.")
    if len(found) > 1:
        places = "; ".join(f"{one['id']} ({_place(one)})" for one in found)
        raise InvalidInput(f"{len(found)} figures are named {text!r:.120}. Use the id of one of them: {places}.")
    return str(found[0]["id"])


def summarize(record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a figure's record that an assistant needs."""
    names = ("id", "name", "title", "alt", "notebook", "collection", "version", "updated", "url", "formats")
    return {name: record[name] for name in names if record.get(name) not in (None, "")}


def _place(record: dict[str, Any]) -> str:
    if record.get("collection"):
        return f"collection {record['collection']}"
    return str(record.get("notebook") or "without a notebook")
