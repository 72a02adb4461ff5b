"""What is published: figures by name or all of a place, found or deleted, and all links. Kernel."""

from __future__ import annotations

import difflib
from typing import Any

from ...errors import NotFound
from ...model.places import read_place
from ...model.texts import check_name, slug
from ..client.batch_server import get_connection
from ..client.client import FigServeClient
from ..options import explain_options
from .published_figure import Published
from .shared_link import SharedLink

_MAX_NAMES = 1_000


@explain_options({})
def get(name: str, *, notebook: str | None = None, collection: str | None = None) -> Published:
    """Return a published figure by its name.

    Parameters
    ----------
    name
        The name that it was published under, or the title that the name was made from.
    notebook
        Path below the server's root directory of the notebook that published it; None is this notebook.
    collection
        The collection that it is in, instead of a notebook.

    Returns
    -------
    Published
        The newest version.

    Raises
    ------
    NotFound
        There is none; the message names similar ones, and notebooks that have one of this name.
    """
    connection, where = get_connection(), _read_where(notebook, collection)
    checked = check_name(name)
    found = connection.client.get("api/figures", **where, name=checked, limit=1)["figures"]
    if not found and (made := slug(name)) not in (None, checked):
        found = connection.client.get("api/figures", **where, name=made, limit=1)["figures"]
    if not found:
        raise NotFound(_explain_missing(connection.client, where, checked))
    return Published(found[0], connection)


def figures(*, collection: str | None = None) -> list[Published]:
    """List the published figures of this notebook, or of a collection, newest first.

    Parameters
    ----------
    collection
        Name of a collection; None is this notebook.

    Returns
    -------
    list of Published
        All of them; an empty list where there are none.

    Raises
    ------
    NotConnected
        There is no server.
    """
    connection, where = get_connection(), _read_where(None, collection)
    return [Published(record, connection) for record in connection.client.iterate("api/figures", "figures", **where)]


def links() -> list[SharedLink]:
    """List all your links that are open, to figures, live figures and dashboards, newest first.

    Paused links, and those whose views are used up, are listed too; expired ones are not.

    Returns
    -------
    list of SharedLink
        Each with its ``url``, to copy it again.

    Raises
    ------
    NotConnected
        There is no server.
    """
    client = get_connection().client
    entries = client.iterate("api/links", "links", limit=_MAX_NAMES)
    found = [SharedLink(entry, client, str(entry["title"])) for entry in entries]
    return [link for link in found if not link.is_expired]


def unpublish(notebook: str | None = None, *, collection: str | None = None) -> int:
    """Delete all figures of a notebook or a collection, with their versions and links; return their number.

    Parameters
    ----------
    notebook
        Its path below the server's root directory; None is this notebook.
    collection
        Delete the figures of this collection instead.

    Returns
    -------
    int
        The number of deleted figures; each can be restored for ``FigServe.keep_deleted``.

    Raises
    ------
    NotConnected
        There is no server.
    """
    where = _read_where(notebook, collection)
    return int(get_connection().client.delete("api/figures", **where)["deleted"])


def _read_where(notebook: str | None, collection: str | None) -> dict[str, Any]:
    """Return the place as a query; without one, that of this notebook."""
    place = read_place({"collection": collection, "notebook": notebook})
    return place.as_json() or {"here": 1}


def _explain_missing(client: FigServeClient, where: dict[str, Any], name: str) -> str:
    names = [record["name"] for record in client.get("api/figures", **where, limit=_MAX_NAMES)["figures"]]
    similar = difflib.get_close_matches(name, names, n=3)
    text = f"There is no figure {name!r} here."
    if similar:
        return f"{text} Did you mean {' or '.join(map(repr, similar))}?"
    for other in client.get("api/figures", name=name, limit=1)["figures"]:
        place = f"collection={other['collection']!r}" if other.get("collection") else f"notebook={other['notebook']!r}"
        if other.get("collection") or other.get("notebook"):
            return f"{text} There is one elsewhere: figserve.get({name!r}, {place})."
    return f"{text} figserve.figures() lists those that there are."
