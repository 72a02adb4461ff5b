"""The plots of a session, from all origins. Server process.

Precedence of plots at the same path: published, then captured, then files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache
from jupyter_core.utils import ensure_async
from tornado import web

from ....errors import Conflict, NotFound, Unavailable, UnsupportedType
from ....model.figures import FigureRecord
from ....model.formats import FORMATS, Format, looks_like
from ....model.queries import FigureQuery
from ....model.sessions import Session
from ....model.texts import to_nfc
from ....store.files.blob_cache import BlobCache
from ..capture.ring_buffer import NotKept, PublishedDisplay
from . import captured_plots, safe_files
from .plot import Plot, ReadablePlot, find_format

if TYPE_CHECKING:
    from ....store.store import Store
    from ..capture.capture import Capture
    from ..capture.ring_buffer import CaptureBuffer, CapturedImage
    from ..sessions.directories import SessionDirectories

_PAGE_SIZE = 200
_HEAD_BYTES = 16
_MAX_REMEMBERED_SESSIONS = 1_000
_SUFFIXES = ", ".join(f".{name}" for name in FORMATS)


class SessionPlots:
    """Lists and finds the plots of sessions.

    Parameters
    ----------
    max_file_bytes
        Maximum size of a file that is served.
    publishes_elsewhere
        Whether a kernel's figures are those of another server.
    """

    def __init__(
        self,
        serverapp: Any,
        store: Store,
        blobs: BlobCache,
        capture: Capture,
        directories: SessionDirectories,
        max_file_bytes: int,
        publishes_elsewhere: Callable[[str], bool] = lambda kernel: False,
    ) -> None:
        self._app = serverapp
        self._store = store
        self._blobs = blobs
        self._capture = capture
        self._directories = directories
        self._max_file_bytes = max_file_bytes
        self._publishes_elsewhere = publishes_elsewhere
        self._kernels: LRUCache[str, str] = LRUCache(_MAX_REMEMBERED_SESSIONS)
        """Kernel ids by ids of Jupyter's sessions, which forget theirs when they end."""

    async def get_session(self, session_id: str) -> Session:
        """Return the session with a kernel's id, or with the id of one of Jupyter's sessions.

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
        """Return a session's plots, newest first, without those that another at the same path hides.

        Raises
        ------
        NotFound
            When there is no such session.
        """
        kernel = (await self.get_session(session_id)).id
        found: dict[str, Plot] = {}
        records = await self._list_published(kernel)
        published = [plot for record in records for plot in Plot.from_figure(record)]
        for plot in [*published, *self._list_captured(kernel, records), *await self._list_files(kernel)]:
            found.setdefault(plot.path, plot)
        return sorted(found.values(), key=lambda plot: plot.created, reverse=True)

    async def get(self, kernel: str, path: str, *, published: bool = True) -> ReadablePlot:
        """Return the plot at a path of a session; ``published=False`` skips published figures.

        Raises
        ------
        NotFound
            When there is none.
        UnsupportedType
            For a file whose bytes do not match its suffix.
        """
        if safe_files.parse_safe_path(path) is None:
            raise safe_files.PlotNotFound()
        plot = await self._find_published(kernel, path) if published else None
        return plot or self._find_captured(kernel, path) or await self._get_file(kernel, path)

    async def get_last(self, session: Session) -> Plot:
        """Return the figure that the session displayed last.

        Raises
        ------
        NotFound
            When it has displayed none, or a published figure that has been deleted since.
        Conflict
            When the last one could not be kept: never an older one in its place.
        """
        buffer = self._capture.find_buffer(session.id)
        last = None if buffer is None else buffer.last
        if isinstance(last, NotKept):
            raise Conflict(last.message, code="display_not_kept")
        if isinstance(last, PublishedDisplay):
            if self._publishes_elsewhere(session.id):
                return Plot(last.figure, "", 0, self._store.clock(), "published", last.figure)
            record = await self._store.figures.find(last.figure)
            if record is None or record.owner != session.owner:
                raise NotFound("The published figure that was displayed last has been deleted.", code="figure_deleted")
            return Plot.from_figure(record)[0]
        if buffer is None or last is None:
            raise NotFound("This session has not displayed a figure yet. Display one first.", code="nothing_captured")
        return captured_plots.make_plot(buffer, last)

    async def get_by_digest(self, kernel: str, digest: str) -> ReadablePlot:
        """Return the newest captured plot with these displayed bytes.

        Raises
        ------
        NotFound
            When there is none.
        """
        buffer = self._capture.find_buffer(kernel)
        path = None if buffer is None else await asyncio.to_thread(captured_plots.find_digest, list(buffer), digest)
        plot = None if path is None else self._find_captured(kernel, path)
        if plot is None:
            raise NotFound("The session has captured no plot with this digest.", code="not_captured")
        return plot

    def count_captured(self, kernel: str) -> int:
        buffer = self._capture.find_buffer(kernel)
        return 0 if buffer is None else len(buffer)

    async def _find_kernel(self, session_id: str) -> str | None:
        """Return the kernel of one of Jupyter's sessions, also for a while after it has ended."""
        manager = getattr(self._app, "session_manager", None)
        if manager is None:
            return None
        try:
            model = await ensure_async(manager.get_session(session_id=session_id))
        except web.HTTPError:
            return self._kernels.get(session_id)
        kernel = str(((model or {}).get("kernel") or {}).get("id") or "")
        self._kernels[session_id] = kernel
        return kernel or None

    def _list_captured(self, kernel: str, records: Sequence[FigureRecord]) -> Sequence[Plot]:
        """Return the captured plots, each with its figure if it was published in its current state."""
        buffer = self._capture.find_buffer(kernel)
        kept = {record.version.provenance.get("plot"): record for record in records if record.origin == "captured"}

        def to_plot(buffer: CaptureBuffer, image: CapturedImage) -> Plot:
            plot, record = captured_plots.make_plot(buffer, image), kept.get(image.path)
            digest = buffer.find_digest(image)
            if record is None or digest not in (
                record.version.provenance.get("digest"),
                record.version.representations[0].digest,
            ):
                return plot
            return replace(plot, figure=record.id, version=record.version.number)

        return [] if buffer is None else [to_plot(buffer, image) for image in buffer]

    async def _list_published(self, kernel: str) -> Sequence[FigureRecord]:
        made = await self._store.sessions.find_versions(kernel)
        found: MutableSequence[FigureRecord] = []
        cursor: str | None = None
        while True:
            page, cursor = await self._store.figures.list_page(FigureQuery(session=kernel), _PAGE_SIZE, cursor)
            found += [await self._as_made(record, made.get(record.id)) for record in page]
            if cursor is None:
                return found
            # A session may have thousands of figures: let other requests run.
            await asyncio.sleep(0)

    async def _find_published(self, kernel: str, path: str) -> ReadablePlot | None:
        name, row = to_nfc(path.rpartition(".")[0]), find_format(path)
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
            return await self._blobs.get(part.digest)

        plot = next(plot for plot in Plot.from_figure(record) if plot.mimetype == row.mimetype)
        return ReadablePlot(plot, row, part.digest, read)

    async def _as_made(self, record: FigureRecord, version: int | None) -> FigureRecord:
        """Return the figure as this session made it, or as it is now when that version has been deleted."""
        if version is None or version == record.version.number:
            return record
        return await self._store.figures.find(record.id, version) or record

    def _find_captured(self, kernel: str, path: str) -> ReadablePlot | None:
        buffer: CaptureBuffer | None = self._capture.find_buffer(kernel)
        return None if buffer is None else captured_plots.find(buffer, path)

    async def _list_files(self, kernel: str) -> Sequence[Plot]:
        directory = self._directories.find(kernel)
        if directory is None:
            return []
        return await asyncio.to_thread(_list_plots, directory)

    async def _get_file(self, kernel: str, path: str) -> ReadablePlot:
        directory = self._directories.find(kernel)
        row = find_format(path)
        if directory is None:
            raise safe_files.PlotNotFound()
        found = await asyncio.to_thread(safe_files.stat_beneath, directory, path)
        if row is None:
            raise UnsupportedType(f"Only files with these suffixes are served: {_SUFFIXES}.")

        async def read() -> bytes:
            now, data = await asyncio.to_thread(safe_files.read_beneath, directory, path, self._max_file_bytes)
            if now.state != found.state:
                raise Unavailable("The file is being written; try again.", code="being_written", retry_after=1)
            if not looks_like(row, data):
                raise UnsupportedType(
                    f"The file is not a valid {row.name.upper()}, although its suffix says so.", code="type_mismatch"
                )
            return data

        return ReadablePlot(Plot.from_file(found, row), row, found.state, read)


def _list_plots(directory: Path) -> Sequence[Plot]:
    """Return the files of a directory that are served; an image that is none, despite its suffix, is left out."""
    formats = ((file, find_format(file.path)) for file in safe_files.list_beneath(directory))
    return [Plot.from_file(file, row) for file, row in formats if row is not None and _is_image(directory, file, row)]


def _is_image(directory: Path, file: safe_files.FileEntry, row: Format) -> bool:
    if not row.magic:
        # Whether a text is an SVG or HTML is found out when it is read.
        return True
    try:
        return safe_files.read_head(directory, file.path, _HEAD_BYTES).startswith(row.magic)
    except NotFound:
        return False
