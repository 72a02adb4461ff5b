"""Figures for their owners: publish, list, change, delete, and their images. Server process."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import InvalidInput
from ....model.events import FIGURE_CHANGED, FIGURE_DELETED, FIGURE_PUBLISHED, FIGURE_RESTORED
from ....model.figures import FigureRecord, sha256_hex
from ....model.formats import Format, get_format
from ....model.keys import PUBLISH, READ
from ....model.new_version import NewVersion
from ....model.places import check_collection
from ....model.queries import FigureQuery
from ....model.texts import MAX_ALT_LENGTH, MAX_CAPTION_LENGTH, MAX_TITLE_LENGTH, validate_single_line
from ...services.figures.cell_code import trim_code
from ...services.figures.redraw import render_again
from ...services.figures.source_checker import API_PATIENCE
from ...services.figures.stored import find_stored
from ...services.figures.stored_blob import StoredBlob
from ...services.figures.upload import read_upload
from ...services.script_figures.upload import convert_upload
from ...services.timings import CHECK, timed
from ..http.listing import list_in_parts
from ..http.private_handler import AuthenticatedHandler
from ..http.representation import RepresentationResponse
from ..http.service_relay import relay_list, relayed
from ..http.upload_handler import UploadHandler
from .data_responses import csv_response
from .json_views import figure_json, version_json

_FILTERS = ("session", "name", "q", "notebook", "collection", "here")
_AUDITED_AT_ONCE = 1_000
_TEXT_LENGTHS = {"title": MAX_TITLE_LENGTH, "alt": MAX_ALT_LENGTH, "caption": MAX_CAPTION_LENGTH}


class FiguresHandler(UploadHandler):
    """``/api/figures``."""

    scopes = {"GET": READ, "HEAD": READ, "POST": PUBLISH, "DELETE": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        if await relay_list(self):
            return
        query = await self._read_filter()
        limit = self.limit_argument()
        cursor = self.get_query_argument("cursor", None)
        list_page, base = partial(self.context.store.figures.list_page, query), self.base
        known = self.context.source_checker.known
        found, following = await list_in_parts(list_page, lambda one: figure_json(known(one), base), limit, cursor)
        self.write_json({"figures": found, "next": following})

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self) -> None:
        limits = self.context.config.figure_pixels, self.context.config.animation_frames
        body, headers, own_title = await convert_upload(self.read_body(), self.request.headers)
        with timed(CHECK):
            upload = await self.parse(read_upload, body, headers, self.raw_query(), *limits)
        identity = await self.make_identity(upload.name, upload.place)
        draft = NewVersion(
            identity,
            upload.images,
            upload.title or own_title,
            upload.alt,
            upload.caption,
            session=self.principal.kernel,
            thumbnail=upload.thumbnail,
            provenance=upload.provenance,
            code=trim_code(upload.code, self.context.config.cell_code_bytes),
        )
        record = await self.context.store.figures.publish(draft)
        await self.announce(FIGURE_PUBLISHED, record.id, version=record.version.number)
        self.set_header("Location", self.base.page(record))
        self.write_json(figure_json(self.context.source_checker.known(record), self.base), 201)

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def delete(self) -> None:
        """Delete all figures of a notebook or a collection."""
        query = await self._read_filter()
        is_here = self.principal.kernel is not None and "here" in self.request.query_arguments
        # Without a kernel, "here" is the collection that all programs share.
        if not is_here and {"notebook", "collection"}.isdisjoint(self.request.query_arguments):
            raise InvalidInput(
                "Name the notebook or collection whose figures to delete: ?notebook=PATH, ?collection=NAME or ?here=1."
            )
        store = self.context.store
        ids = await store.figures.list_ids(query)
        deleted = await store.figures.delete(ids)
        for start in range(0, len(ids), _AUDITED_AT_ONCE):
            self.audit(FIGURE_DELETED, "*", ids=list(ids[start : start + _AUDITED_AT_ONCE]))
            await asyncio.sleep(0)
        await self.context.events.wake()
        self.write_json({"deleted": deleted})

    async def _read_filter(self) -> FigureQuery:
        given = {name: self.get_query_argument(name, None) for name in _FILTERS}
        given |= {name: self.find_name(name) for name in ("name", "q")}
        given["notebook"] = self.find_notebook()
        if given["here"] is not None:
            here = await self.make_identity("here")
            return FigureQuery(
                here.owner,
                scope=here.scope,
                notebook=here.notebook,
                maker=here.maker,
                collection=here.collection,
                name=given["name"],
                text=given["q"],
            )
        return FigureQuery(
            self.principal.owner_filter,
            await self.find_kernel_id(given["session"]),
            notebook=given["notebook"],
            collection=None if given["collection"] is None else check_collection(given["collection"]),
            name=given["name"],
            text=given["q"],
        )


class FigureHandler(AuthenticatedHandler):
    """``/api/figures/{id}``."""

    scopes = {"GET": READ, "HEAD": READ, "PATCH": PUBLISH, "DELETE": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    @relayed
    async def get(self, figure_id: str) -> None:
        record = await self.get_owned_figure(figure_id, self.int_argument("version"))
        self.write_json(figure_json(await self.context.source_checker.checked(record, API_PATIENCE), self.base))

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def patch(self, figure_id: str) -> None:
        record = await self.get_owned_figure(figure_id)
        body = self.json_body(tuple(_TEXT_LENGTHS))
        changes = {name: validate_single_line(body[name], name, _TEXT_LENGTHS[name]) for name in body}
        changed = await self.context.store.figures.change_text(record, **changes)
        await self.announce(FIGURE_CHANGED, record.id, fields=sorted(changes))
        self.write_json(figure_json(changed, self.base))

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def delete(self, figure_id: str) -> None:
        record = await self.get_owned_figure(figure_id)
        await self.context.view_counter.flush()
        await self.context.store.figures.delete([record.id])
        await self.announce(FIGURE_DELETED, record.id)
        self.write_no_content()


class RestoreHandler(AuthenticatedHandler):
    """``/api/figures/{id}/restore``: undoes a deletion."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self, figure_id: str) -> None:
        figures = self.context.store.figures
        await self.check_restorable(figures, figure_id, "figure")
        record = await figures.restore(figure_id)
        await self.announce(FIGURE_RESTORED, record.id)
        self.write_json(figure_json(record, self.base))


