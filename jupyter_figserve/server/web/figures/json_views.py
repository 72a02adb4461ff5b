"""Figures as JSON. Server process."""

from __future__ import annotations

from typing import Any

from ....model.figures import FigureRecord, Representation, Version
from ....model.formats import FORMATS
from ....model.times import rfc3339
from ...services.addresses import PublicBase
from ...services.figures.offers import find_limitation, is_redrawable, offered_formats


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
        "representations": [_representation(part, record, version, base) for part in version.representations],
        **_availability(version),
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
        **_availability(version),
        "provenance": version.provenance,
        "representations": [_representation(part, record, version, base, number) for part in version.representations],
    }


def _availability(version: Version) -> dict[str, Any]:
    limitation = find_limitation(version)
    return {
        "redrawable": is_redrawable(version),
        "formats": offered_formats(version),
        "limitation": limitation.reason if limitation else None,
    }


def _representation(
    part: Representation, record: FigureRecord, version: Version, base: PublicBase, number: int | None = None
) -> dict[str, Any]:
    return {
        "mimetype": part.mimetype,
        "width": part.width,
        "height": part.height,
        "dpi": part.dpi,
        "frames": part.frames,
        "duration": part.duration,
        "display_width": part.display_width,
        "display_height": part.display_height,
        "size": part.size,
        "digest": part.digest,
        "url": base.bytes(record, part.format, number, version.width_in_address(part)),
    }


def _thumbnail_url(record: FigureRecord, base: PublicBase) -> str | None:
    thumbnail = record.version.thumbnail
    return base.bytes(record, FORMATS["png"], width=thumbnail.width) if thumbnail else None
