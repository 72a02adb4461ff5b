"""Domain values as the JSON that programs outside rely on. Server process."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ....model.figures import FigureRecord, Representation, Version
from ....model.formats import FORMATS
from ....model.keys import Key
from ....model.times import rfc3339
from ...services.addresses import PublicBase
from ...services.live.registry import LiveTarget


def figure_json(record: FigureRecord, base: PublicBase) -> dict[str, Any]:
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


def version(record: FigureRecord, version: Version, base: PublicBase) -> dict[str, Any]:
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


def live_figure(
    target: LiveTarget, base: PublicBase, *, is_busy: bool, is_detached: bool, form: str | None
) -> dict[str, Any]:
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
        "form": form,
        "revision": target.declaration.revision,
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
    part: Representation, record: FigureRecord, base: PublicBase, version: int | None = None
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


def _thumbnail_url(record: FigureRecord, base: PublicBase) -> str | None:
    thumbnail = record.version.thumbnail
    return base.bytes(record, FORMATS["png"], width=thumbnail.width) if thumbnail else None
