"""Rebuilds a lost or damaged catalog from manifests. Server process, or command line."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Set
from dataclasses import dataclass, field, replace
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import FigServeError
from ...model.figures import FigureRecord, Identity
from ...model.links import FIGURE, LIVE, Target
from ..catalog import dashboards, figures, links, publishing, tables
from ..files.blobs import BlobStore
from ..files.manifest_formats import DashboardManifest, FigureManifest, LiveFigureManifest, Manifests
from ..files.manifests import Manifest, ManifestStore, Unreadable
from ..lifecycle import dashboards as dashboard_lifecycle
from ..lifecycle import figures as figure_lifecycle
from ..lifecycle import live_figures as live_lifecycle

_log = logging.getLogger("jupyter_figserve")
M = TypeVar("M", bound=Manifest)


@dataclass(frozen=True)
class RebuildReport:
    """Counts of what was restored, and what could not be.

    Parameters
    ----------
    links
        Number of links to figures and live figures.
    live
        Number of live figures.
    keys
        Number of API keys, kernels' ones too, that came from the old catalog.
    unreadable
        Places of manifests that could not be read.
    incomplete
        Ids of figures with at least one version whose blobs are missing.
    duplicates
        Ids of figures and dashboards that were dropped in favour of another with the same identity. Two exist when one
        was published again while the catalog was lost, or when the server was killed before it acknowledged a publish.
    """

    figures: int = 0
    versions: int = 0
    links: int = 0
    live: int = 0
    unreadable: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    dashboards: int = 0
    keys: int | None = None


def restore(
    connection: Connection,
    manifests: Manifests,
    blobs: BlobStore,
    progress: Callable[[int], None] = lambda _: None,
    deleted: Collection[str] = (),
) -> RebuildReport:
    """Add the contents of every manifest to an empty catalog.

    Parameters
    ----------
    progress
        Called with the number of figures restored so far.
    deleted
        Ids of records that are in the trash; their manifests are ignored.
    """
    work = _Rebuild(connection, frozenset(blobs.list_digests()), deleted)
    work.restore_figures(manifests.figures, progress)
    work.restore_live_figures(manifests.live_figures)
    link_count = count_rows(connection, tables.links)
    work.restore_dashboards(manifests.dashboards)
    return RebuildReport(
        figures=count_rows(connection, tables.figures),
        versions=count_rows(connection, tables.versions),
        links=link_count,
        live=count_rows(connection, tables.live_figures),
        unreadable=tuple(work.unreadable),
        incomplete=tuple(work.incomplete),
        duplicates=tuple(work.duplicates),
        dashboards=count_rows(connection, tables.dashboards),
    )


@dataclass
class _Rebuild:
    connection: Connection
    digests: Set[str]
    deleted: Collection[str]
    unreadable: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)

    def read(self, manifests: ManifestStore[M]) -> Iterator[M]:
        """Yield the manifests that can be read."""
        for found in manifests.read_all():
            if isinstance(found, Unreadable):
                self.unreadable.append(found.location)
            elif found.record.id not in self.deleted:
                yield found

    @contextlib.contextmanager
    def attempt(self, location: str) -> Iterator[None]:
        """Undo and report what one manifest cannot add, such as a version number twice, and go on with the next."""
        try:
            with self.connection.begin_nested():
                yield
        except (sa.exc.SQLAlchemyError, FigServeError, ValueError, TypeError, LookupError, OverflowError) as error:
            _log.warning("%s cannot be restored: %s", location, error)
            self.unreadable.append(location)

    def restore_figures(self, manifests: ManifestStore[FigureManifest], progress: Callable[[int], None]) -> None:
        for manifest in self.read(manifests):
            with self.attempt(manifests.location_of(manifest.record.id)):
                self._restore_figure(manifest)
            progress(count_rows(self.connection, tables.figures))

    def _restore_figure(self, manifest: FigureManifest) -> None:
        versions = figure_lifecycle.find_complete_versions(manifest, self.digests.__contains__)
        if len(versions) < len(manifest.versions):
            self.incomplete.append(manifest.record.id)
        if not versions:
            return
        duplicate = _choose_duplicate(self.connection, manifest)
        if duplicate is not None:
            self.duplicates.append(duplicate.id)
        if duplicate is manifest.record:
            return
        if duplicate is not None:
            publishing.delete(self.connection, duplicate, duplicate.updated)
        figure_lifecycle.insert(self.connection, manifest, versions)

    def restore_dashboards(self, manifests: ManifestStore[DashboardManifest]) -> None:
        for manifest in self.read(manifests):
            # Two have the same identity when one was published while the catalog was lost; the first one read is kept.
            if dashboards.find_by_identity(self.connection, manifest.record.identity) is None:
                with self.attempt(manifests.location_of(manifest.record.id)):
                    dashboard_lifecycle.insert(self.connection, manifest)
            else:
                self.duplicates.append(manifest.record.id)

    def restore_live_figures(self, manifests: ManifestStore[LiveFigureManifest]) -> None:
        """Add live figures; merge two of the same identity, one of which was made while the catalog was lost."""
        by_identity: dict[Identity, LiveFigureManifest] = {}
        for manifest in self.read(manifests):
            known = by_identity.get(manifest.record.identity)
            by_identity[manifest.record.identity] = manifest if known is None else _merge(known, manifest)
        for manifest in by_identity.values():
            with self.attempt(manifests.location_of(manifest.record.id)):
                live_lifecycle.insert(self.connection, manifest, self.digests)


def _choose_duplicate(connection: Connection, manifest: FigureManifest) -> FigureRecord | None:
    """Return which of two figures with the same identity to drop: the one without links, or else the older.

    None when there is only one.
    """
    known = figures.find_by_identity(connection, manifest.record.identity)
    if known is None:
        return None
    known_rank = (bool(links.list_for_target(connection, Target(FIGURE, known.id))), known.updated)
    return known if known_rank < (bool(manifest.links), manifest.record.updated) else manifest.record


def _merge(one: LiveFigureManifest, other: LiveFigureManifest) -> LiveFigureManifest:
    """Keep the older id, the links of both, and the newest declaration and detached function."""
    first, last = sorted((one, other), key=lambda manifest: manifest.record.created)
    newest = max(first, last, key=lambda manifest: manifest.record.updated)
    record = replace(first.record, declaration=newest.record.declaration, updated=newest.record.updated)
    moved = tuple(replace(link, target=Target(LIVE, record.id)) for link in last.links)
    function = newest.detached or first.detached or last.detached
    return LiveFigureManifest(record, first.links + moved, function and replace(function, live=record.id))


def count_rows(connection: Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
