"""Pages for the owner, and the files that pages load. Server process."""

from __future__ import annotations

from pathlib import Path

from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from tornado import web

from ..errors import NotFound
from ..formats import FORMATS
from ..store import links
from . import headers
from .assets import static_files
from .base import PublicHandler
from .private import PrivateHandler

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class FigurePageHandler(PrivateHandler):
    """``/figures/{id}``: one figure with its versions, files and links."""

    is_page = True
    scopes = {"GET": ("read",), "HEAD": ("read",)}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, figure_id: str) -> None:
        record, services = self.get_own_figure(figure_id, self.integer("version")), self.services
        await services.views.flush()
        main = record.version.representations[0]
        frame = frames = None
        if main.format is FORMATS["html"]:
            frame, frames = self.frame_address(record, None)
        self.answer_page(
            "figure.html",
            frames=frames or headers.NOBODY,
            record=record,
            main=main,
            frame=frame,
            versions=services.store.versions(record.id),
            links=links.of_figure(services.store.catalog.reader, record.id),
            now=services.store.clock(),
        )

    head = get


class StaticHandler(PublicHandler):
    """``/static/{file}``: our own style and scripts; the query holds their digest, so that they are kept for ever."""

    @allow_unauthenticated
    async def get(self, name: str) -> None:
        files = static_files()
        if name not in files:
            raise NotFound("There is nothing at this address.")
        data, digest = files[name]
        self.replace_headers(headers.of_page() | {"Cache-Control": "public, max-age=31536000, immutable"})
        self.set_header("Content-Type", _TYPES[Path(name).suffix])
        self.set_header("ETag", f'"{digest}"')
        self.finish(data)

    head = get
