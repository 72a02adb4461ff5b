"""A catalog from manifests: for a lost or damaged one. Server process, or the command line's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.engine import Connection

from ..figure import Version
from . import links, publishing, sessions
from .blobs import Blobs
from .manifests import Manifest, Manifests
from .sessions import Session


@dataclass(frozen=True)
class Restored:
    """What came back, and what did not.

    Parameters
    ----------
    unreadable
        Manifests that could not be read.
    incomplete
        Ids of figures of which at least one version's blobs are missing.
    """

    figures: int = 0
    versions: int = 0
    links: int = 0
    unreadable: tuple[Path, ...] = ()
    incomplete: tuple[str, ...] = ()


def restore(
    connection: Connection, manifests: Manifests, blobs: Blobs, progress: Callable[[int], None] = lambda _: None
) -> Restored:
    """Enter every manifest into an empty catalog; ``progress`` hears how many figures are done."""
    done = Restored()
    for found in manifests.read_all():
        if isinstance(found, Path):
            done = replace(done, unreadable=(*done.unreadable, found))
            continue
        whole = tuple(version for version in found.versions if _is_whole(version, blobs))
        if len(whole) < len(found.versions):
            done = replace(done, incomplete=(*done.incomplete, found.record.id))
        if not whole:
            continue
        kept = _enter(connection, found, whole)
        done = replace(done, figures=done.figures + 1, versions=done.versions + len(whole), links=done.links + kept)
        progress(done.figures)
    return done


def _enter(connection: Connection, manifest: Manifest, whole: tuple[Version, ...]) -> int:
    record = replace(manifest.record, version=whole[0])
    publishing.restore(connection, record, whole)
    for session_id, seen in sorted({(v.session, v.created) for v in whole if v.session}):
        identity = record.identity
        sessions.note(
            connection, Session(session_id, identity.owner, identity.scope, identity.notebook, seen, seen, ended=seen)
        )
    numbers = {version.number for version in whole}
    kept = [link for link in manifest.links if link.version is None or link.version in numbers]
    for link in kept:
        links.add(connection, link)
    return len(kept)


def _is_whole(version: Version, blobs: Blobs) -> bool:
    return all(blobs.has(part.digest) for part in version.representations)
