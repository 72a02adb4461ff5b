"""The plots of a session under one roof: published, captured, and files that anything wrote. Server process.

Under one path, what was published goes before what was captured, and that before a file: a person's word before a
kernel's, and both before whatever lies in a directory.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableSequence, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from tornado import web

from ....errors import FigServeError, NotFound, Unavailable, UnsupportedType
from ....model.figures import FigureRecord
from ....model.formats import FORMATS, Format, get_format, looks_like
from ....model.queries import FigureQuery
from ....model.sessions import Session
from ....store.files.blob_cache import BlobCache
from . import safe_files

if TYPE_CHECKING:
    from ....store.store import Store
    from .capture import Capture
    from .directories import SessionDirectories
    from .ring_buffer import CaptureBuffer, CapturedImage

_PAGE = 200
_REMEMBERED = 1_000


@dataclass(frozen=True)
class Plot:
    """One plot of a session.

    Parameters
    ----------
    path
        Its name below ``/plots/{session}/``.
    created
        When it was made, or last changed, in seconds since the epoch.
    origin
        ``"published"``, ``"captured"`` or ``"file"``.
    figure
        Id of the figure, for a published one.
    version
        Of the figure, or how often a captured display has changed; None for a file.
    """

    path: str
    mimetype: str
    size: int
    created: float
    origin: str
    figure: str | None = None
    version: int | None = None


@dataclass(frozen=True)
class ReadablePlot:
    """A plot that is there, with its ETag's digest; its bytes are read only by ``read``."""

    plot: Plot
    row: Format
    digest: str
    read: Callable[[], Awaitable[bytes]]


