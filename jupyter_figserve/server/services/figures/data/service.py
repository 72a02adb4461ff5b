"""What the axes of a published figure show, as tables. Server process.

A source is opened only in the sandbox, which returns lines of JSON; the JSON of Plotly and Vega is in the stored HTML.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from cachetools import LRUCache

from .....errors import Conflict, FigServeError, OutputInvalid, TooLarge
from .....model.data_tables import FigureData, from_lines
from .....model.figures import FigureRecord, Representation
from .....model.formats import FORMATS, TABLES
from .....model.rendering import DrawOptions
from .....model.source_check import ALL_FORMATS, DIFFERENT
from .....store.store import Store
from ...callers import OWNER, Caller
from ...rendering.service import BeforeRender, RenderService
from ...single_flight import SingleFlight
from ..redraw import NotRunning, render_source
from ..source_problems import explain_no_kernel, find_problem
from .files import write_csv, write_json
from .plotly_tables import read_plotly
from .script_specs import find_spec
from .vega_tables import read_vega

T = TypeVar("T")
PREVIEW_ROWS = 20
"""Rows of a table on a page."""
PREVIEW_COLUMNS = 12
_PREVIEWS = 200
_THREADS = 2
_THREADS_OF_VISITORS = 1
_NOTHING = FigureData(())
_PATIENCE = 3.0
"""Seconds for which a page waits for a preview."""
_NO_SPEC = "It is interactive HTML of a library whose data cannot be read; that of Plotly and Altair can."


@dataclass(frozen=True)
class DataLimits:
    """Limits of a figure's data.

    Parameters
    ----------
    rows
        Maximum number of rows of one table.
    size
        Maximum bytes of the data as JSON.
    """

    rows: int
    size: int


class FigureDataService:
    """Reads the data of figures."""

    def __init__(
        self,
        store: Store,
        rendering: RenderService,
        read_blob: Callable[[str], Awaitable[bytes]],
        limits: DataLimits,
    ) -> None:
        self._store = store
        self._rendering = rendering
        self._read_blob = read_blob
        self.limits = limits
        self._previews: LRUCache[str, FigureData] = LRUCache(_PREVIEWS)
        self._files: LRUCache[str, bytes] = LRUCache(2 * limits.size, getsizeof=len)
        self._writes: SingleFlight[bytes] = SingleFlight()
        # A table of many rows takes a thread for a second: those of visitors never take all.
        self._turns = {False: asyncio.Semaphore(_THREADS), True: asyncio.Semaphore(_THREADS_OF_VISITORS)}

    async def read(
        self,
        record: FigureRecord,
        caller: Caller = OWNER,
        before_render: BeforeRender | None = None,
        rows: int | None = None,
    ) -> FigureData:
        """Return the tables of a figure's version.

        Parameters
        ----------
        rows
            Maximum number of rows of one table, within the limit.

        Raises
        ------
        Conflict
            When it has no data, or none that can be read, with the code ``no_data``; the message says why.
        TooLarge
            When there is more than the limit.
        Unavailable
            When the sandbox is busy.
        """
        count = min(rows or self.limits.rows, self.limits.rows)
        version = record.version
        html = version.find_representation(FORMATS["html"])
        if version.source is not None:
            return await self._read_source(record, caller, before_render, count)
        if html is not None:
            if before_render is not None:
                before_render()
            return await self._read_document(html, caller, count)
        raise Conflict(f"This figure has no data to download. {_reason(record)}", code="no_data")

    async def write_csv(
        self,
        record: FigureRecord,
        number: int | None,
        caller: Caller = OWNER,
        before_render: BeforeRender | None = None,
    ) -> bytes:
        """Return one table of a figure as CSV, or all in one; ``NotFound`` for a number that it does not have.

        Parameters
        ----------
        number
            The number of the table, from 1; None for all.
        """

        async def write() -> bytes:
            data = await self.read(record, caller, before_render)
            return await self._in_turn(caller, write_csv, data, number)

        return await self._write_once(f"csv {number} {_key(record)}", write, caller)

    async def write_json(
        self,
        record: FigureRecord,
        rows: int | None = None,
        caller: Caller = OWNER,
        before_render: BeforeRender | None = None,
    ) -> bytes:
        """Return all tables of a figure's version as JSON, each with at most ``rows`` rows."""
        version = record.version.number

        async def write() -> bytes:
            data = await self.read(record, caller, before_render, rows)
            return await self._in_turn(caller, write_json, data, version)

        return await self._write_once(f"json {rows} {version} {_key(record)}", write, caller)

    async def _write_once(self, key: str, write: Callable[[], Awaitable[bytes]], caller: Caller) -> bytes:
        """Return a file from memory, or write it; concurrent requests for the same one share it."""
        known = self._files.get(key)
        if known is None:
            known = await self._writes.run(key, lambda _claim: write(), caller)
            if len(known) <= self._files.maxsize // 2:
                self._files[key] = known
        return known

    async def _in_turn(self, caller: Caller, work: Callable[..., T], *arguments: Any) -> T:
        """Run ``work`` in a thread."""
        async with self._turns[caller.is_visitor]:
            return await asyncio.to_thread(work, *arguments)

    async def preview(
        self, record: FigureRecord, caller: Caller = OWNER, before_render: BeforeRender | None = None
    ) -> FigureData | None:
        """Return the first rows of a figure's tables for a page; None where there are none, or not soon enough."""
        version, key = record.version, _key(record)
        known = self._previews.get(key)
        if known is not None:
            return None if known is _NOTHING else known
        reading = asyncio.ensure_future(self.read(record, caller, before_render, PREVIEW_ROWS))
        try:
            found = await asyncio.wait_for(reading, _PATIENCE)
        except (FigServeError, TimeoutError) as error:
            if version.source is None and isinstance(error, (Conflict, TooLarge)):
                # A document is long, and stays as it is.
                self._previews[key] = _NOTHING
            return None
        tables = tuple(table.head(PREVIEW_ROWS, PREVIEW_COLUMNS) for table in found.tables)
        self._previews[key] = FigureData(tables, found.notes)
        return self._previews[key]

    async def _read_source(
        self, record: FigureRecord, caller: Caller, before_render: BeforeRender | None, rows: int
    ) -> FigureData:
        problem = find_problem(record.version, ALL_FORMATS)
        if problem is not None and problem.code != DIFFERENT:
            raise Conflict(f"The data of this figure cannot be read. {problem.reason}", code="no_data")
        options = DrawOptions(TABLES.name, rows=rows)
        try:
            image = await render_source(self._store, self._rendering, record, options, caller, before_render)
        except NotRunning as error:
            reason = explain_no_kernel(record.version).reason
            raise Conflict(f"The data of this figure cannot be read. {reason}", code="no_data") from error
        except OutputInvalid as error:
            if error.code == "no_data":
                raise Conflict(error.message, code="no_data") from error
            if error.code == "output_too_large":
                raise _too_large(self.limits.size) from error
            raise
        if len(image.data) > self.limits.size:
            raise _too_large(self.limits.size)
        return await self._in_turn(caller, from_lines, image.data, rows)

    async def _read_document(self, part: Representation, caller: Caller, rows: int) -> FigureData:
        data = await self._read_blob(part.digest)
        return await self._in_turn(caller, _read_html, data, rows, self.limits.size)


def _read_html(data: bytes, rows: int, max_size: int) -> FigureData:
    spec = find_spec(data.decode("utf-8", "replace"), max_size)
    if spec is None:
        raise Conflict(f"This figure has no data to download. {_NO_SPEC}", code="no_data")
    return (read_plotly if spec.library == "plotly" else read_vega)(spec.value, rows)


def _reason(record: FigureRecord) -> str:
    """Return why a figure without source and without HTML has no data."""
    problem = find_problem(record.version, ALL_FORMATS)
    assert problem is not None, "there is no source"
    return problem.reason


def _key(record: FigureRecord) -> str:
    """Return a text that is equal for versions with equal data: of all that the data is read from."""
    version = record.version
    if version.source is not None:
        source = version.source
        return json.dumps([source.kind, source.digest, version.provenance.get("render")], sort_keys=True, default=str)
    part = version.find_representation(FORMATS["html"]) or version.representations[0]
    return f"{part.mimetype} {part.digest}"


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The figure's data has more than {limit:,} bytes (FigServe.data_bytes).", code="data_too_large")
