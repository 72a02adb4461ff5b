"""Deletion and its undoing, in write transactions. Server process."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sqlalchemy.engine import Connection

from ...errors import Conflict, NotFound
from ...model.figures import FigureRecord, Version
from ...model.quotas import PublishLimits
from ..catalog import events, figures, publishing
from ..catalog import quotas as usage
from ..files.blobs import BlobStore
from ..files.manifests import Manifest, Manifests, from_json, to_json
from ..files.trash import Trash
from . import rebuild


def open_trash(directory: Path) -> Trash[Manifest]:
    """Where the deleted figures of a data directory wait."""
    return Trash(directory / "trash", to_json, from_json)


def delete(
    connection: Connection,
    record: FigureRecord,
    trash: Trash[Manifest],
    manifests: Manifests,
    now: float,
    keep: float | None,
) -> None:
    """Remove a figure with its links; for ``keep`` seconds it can come back, None when it cannot."""
    if keep is not None:
        # Written anew: views are counted in the catalog alone, and a link must not get them back.
        trash.put(record.id, rebuild.manifest_of(connection, record), now, now + keep)
    publishing.delete(connection, record, now)
    manifests.delete(record.id)


def undelete(
    connection: Connection, figure_id: str, trash: Trash[Manifest], blobs: BlobStore, limits: PublishLimits, now: float
) -> FigureRecord:
    """Enter a deleted figure again, with versions and links; one that is there already is left alone.

    Raises
    ------
    NotFound
        There is nothing (any more) to undo.
    Conflict
        Another figure has its name by now.
    QuotaExceeded
        There is no room for it.
    """
    alive = figures.find(connection, figure_id)
    if alive is not None:
        return alive
    manifest = trash.find(figure_id, now)
    whole = rebuild.whole_versions(manifest, blobs) if manifest else ()
    if manifest is None or not whole:
        raise NotFound("There is no deleted figure of this id that could come back.")
    taken = figures.find_by_identity(connection, manifest.record.identity)
    if taken is not None:
        raise Conflict(
            f"The notebook has made a new figure {manifest.record.name!r} since; delete that one first, then undo."
        )
    _check_room(connection, limits, manifest, whole)
    record = rebuild.enter(connection, manifest, whole)
    events.add(connection, now, record.owner, "figure.restored", publishing.event_data(record))
    return record


def hold_blobs(connection: Connection, trash: Trash[Manifest], now: float) -> None:
    """Let a catalog that was made anew know the blobs of what may still come back, so that cleaning spares them."""
    for one in trash.list():
        manifest = trash.read(one) if now < one.expires else None
        for version in manifest.versions if manifest else ():
            publishing.track_unreferenced(connection, version.parts, one.deleted)


def _check_room(connection: Connection, limits: PublishLimits, manifest: Manifest, whole: tuple[Version, ...]) -> None:
    """See that the owner and each session that made a version have room for it again."""
    sizes: Counter[tuple[str, str]] = Counter()
    for version in whole:
        sizes["owner", manifest.record.owner] += version.size
        if version.session:
            sizes["session", version.session] += version.size
    quotas = {"owner": limits.owner_quota, "session": limits.session_quota}
    for (kind, key), size in sizes.items():
        usage.check(connection, {kind: quotas[kind]}, {kind: key}, size, {kind})
