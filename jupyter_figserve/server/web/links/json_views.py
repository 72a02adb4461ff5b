"""Links as JSON for their owners. Server process."""

from __future__ import annotations

from typing import Any

from ....model.links import FIGURE, Link
from ....model.snippets import Snippets
from ....model.times import rfc3339
from ...services.addresses import PublicBase
from ...services.links.listing import DescribedLink
from ...services.links.reach import Reach


def link_json(link: Link) -> dict[str, Any]:
    """Return a link without its URL, which would then stand in lists and caches."""
    is_figure = link.target.kind == FIGURE
    common = {
        "id": link.id,
        "figure": link.target.id if is_figure else None,
        "version": link.version,
        "label": link.label,
        "created": rfc3339(link.created),
        "expires": rfc3339(link.expires),
        "views": link.views,
        "seen": link.seen,
        "last_seen": rfc3339(link.last_seen),
        "paused": link.paused,
        "audience": link.audience,
        "users": list(link.users),
        "groups": list(link.groups),
        "data": link.data,
        "code": link.code,
    }
    if is_figure:
        return common
    return common | {"lock": dict(link.locked), "allow": list(link.allowed), link.target.kind: link.target.id}


def listed_link_json(item: DescribedLink) -> dict[str, Any]:
    """Return a link with the kind and the title of what it shows."""
    return link_json(item.link) | {"kind": item.link.target.kind, "title": item.title}


def created_link_json(
    link: Link, snippets: Snippets, base: PublicBase, reach: Reach | None, hint: str | None = None
) -> dict[str, Any]:
    """Return a new link with its URL; ``hint`` comes first in its note."""
    made = link_json(link) | address_json(snippets, base, reach)
    return made if hint is None else made | {"note": f"{hint} {made['note'] or ''}".strip()}


def address_json(snippets: Snippets, base: PublicBase, reach: Reach | None) -> dict[str, Any]:
    """Return a link's URL and what embeds it.

    Parameters
    ----------
    reach
        The ways to others, for a URL that opens only on this machine.
    """
    return {
        "url": snippets.page,
        "image_url": snippets.image,
        "local_only": base.is_local,
        "note": reach.describe() if reach else None,
        "reach": reach.as_json() if reach else None,
        "snippets": snippets.as_json(),
    }
