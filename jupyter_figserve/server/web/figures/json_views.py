"""Figures as JSON. Server process."""

from __future__ import annotations

from typing import Any

from ....model.figures import FigureRecord, Representation, Version
from ....model.formats import FORMATS
from ....model.times import rfc3339
from ...services.addresses import PublicBase


def figure_json(record: FigureRecord, base: PublicBase) -> dict[str, Any]:
    version = record.version
    return {
        "id": record.id,
        "name": record.name,
        "title": version.title,
        "alt": version.alt,
        "caption": version.caption,
        "owner": record.owner,
        "notebook": record.identity.notebook or None,
        "collection": record.identity.collection or None,
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


def version_json(record: FigureRecord, version: Version, base: PublicBase) -> dict[str, Any]:
    """Return one version of a figure; its URLs name the version."""
    number = version.number
    return {
        "version": number,
        "created": rfc3339(version.created),
        "session": version.session,
        "title": version.title,
        "alt": version.alt,
        "caption": version.caption,
        "size": version.size,
        "redrawable": version.source is not None,
        "provenance": version.provenance,
        "representations": [_representation(part, record, base, number) for part in version.representations],
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
