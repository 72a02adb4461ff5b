"""Figures over HTTP for their owners: publish, list, change, delete, and their bytes. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import InvalidInput, NotFound
from ....model.figures import ALT_LENGTH, TITLE_LENGTH, FigureRecord, is_id, sha256_hex, validate_single_line
from ....model.formats import Format, get_format
from ....model.keys import PUBLISH, READ, Scope
from ....model.new_version import NewVersion
from ....model.queries import DEFAULT_LIMIT, FigureQuery
from ...services.figures.redraw import draw_again, find_stored
from ...services.figures.upload import read_upload
from ..http import json_views
from ..http.conditional_get import send_representation
from ..http.private_handler import AuthenticatedHandler
from ..http.representation import InHand, RepresentationResponse
from ..http.upload_handler import StreamingUploadHandler

_LIBRARY_LENGTH = 40


class FiguresHandler(StreamingUploadHandler):
    """``/api/figures``."""

    scopes = {"GET": READ, "HEAD": READ, "POST": PUBLISH, "DELETE": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        which = await self._filter()
        limit = self.int_argument("limit", DEFAULT_LIMIT) or DEFAULT_LIMIT
        cursor = self.get_query_argument("cursor", None)
        found, following = await self.context.store.figures.list_page(which, limit, cursor)
        base = self.base
        self.write_json({"figures": [json_views.figure_json(record, base) for record in found], "next": following})

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self) -> None:
        query = {name: self.raw_query_argument(name) for name in self.request.query_arguments if name[:1] != "_"}
        pixels = self.context.config.figure_pixels
        upload = read_upload(self.read_body(), self.request.headers, query, pixels)
        identity = await self.make_identity(upload.name)
        draft = NewVersion(
            identity,
            upload.payloads,
            upload.title,
            upload.alt,
            session=self.principal.kernel,
            thumbnail=upload.thumbnail,
            provenance=upload.provenance,
        )
        record = await self.context.store.figures.publish(draft)
        await self.context.events.wake()
        self.set_header("Location", self.base.page(record))
        self.write_json(json_views.figure_json(record, self.base), 201)

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def delete(self) -> None:
        """All figures of a notebook at once."""
        which = await self._filter()
        if which.notebook is None and which.maker is None:
            raise InvalidInput("Name the notebook whose figures are to go: ?notebook=PATH or ?here=1.")
        store = self.context.store
        deleted = await store.figures.delete(await store.figures.list_ids(which))
        await self.context.events.wake()
        self.write_json({"deleted": deleted})

    async def _filter(self) -> FigureQuery:
        query = {name: self.get_query_argument(name, None) for name in ("session", "name", "q", "notebook", "here")}
        owner = None if Scope.ADMIN in self.principal.scopes and not self.principal.is_login else self.principal.owner
        which = FigureQuery(owner, query["session"], notebook=query["notebook"], name=query["name"], text=query["q"])
        if query["here"] is None:
            return which
        identity = await self.make_identity("here")
        return FigureQuery(identity.owner, scope=identity.scope, notebook=identity.notebook, maker=identity.maker)


class FigureHandler(AuthenticatedHandler):
    """``/api/figures/{id}``."""

    scopes = {"GET": READ, "HEAD": READ, "PATCH": PUBLISH, "DELETE": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, figure_id: str) -> None:
        self.write_json(
            json_views.figure_json(await self.get_owned_figure(figure_id, self.int_argument("version")), self.base)
        )

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def patch(self, figure_id: str) -> None:
        record = await self.get_owned_figure(figure_id)
        changes = self.json_body(("title", "alt"))
        title = validate_single_line(changes.get("title", record.version.title), "title", TITLE_LENGTH)
        alt = validate_single_line(changes.get("alt", record.version.alt), "alternative text", ALT_LENGTH)
        changed = await self.context.store.figures.change_text(record, title, alt)
        await self.context.events.wake()
        self.write_json(json_views.figure_json(changed, self.base))

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def delete(self, figure_id: str) -> None:
        record = await self.get_owned_figure(figure_id)
        await self.context.view_counter.flush()
        await self.context.store.figures.delete([record.id])
        await self.context.events.wake()
        self.set_status(204)
        self.finish()


class RestoreHandler(AuthenticatedHandler):
    """``/api/figures/{id}/restore``: undoes a deletion."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self, figure_id: str) -> None:
        store = self.context.store
        known = None
        if is_id(figure_id):
            known = await store.figures.find(figure_id) or await store.figures.find_deleted(figure_id)
        if known is None or not self.principal.may_see(known.owner):
            raise NotFound("There is no deleted figure of this id that could come back.")
        record = await store.figures.restore(figure_id)
        await self.context.events.wake()
        self.write_json(json_views.figure_json(record, self.base))


class VersionsHandler(AuthenticatedHandler):
    """``/api/figures/{id}/versions``."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, figure_id: str) -> None:
        record, base = await self.get_owned_figure(figure_id), self.base
        versions = await self.context.store.figures.list_versions(record.id)
        self.write_json({"versions": [json_views.version(record, version, base) for version in versions]})

    head = get


class SourceHandler(StreamingUploadHandler):
    """``/api/figures/{id}/versions/{n}/source``: what a version can be drawn from again, sent after it."""

    scopes = {"PUT": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def put(self, figure_id: str, number: str) -> None:
        record = await self.get_owned_figure(figure_id, int(number))
        names = [name for name in self.request.query_arguments if name[:1] != "_" and name != "token"]
        query = {name: self.get_query_argument(name)[:_LIBRARY_LENGTH] for name in names}
        if query.pop("kind", None) != "figure":
            raise InvalidInput("A source has ?kind=figure.")
        body = self.read_body()
        if not body:
            raise InvalidInput("The source is empty.")
        store = self.context.store
        await store.figures.attach_source(record, int(number), "figure", body, query)
        self.context.svg_archiver.note(record.id, int(number))
        self.set_status(204)
        self.finish()


class FigureBytesHandler(AuthenticatedHandler):
    """``/figures/{id}.{ext}``: a representation for its owner, drawn again where none is stored."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, figure_id: str, suffix: str) -> None:
        version = self.int_argument("version")
        record = await self.get_owned_figure(figure_id, version)
        if suffix == "json":
            self.write_json(json_views.figure_json(record, self.base))
            return
        row, context = get_format(suffix), self.context
        options = self.draw_options(row)
        part, kept = find_stored(record, row, options), "private, no-cache"
        if part is None:
            drawn = await self.run_until_disconnect(draw_again(context.store, context.rendering, record, options))
            send_representation(self, _delivery(record, row, sha256_hex(drawn.data), kept), InHand(drawn.data))
            return
        if version is not None:
            kept = "private, max-age=31536000, immutable"
        send_representation(self, _delivery(record, row, part.digest, kept), context.links.blob_cache)

    head = get


def _delivery(record: FigureRecord, row: Format, digest: str, cache_control: str) -> RepresentationResponse:
    return RepresentationResponse(row, digest, f"{record.id}.{row.name}", cache_control, is_public=False)