class SessionPlots:
    """Lists and finds them.

    Parameters
    ----------
    most
        The most bytes of a file that is served.
    """

    def __init__(
        self,
        serverapp: Any,
        store: Store,
        blobs: BlobCache,
        capture: Capture,
        directories: SessionDirectories,
        most: int,
    ) -> None:
        self._app = serverapp
        self._store = store
        self._blobs = blobs
        self._capture = capture
        self._directories = directories
        self._most = most
        self._kernels: OrderedDict[str, str] = OrderedDict()

    async def get_session(self, session_id: str) -> Session:
        """The session of a kernel's id, or of one of Jupyter's sessions.

        Raises
        ------
        NotFound
            When there is none.
        """
        found = await self._store.sessions.find(session_id)
        if found is None:
            kernel = await self._find_kernel(session_id)
            found = await self._store.sessions.find(kernel) if kernel else None
        if found is None:
            raise NotFound("There is no such session.", code="session_not_found")
        return found

    async def list(self, session_id: str) -> list[Plot]:
        """A session's plots, newest first; of equal paths the one that is served.

        Raises
        ------
        NotFound
            When there is no such session.
        """
        kernel = (await self.get_session(session_id)).id
        found: dict[str, Plot] = {}
        records = await self._published(kernel)
        published = [plot for record in records for plot in _plots_of(record)]
        for plot in [*published, *self._displayed(kernel, records), *await self._files(kernel)]:
            found.setdefault(plot.path, plot)
        return sorted(found.values(), key=lambda plot: plot.created, reverse=True)

    async def get(self, kernel: str, path: str, *, published: bool = True) -> ReadablePlot:
        """The plot at a path of a session; ``published=False`` passes over what is a figure already.

        Raises
        ------
        NotFound
            When there is none.
        UnsupportedType
            For a file that is not what its name says.
        """
        if safe_files.parse_safe_path(path) is None:
            raise NotFound("Plot not found", code="plot_not_found")
        held = await self._find_published(kernel, path) if published else None
        return held or self._find_captured(kernel, path) or await self._get_file(kernel, path)

    def newest_captured(self, kernel: str) -> Plot | None:
        """What the session displayed last."""
        ring = self._capture.find_ring(kernel)
        newest = None if ring is None else ring.newest()
        return None if newest is None else _captured(newest)

    def count_captured(self, kernel: str) -> int:
        ring = self._capture.find_ring(kernel)
        return 0 if ring is None else len(ring)

    async def _find_kernel(self, session_id: str) -> str | None:
        """The kernel of one of Jupyter's sessions, also for a while after that has gone."""
        manager = getattr(self._app, "session_manager", None)
        if manager is None:
            return None
        try:
            model = await ensure_async(manager.get_session(session_id=session_id))
        except web.HTTPError:
            return self._kernels.get(session_id)
        kernel = str(((model or {}).get("kernel") or {}).get("id") or "")
        self._kernels[session_id] = kernel
        self._kernels.move_to_end(session_id)
        while len(self._kernels) > _REMEMBERED:
            self._kernels.popitem(last=False)
        return kernel or None

    def _displayed(self, kernel: str, records: Sequence[FigureRecord]) -> Sequence[Plot]:
        """What was captured; what has been kept as it is now, with its figure."""
        ring = self._capture.find_ring(kernel)
        kept = {record.version.provenance.get("plot"): record for record in records if record.origin == "captured"}

        def plot_of(ring: CaptureBuffer, one: CapturedImage) -> Plot:
            plot, record = _captured(one), kept.get(one.path)
            if record is None or ring.digest(one) != record.version.representations[0].digest:
                return plot
            return replace(plot, figure=record.id, version=record.version.number)

        return [] if ring is None else [plot_of(ring, one) for one in ring]

    async def _published(self, kernel: str) -> Sequence[FigureRecord]:
        made = await self._store.sessions.find_versions(kernel)
        found: MutableSequence[FigureRecord] = []
        cursor: str | None = None
        while True:
            page, cursor = await self._store.figures.list_page(FigureQuery(session=kernel), _PAGE, cursor)
            found += [await self._as_made(record, made.get(record.id)) for record in page]
            if cursor is None:
                return found
            # A session may have thousands; others want answers too.
            await asyncio.sleep(0)

    async def _find_published(self, kernel: str, path: str) -> ReadablePlot | None:
        name, row = path.rpartition(".")[0], _find_row(path)
        if row is None or not name or "/" in name:
            return None
        records, _ = await self._store.figures.list_page(FigureQuery(session=kernel, name=name), 1)
        if not records:
            return None
        made = await self._store.sessions.find_versions(kernel)
        record = await self._as_made(records[0], made.get(records[0].id))
        part = record.version.find_representation(row)
        if part is None:
            return None

        async def read() -> bytes:
            return self._blobs.get(part.digest)

        plot = next(plot for plot in _plots_of(record) if plot.mimetype == row.mimetype)
        return ReadablePlot(plot, row, part.digest, read)

    async def _as_made(self, record: FigureRecord, version: int | None) -> FigureRecord:
        """The figure as this session made it, or as it is now when that version has gone."""
        if version is None or version == record.version.number:
            return record
        return await self._store.figures.find(record.id, version) or record

    def _find_captured(self, kernel: str, path: str) -> ReadablePlot | None:
        ring: CaptureBuffer | None = self._capture.find_ring(kernel)
        one = None if ring is None else ring.find(path)
        digest = None if ring is None or one is None else ring.digest(one)
        if ring is None or one is None or digest is None:
            return None

        async def read() -> bytes:
            data = ring.read(one)
            if data is None:
                raise NotFound("Plot not found", code="plot_not_found")
            return data

        return ReadablePlot(_captured(one), one.row, digest, read)

    async def _files(self, kernel: str) -> Sequence[Plot]:
        directory = self._directories.find(kernel)
        if directory is None:
            return []
        files = await asyncio.to_thread(safe_files.list_beneath, directory)
        rows = [(file, _find_row(file.path)) for file in files]
        return [_file(file, row) for file, row in rows if row is not None]

    async def _get_file(self, kernel: str, path: str) -> ReadablePlot:
        directory = self._directories.find(kernel)
        row = _find_row(path)
        if directory is None:
            raise NotFound("Plot not found", code="plot_not_found")
        found = await asyncio.to_thread(safe_files.stat_beneath, directory, path)
        if row is None:
            raise UnsupportedType(f"Only pictures and documents are served: files named {_SUFFIXES}.")

        async def read() -> bytes:
            now, data = await asyncio.to_thread(safe_files.read_beneath, directory, path, self._most)
            if now.state != found.state:
                raise Unavailable("The file is just being written; ask again.", code="being_written", retry_after=1)
            if not looks_like(row, data):
                raise UnsupportedType(f"The file is not the {row.name} that its name says.", code="type_mismatch")
            return data

        return ReadablePlot(_file(found, row), row, found.state, read)


def _find_row(path: str) -> Format | None:
    """The format that a path's suffix names, however it is spelt."""
    _, dot, suffix = path.rpartition(".")
    try:
        return get_format(suffix.lower()) if dot else None
    except FigServeError:
        return None


_SUFFIXES = ", ".join(f".{name}" for name in FORMATS)


def _plots_of(record: FigureRecord) -> list[Plot]:
    """A published figure's representations."""
    version = record.version
    return [
        Plot(
            f"{record.name}.{part.format.name}",
            part.mimetype,
            part.size,
            version.created,
            "published",
            record.id,
            version.number,
        )
        for part in version.representations
    ]


def _captured(one: CapturedImage) -> Plot:
    return Plot(one.path, one.row.mimetype, one.size, one.created, "captured", None, one.version)


def _file(file: safe_files.FileEntry, row: Format) -> Plot:
    return Plot(file.path, row.mimetype, file.size, file.modified, "file")
