"""Finds a figure by id, name or URL. Any process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from ..kernel.client.client import FigServeClient

_MAX_MATCHES = 20
FIGURE_HELP = "id or name of the figure, or the URL of its page"


def find_figure(client: FigServeClient, text: str) -> dict[str, Any]:
    """Return the record of the figure that ``text`` identifies.

    Raises
    ------
    NotFound
        There is no such figure.
    InvalidInput
        Several figures have that name.
    """
    from ..model.figures import find_id, is_id

    if "://" in text:
        figure = find_id(text)
        if figure is None:
            raise InvalidInput("That is not the URL of a figure's page, which ends in /figures/ and the figure's id.")
        return _by_id(client, figure)
    if is_id(text):
        try:
            return _by_id(client, text)
        except NotFound:
            pass
    return _by_name(client, text)


def _by_id(client: FigServeClient, figure_id: str) -> dict[str, Any]:
    record: dict[str, Any] = client.get(f"api/figures/{figure_id}")
    return record


def _by_name(client: FigServeClient, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = client.get("api/figures", name=name, limit=_MAX_MATCHES)["figures"]
    if not found:
        raise NotFound(
            f"There is no figure {name!r:.120} on {client.address.url}. List all with `jupyter figserve list`."
        )
    if len(found) > 1:
        lines = [f"  {record['id']}  {_place(record)}" for record in found]
        raise InvalidInput(
            "\n".join([f"{len(found)} figures are named {name!r:.120}. Use the id of one of them:", *lines])
        )
    return found[0]


def _place(record: dict[str, Any]) -> str:
    """Return where a figure is, which tells apart those of one name."""
    if record.get("collection"):
        return f"collection {record['collection']}"
    return str(record["notebook"] or "without a notebook")
