"""``/export.zip``: the figures of a notebook, of a session or of an owner in one file, streamed. Server process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.iostream import StreamClosedError

from ....errors import FigServeError, InvalidInput, NotFound, TooLarge
from ....model.figures import FigureRecord
from ....model.formats import get_format_of_mimetype
from ....model.keys import READ
from ....model.queries import FigureQuery
from ....model.quotas import Usage
from ....model.texts import slug
from ....model.times import rfc3339
from ...services.figures.zip_archive import ZipExport
from ...services.plots.plot import Plot
from ..http import security_headers
from ..http.content_disposition import content_disposition
from ..http.private_handler import AuthenticatedHandler
from .json_views import figure_json

_PAGE_SIZE = 100
_MAX_SELECTED = 500
"""Maximum number of figures that a query names, which keeps its URL short."""


@dataclass(frozen=True)
class ExportSelection:
    """Contents of a zip: figures, and the unpublished plots of a session."""

    query: FigureQuery
    used: Usage
    plots: tuple[Plot, ...]


class ExportHandler(AuthenticatedHandler):
    """``/export.zip?notebook=PATH``, ``?collection=NAME``, ``?session=ID``, ``?figure=ID&figure=ID``, or all of the
    caller's figures."""

    is_page = True
    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        selection = await self._find()
        self._set_headers(selection.used)
        archive = self._make_archive(selection.query)
        try:
            await self._send(archive, selection)
        except StreamClosedError:
            self.log.debug("The client closed the connection during an export.")
        finally:
            archive.close()

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def head(self) -> None:
        self._set_headers((await self._find()).used)
        await self.flush()

    async def _find(self) -> ExportSelection:
        """Return the selection of the query: always the caller's own figures, also with the scope ``admin``.

        Raises
        ------
        NotFound
            When it is empty.
        TooLarge
            When it exceeds the limit.
        """
        names = "collection", "session"
        collection, session = (self.get_query_argument(name, None) or None for name in names)
        notebook = self.find_notebook() or None
        plots: list[Plot] = []
        if session is not None:
            session, plots = await self._find_session(session)
        query = FigureQuery(
            self.principal.owner, session, notebook=notebook, collection=collection, ids=self._read_ids()
        )
        used = await self._measure(query)
        used = Usage(used.figures + len(plots), used.bytes + sum(plot.size for plot in plots))
        limit = self.context.config.export_bytes
        if not used.figures:
            raise NotFound("There are no figures to export.", code="nothing_to_export")
        if limit and used.bytes > limit:
            raise TooLarge(
                f"The images have more than {limit:,} bytes, the maximum of one file (FigServe.export_bytes). Export"
                " one notebook with ?notebook=PATH or one collection with ?collection=NAME."
            )
        return ExportSelection(query, used, tuple(plots))

    def _read_ids(self) -> tuple[str, ...] | None:
        """Return the figures that the query names; None for all."""
        ids = tuple(dict.fromkeys(self.get_query_arguments("figure")))
        if len(ids) > _MAX_SELECTED:
            raise InvalidInput(f"A selection has at most {_MAX_SELECTED} figures. Export a notebook or a collection.")
        return ids or None

    def _make_filename(self) -> str:
        """Return the name of the zip: of its collection or notebook, if it is one's."""
        place = self.get_query_argument("collection", "") or self.get_query_argument("notebook", "")
        return f"{slug(place.rpartition('/')[2].removesuffix('.ipynb')) or 'figures'}.zip"

    async def _find_session(self, session_id: str) -> tuple[str, list[Plot]]:
        """Return a session's kernel id and its unpublished plots; an ended session has none left."""
        try:
            session = await self.context.plots.get_session(session_id)
        except NotFound:
            return session_id, []
        if session.owner != self.principal.owner:
            return session.id, []
        plots = await self.context.plots.list(session.id)
        return session.id, [plot for plot in plots if plot.origin != "published"]

    async def _measure(self, query: FigureQuery) -> Usage:
        """Return the usage of a selection; stop at the limit, and let other requests run between two pages."""
        figures, limit = self.context.store.figures, self.context.config.export_bytes
        if (query.notebook, query.collection, query.session) != (None, None, None) or query.ids:
            return (await figures.measure(query))[0]
        total, after = Usage(), ""
        while True:
            used, following = await figures.measure(query, after)
            total = Usage(total.figures + used.figures, total.bytes + used.bytes)
            if following is None or (limit and total.bytes > limit):
                return total
            after = following
            await asyncio.sleep(0)

    def _set_headers(self, used: Usage) -> None:
        self.replace_headers(security_headers.JSON_HEADERS)
        self.set_header("Content-Type", "application/zip")
        self.set_header("Content-Disposition", content_disposition(self._make_filename(), is_download=True))
        # The length is not known before the end; these let a client show how far it is.
        self.set_header("X-Figserve-Figures", str(used.figures))
        self.set_header("X-Figserve-Bytes", str(used.bytes))

    def _make_archive(self, query: FigureQuery) -> ZipExport:
        base = self.base
        return ZipExport(
            self.context.store.blobs,
            lambda record: figure_json(record, base),
            self.context.templates.get_template("export/figures.html").generate,
            f"Figures of {query.notebook}" if query.notebook else "Figures",
        )

    async def _send(self, archive: ZipExport, selection: ExportSelection) -> None:
        """Send the images, each read in a thread once the client has received the previous one."""
        async with contextlib.aclosing(self._records(selection.query)) as records:
            async for record in records:
                data = await asyncio.to_thread(archive.add, record)
                await self.flush_in_time(data)
        for plot in selection.plots:
            await self.flush_in_time(await self._add_plot(archive, str(selection.query.session), plot))
        rest = archive.end(self.context.store.clock())
        while (piece := await asyncio.to_thread(next, rest, None)) is not None:
            await self.flush_in_time(piece)

    async def _add_plot(self, archive: ZipExport, session: str, plot: Plot) -> bytes:
        """Add a captured plot or a file; one that no longer exists is listed without a file."""
        data: bytes | None = None
        with contextlib.suppress(FigServeError):
            data = await (await self.context.plots.get(session, plot.path, published=False)).read()
        row = {"name": plot.path, "title": "", "alt": "", "notebook": None, "version": plot.version or 1}
        row |= {"session": session, "origin": plot.origin, "updated": rfc3339(plot.created)}
        name = get_format_of_mimetype(plot.mimetype).name
        return await asyncio.to_thread(archive.add_plot, row, name, plot.created, data)

    async def _records(self, query: FigureQuery) -> AsyncGenerator[FigureRecord, None]:
        cursor: str | None = None
        while True:
            page, cursor = await self.context.store.figures.list_page(query, _PAGE_SIZE, cursor)
            for record in page:
                yield record
            if cursor is None:
                return
