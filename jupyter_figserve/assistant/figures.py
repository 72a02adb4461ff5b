"""Finds the figure that an assistant names. Any process."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidInput, NotFound
from ..model.figures import find_id, is_id
from .api import Api

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
    figure = find_id(text) if "://" in text else None
    if figure is not None or is_id(text):
        return figure or text
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
