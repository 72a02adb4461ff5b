"""Domain values as the JSON that programs outside rely on. Server process."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ..figure import FigureRecord, Representation, Version
from ..formats import FORMATS
from ..links import Key, Link
from ..livefigure import LiveLink
from ..snippets import Snippets, image_url
from ..store.sessions import Session
from ..times import rfc3339
from .offers import Target
from .plots import Plot
from .urls import LOCAL_NOTE, Base


def figure(record: FigureRecord, base: Base) -> dict[str, Any]:
    version = record.version
    return {
        "id": record.id,
        "name": record.name,
        "title": version.title,
        "alt": version.alt,
        "owner": record.owner,
        "notebook": record.identity.notebook or None,
        "session": version.session,
        "version": version.number,
        "created": rfc3339(record.created),
        "updated": rfc3339(record.updated),
        "url": base.page(record),
        "thumbnail": _thumbnail_url(record, base),
        "representations": [_representation(part, record, base) for part in version.representations],
        "redrawable": version.source is not None,
        "origin": record.origin,
    }


def version(record: FigureRecord, version: Version, base: Base) -> dict[str, Any]:
    """One of a figure's versions; the URLs are pinned to it."""
    number = version.number
    return {
        "version": number,
        "created": rfc3339(version.created),
        "session": version.session,
        "title": version.title,
        "alt": version.alt,
        "size": version.size,
        "redrawable": version.source is not None,
        "provenance": version.provenance,
        "representations": [_representation(part, record, base, number) for part in version.representations],
    }


def link(link: Link) -> dict[str, Any]:
    """A link as lists show it: without its URL, which nobody but its maker ever saw."""
    return {
        "id": link.id,
        "figure": link.figure,
        "version": link.version,
        "label": link.label,
        "created": rfc3339(link.created),
        "expires": rfc3339(link.expires),
        "views": link.views,
        "seen": link.seen,
        "last_seen": rfc3339(link.last_seen),
        "paused": link.paused,
        "audience": link.audience,
    }


def new_link(made: Link, record: FigureRecord, token: str, base: Base) -> dict[str, Any]:
    """A link at its making: the only time that its URL is shown."""
    page = base.link(token)
    main = record.version.representations[0]
    image = image_url(page, main.format.name)
    snippets = Snippets(page, image, record.heading, record.alt, main.width, main.height)
    return link(made) | {
        "url": page,
        "image_url": image,
        "local_only": base.is_local,
        "note": LOCAL_NOTE if base.is_local else None,
        "snippets": snippets.as_json(),
    }


def session(session: Session, figures: int, plots: int, base: Base) -> dict[str, Any]:
    return {
        "id": session.id,
        "kernel": session.id,
        "notebook": session.notebook or None,
        "started": rfc3339(session.started),
        "ended": rfc3339(session.ended),
        "figures": figures,
        "plots": plots,
        "url": base.plots(session.id),
    }


def plot(plot: Plot, session: str, base: Base) -> dict[str, Any]:
    return {
        "path": plot.path,
        "url": base.plot(session, plot.path),
        "mimetype": plot.mimetype,
        "size": plot.size,
        "created": rfc3339(plot.created),
        "origin": plot.origin,
        "figure": plot.figure,
        "version": plot.version,
    }


def live_link(link: LiveLink) -> dict[str, Any]:
    """A link onto a live figure as lists show it."""
    return {
        "id": link.id,
        "figure": None,
        "live": link.live,
        "version": None,
        "label": link.label,
        "created": rfc3339(link.created),
        "expires": rfc3339(link.expires),
        "views": None,
        "seen": link.seen,
        "last_seen": rfc3339(link.last_seen),
        "paused": link.paused,
        "audience": "link",
        "lock": dict(link.locked),
        "allow": list(link.allowed),
    }


def any_link(one: Link | LiveLink) -> dict[str, Any]:
    return live_link(one) if isinstance(one, LiveLink) else link(one)


def new_live_link(made: LiveLink, target: Target, token: str, base: Base) -> dict[str, Any]:
    """A link at its making: the only time that its URL is shown."""
    page = base.link(token)
    image = image_url(page, "png")
    heading = target.declaration.heading
    snippets = Snippets(page, image, heading, target.declaration.description or heading, None, None)
    return live_link(made) | {
        "url": page,
        "image_url": image,
        "local_only": base.is_local,
        "note": LOCAL_NOTE if base.is_local else None,
        "snippets": snippets.as_json(),
    }


def live_figure(target: Target, base: Base, *, is_busy: bool, is_detached: bool) -> dict[str, Any]:
    """A live figure with the schema of its parameters; without a kernel, its address is the lasting one."""
    record, lasting = target.record, f"{base.url}/live/f/{target.record.id}"
    url = f"{base.url}/live/{target.kernel}/{quote(record.name)}" if target.kernel else lasting
    return {
        "id": record.id,
        "session": target.kernel,
        "name": record.name,
        "description": target.declaration.description,
        "notebook": record.identity.notebook or None,
        "url": url,
        "image_url": f"{url}.png",
        "lasting_url": lasting,
        "schema": target.declaration.parameters.schema(),
        "busy": is_busy,
        "detached": is_detached,
    }


def key(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "label": key.label,
        "owner": key.owner,
        "scopes": sorted(key.scopes),
        "created": rfc3339(key.created),
        "expires": rfc3339(key.expires),
        "last_used": rfc3339(key.last_used),
    }


def _representation(
    part: Representation, record: FigureRecord, base: Base, version: int | None = None
) -> dict[str, Any]:
    return {
        "mimetype": part.mimetype,
        "width": part.width,
        "height": part.height,
        "dpi": part.dpi,
        "size": part.size,
        "digest": part.digest,
        "url": base.bytes(record, part.format, version),
    }


def _thumbnail_url(record: FigureRecord, base: Base) -> str | None:
    thumbnail = record.version.thumbnail
    return base.bytes(record, FORMATS["png"], width=thumbnail.width) if thumbnail else None