class VersionsHandler(AuthenticatedHandler):
    """``/api/figures/{id}/versions``."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, figure_id: str) -> None:
        record, base = await self.get_owned_figure(figure_id), self.base
        versions = await self.context.store.figures.list_versions(record.id)
        known = [self.context.source_checker.known(replace(record, version=version)).version for version in versions]
        self.write_json({"versions": [version_json(record, version, base) for version in known]})

    head = get


class FigureBytesHandler(AuthenticatedHandler):
    """``/figures/{id}.{ext}``: a stored representation for its owner, else one rendered from the source."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    @relayed
    async def get(self, figure_id: str, suffix: str) -> None:
        await self.send(await self.get_owned_figure(figure_id, self.int_argument("version")), suffix)

    head = get

    async def send(self, record: FigureRecord, suffix: str) -> None:
        """Send a figure in a format."""
        if suffix == "json":
            record = await self.context.source_checker.checked(record, API_PATIENCE)
            self.write_json(figure_json(record, self.base), filename=f"{record.name}.json")
            return
        if suffix == "csv":
            await self._send_csv(record)
            return
        is_pinned = "version" in self.request.query_arguments
        await self.send_representation(await self._find_or_render(record, get_format(suffix), is_pinned=is_pinned))

    async def _send_csv(self, record: FigureRecord) -> None:
        """Send what the axes show."""
        number = self.int_argument("table")
        record = await self.context.source_checker.recheck_problem(record)
        writing = self.context.figure_data.write_csv(record, number, self.caller, self.count_render)
        body = await self.run_until_disconnect(writing)
        await self.send_representation(csv_response(body, number, record.name, "private, no-cache", is_public=False))

    async def _find_or_render(self, record: FigureRecord, row: Format, *, is_pinned: bool) -> RepresentationResponse:
        """Return the response; one with a pinned version never changes."""
        context, options, filename = self.context, self.draw_options(row), f"{record.name}.{row.name}"
        stored, cache_control = find_stored(record, row, options), "private, no-cache"
        if stored is None:
            record = await context.source_checker.recheck_problem(record)
            rendering = render_again(context.store, context.rendering, record, options, self.caller, self.count_render)
            image = await self.run_until_disconnect(rendering)
            digest = sha256_hex(image.data)
            return RepresentationResponse(row, digest, filename, cache_control, image.data, is_public=False)
        if is_pinned:
            cache_control = "private, max-age=31536000, immutable"
        blob = StoredBlob(context.blob_cache, stored.digest, stored.size)
        return RepresentationResponse(row, stored.digest, filename, cache_control, blob, is_public=False)
