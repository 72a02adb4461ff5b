"""A figure's page for its owner. Server process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import NotFound
from ....model.figures import FigureRecord, Representation, Version
from ....model.formats import FORMATS
from ....model.keys import READ
from ....model.links import FIGURE, Target
from ...services.addresses import hidpi_address
from ...services.figures.cell_code import read_code
from ...services.figures.offers import PageOffers
from ..deleted_page import write_deleted_page
from ..http import security_headers
from .handlers import FigureBytesHandler

_MAX_FACT_LENGTH = 200
_NAMES = {"python": "Python", "numpy": "NumPy", "PIL": "Pillow"}
"""Names of libraries, by the modules that tell their versions."""


@dataclass(frozen=True)
class VersionPane:
    """A version on the page: its main representation, and the URL of its frame if that is HTML."""

    version: Version
    main: Representation
    frame: str | None

    @property
    def hidpi(self) -> str | None:
        """Suffix and query of the image for HiDPI screens."""
        part = self.version.hidpi
        return None if part is None else hidpi_address(part, f"version={self.version.number}")

    @property
    def is_image(self) -> bool:
        return self.frame is None and self.main.format.is_inline


class FigurePageHandler(FigureBytesHandler):
    """``/figures/{id}``: a figure with its metadata, or two of its versions side by side; in another format where
    ``Accept`` prefers one."""

    is_page = True
    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, figure_id: str) -> None:
        try:
            record = await self.get_owned_figure(figure_id, self.int_argument("version"))
        except NotFound:
            if not await write_deleted_page(self, FIGURE, figure_id):
                raise
            return
        self.set_header("Vary", "Accept")
        stored = self.with_csv([part.format.name for part in record.version.representations])
        suffix = self.negotiate_page(stored, is_complete=self.context.source_checker.is_complete(record))
        if suffix is not None:
            await self.send(record, suffix)
            return
        await self._write_page(await self.context.source_checker.checked(record))

    head = get

    async def _write_page(self, record: FigureRecord) -> None:
        figure_id, context = record.id, self.context
        other = self.int_argument("with")
        frames: list[str] = []
        records = [record] if other is None else [record, await self.get_owned_figure(figure_id, other)]
        panes = [self._pane(one, frames) for one in records]
        await context.view_counter.flush()
        store, session_id = context.store, record.version.session or ""
        self.set_xsrf_cookie()
        self.write_page(
            "figure/figure.html",
            frames=frames[0] if frames else security_headers.NONE,
            record=record,
            panes=panes,
            versions=await store.figures.list_versions(record.id),
            facts=dict(_facts(record.version)),
            links=await store.links.list_for_target(Target(FIGURE, record.id)),
            neighbours=await store.figures.find_neighbours(record),
            session=await store.sessions.find(session_id),
            now=context.store.clock(),
            offers=PageOffers.of(record.version),
            data=await context.figure_data.preview(record, self.caller, self.count_render),
            code=await read_code(record.version, context.blob_cache.get),
        )

    def _pane(self, record: FigureRecord, frames: list[str]) -> VersionPane:
        """Return the pane of a version; for HTML, append to ``frames`` the source that the policy must allow."""
        parts = record.version.representations
        main = next((part for part in parts if part.format.is_inline), parts[0])
        if parts[0].format is not FORMATS["html"]:
            return VersionPane(record.version, main, None)
        address, allowed = self.signed_frame_url(record, None)
        frames.append(allowed)
        return VersionPane(record.version, parts[0], address)


def _facts(version: Version) -> Iterator[tuple[str, str]]:
    """Yield label and text of the provenance; any program may publish, so its values may be of any type."""
    provenance = dict(version.provenance)
    cell = provenance.pop("cell", None)
    if isinstance(cell, dict):
        count = cell.get("execution_count")
        yield "Cell", _line(f"[{count}] {cell.get('id') or ''}" if count is not None else cell.get("id") or "")
    elif cell:
        yield "Cell", _line(cell)
    libraries = provenance.pop("libraries", None)
    if isinstance(libraries, dict):
        yield "Made with", _line(", ".join(f"{_NAMES.get(name, name)} {number}" for name, number in libraries.items()))
    render = provenance.pop("render", None)
    if isinstance(render, dict):
        yield "Rendered from code", _line(", ".join(f"{name} {value}" for name, value in render.items()))
    for name, value in provenance.items():
        yield _line(name.replace("_", " ").capitalize()), _line(value)


def _line(value: Any) -> str:
    text = str(value).strip()
    return text if len(text) <= _MAX_FACT_LENGTH else text[:_MAX_FACT_LENGTH] + "…"
