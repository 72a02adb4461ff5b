"""``/export.zip``: the figures of a notebook, of a session or of an owner in one file, streamed. Server process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.iostream import StreamClosedError

from ..errors import NotFound, TooLarge
from ..figure import FigureRecord
from ..store import figures
from ..store.figures import Filter
from ..store.usage import Used
from . import headers, shapes
from .archive import Archive
from .private import PrivateHandler

T = TypeVar("T")
_PAGE = 100


class ExportHandler(PrivateHandler):
    """``/export.zip?notebook=PATH``, ``?session=ID``, or all of the caller's figures."""

    is_page = True
    scopes = {"GET": ("read",), "HEAD": ("read",)}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        which = self._which()
        self._set_headers(self._measure(which))
        archive = self._make_archive(which)
        try:
            await self._send(archive, which)
        except StreamClosedError:
            self.log.debug("The receiver of an export hung up.")
        finally:
            archive.close()

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def head(self) -> None:
        self._set_headers(self._measure(self._which()))
        await self.flush()

    def _which(self) -> Filter:
        """Only the caller's own, also with the scope ``admin``."""
        asked = {name: self.get_query_argument(name, None) or None for name in ("notebook", "session")}
        return Filter(self.caller.owner, asked["session"], notebook=asked["notebook"])

    def _measure(self, which: Filter) -> Used:
        """How many figures and bytes it will be.

        Raises
        ------
        NotFound
            When it is none.
        TooLarge
            When it is more than may be.
        """
        used = figures.measure(self.services.store.catalog.reader, which)
        limit = self.services.settings.export_bytes
        if not used.figures:
            raise NotFound("There are no figures to export.", code="nothing_to_export")
        if limit and used.bytes > limit:
            raise TooLarge(
                f"The pictures have {used.bytes:,} bytes and {limit:,} are the most in one file"
                " (FigServe.export_bytes); export one notebook with ?notebook=PATH."
            )
        return used

    def _set_headers(self, used: Used) -> None:
        self.replace_headers(headers.JSON_HEADERS)
        self.set_header("Content-Type", "application/zip")
        self.set_header("Content-Disposition", 'attachment; filename="figures.zip"')
        # The length is not known before the end; these let a client show how far it is.
        self.set_header("X-Figserve-Figures", str(used.figures))
        self.set_header("X-Figserve-Bytes", str(used.bytes))

    def _make_archive(self, which: Filter) -> Archive:
        base = self.base
        return Archive(
            self.services.store.blobs,
            lambda record: shapes.figure(record, base),
            self.services.templates.get_template("export.html"),
            f"Figures of {which.notebook}" if which.notebook else "Figures",
        )

    async def _send(self, archive: Archive, which: Filter) -> None:
        """Pictures are read in a thread; the next one only when the receiver has taken the last."""
        async with contextlib.aclosing(self._records(which)) as records:
            async for record in records:
                self.write(await _in_thread(lambda record=record: archive.add(record)))  # type: ignore[misc]
                await self.flush()
        rest = archive.end(self.services.store.clock())
        while (piece := await _in_thread(lambda: next(rest, None))) is not None:
            self.write(piece)
            await self.flush()

    async def _records(self, which: Filter) -> AsyncGenerator[FigureRecord, None]:
        cursor: str | None = None
        while True:
            reader = self.services.store.catalog.reader
            page, cursor = figures.list_page(reader, which, _PAGE, cursor)
            for record in page:
                yield record
            if cursor is None:
                return


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
