"""A figure as people name it: by its id, its name, or an address that shows it. Any process."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from ..kernel.client.client import FigServeClient

_ID = re.compile(r"[A-Za-z0-9]{16}")
_PATH = re.compile(r"/figures/([A-Za-z0-9]{16})(?:\.[a-z]{2,5})?$")
_MOST = 20
FIGURE = "id or name of a figure, or the address of its page"


def find_figure(client: FigServeClient, text: str) -> dict[str, Any]:
    """The record of the one figure that ``text`` names.

    Raises
    ------
    NotFound
        When there is none.
    InvalidInput
        When several have that name.
    """
    if "://" in text:
        return _by_id(client, _id_in(text))
    if _ID.fullmatch(text):
        try:
            return _by_id(client, text)
        except NotFound:
            pass
    return _by_name(client, text)


def _id_in(url: str) -> str:
    match = _PATH.search(urlsplit(url).path)
    if match is None:
        raise InvalidInput("That is not the address of a figure's page, which ends in /figures/ and its id.")
    return match[1]


def _by_id(client: FigServeClient, figure_id: str) -> dict[str, Any]:
    record: dict[str, Any] = client.get(f"api/figures/{figure_id}")
    return record


def _by_name(client: FigServeClient, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = client.get("api/figures", name=name, limit=_MOST)["figures"]
    if not found:
        raise NotFound(f"There is no figure {name!r:.120} on {client.address.url}; `jupyter figserve list` shows all.")
    if len(found) > 1:
        lines = [f"  {record['id']}  {record['notebook'] or 'without a notebook'}" for record in found]
        raise InvalidInput(
            "\n".join([f"{len(found)} figures have the name {name!r:.120}; say which by its id:", *lines])
        )
    return found[0]
