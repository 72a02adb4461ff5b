"""Uploads of a kernel after it has published a version: source, code and archive images. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import InvalidInput, NotFound, TooLarge
from ....model.figures import FigureRecord
from ....model.keys import PUBLISH, READ
from ....model.query_names import is_ignored
from ....model.source_check import REDRAWS_HEADER
from ....model.texts import validate_single_line
from ...services.figures.cell_code import read_code, trim_code
from ...services.figures.upload import parse_image
from ...services.rendering.queue import PROBE_SECONDS
from ..http.query import parse_json_object
from ..http.request_body import MAX_JSON_BYTES
from ..http.upload_handler import UploadHandler

_LIBRARY_LENGTH = 40
_REASON_LENGTH = 500
_SIZES = ("width", "height", "dpi")


class VersionUploadHandler(UploadHandler):
    """Base of the handlers of uploads to an existing version."""

    def read_query(self) -> dict[str, str]:
        names = [name for name in self.request.query_arguments if not is_ignored(name)]
        return {name: self.get_query_argument(name)[:_LIBRARY_LENGTH] for name in names}


class SourceHandler(VersionUploadHandler):
    """``/api/figures/{id}/versions/{n}/source``: the source of a version, or why it has none."""

    scopes = {"PUT": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def put(self, figure_id: str, number: str) -> None:
        record = await self.get_owned_figure(figure_id, int(number))
        query, body, figures = self.read_query(), self.read_body(), self.context.store.figures
        kind = query.pop("kind", None)
        if kind == "figure" and body:
            await self._attach(record, int(number), body, query)
        elif kind == "none":
            if len(body) > MAX_JSON_BYTES:
                raise TooLarge(f"The reason has more than {MAX_JSON_BYTES:,} bytes of JSON.")
            reason = validate_single_line(parse_json_object(body).get("reason"), "reason", _REASON_LENGTH)
            if record.version.source is None:
                await figures.record_source_problem(record, int(number), reason)
        else:
            raise InvalidInput(
                "The source is empty." if kind == "figure" else "Add ?kind=figure, or ?kind=none with a reason."
            )
        self.write_no_content()

    async def _attach(self, record: FigureRecord, number: int, source: bytes, libraries: dict[str, str]) -> None:
        """Store a source, and tell the kernel whether it will be asked to draw it."""
        figures, checker, rendering = self.context.store.figures, self.context.source_checker, self.context.rendering
        is_new = await figures.attach_source(record, number, "figure", source, libraries)
        checker.schedule(record.id, number)
        if not rendering.queue.is_available:
            # The server may have just started.
            await rendering.queue.wait_for_status(PROBE_SECONDS)
        if not rendering.asks_kernels:
            return
        if not is_new and not checker.is_drawable_by_kernel(record):
            await figures.attach_source(record, number, "figure", source, libraries, replaces=True)
        self.set_header(REDRAWS_HEADER, "kernel")


class CodeHandler(VersionUploadHandler):
    """``/api/figures/{id}/versions/{n}/code``: the code of the cell that published a version."""

    scopes = {"GET": READ, "HEAD": READ, "PUT": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, figure_id: str, number: str) -> None:
        record = await self.get_owned_figure(figure_id, int(number))
        code = await read_code(record.version, self.context.blob_cache.get)
        if code is None:
            raise NotFound("This version was published without the code of its cell.", code="no_code")
        self.write_json({"version": record.version.number, "code": code})

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def put(self, figure_id: str, number: str) -> None:
        record = await self.get_owned_figure(figure_id, int(number))
        code = trim_code(self.read_body().decode("utf-8", "replace"), self.context.config.cell_code_bytes)
        if code:
            await self.context.store.figures.attach_code(record, int(number), code)
        self.write_no_content()


class RepresentationsHandler(VersionUploadHandler):
    """``/api/figures/{id}/versions/{n}/representations``: one more image of a version, from its publisher."""

    scopes = {"PUT": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def put(self, figure_id: str, number: str) -> None:
        record = await self.get_owned_figure(figure_id, int(number))
        size = {name: _number(value) for name, value in self.read_query().items() if name in _SIZES}
        content_type, context = self.request.headers.get("Content-Type", ""), self.context
        image = await self.parse(parse_image, self.read_body(), content_type, size, context.config.figure_pixels)
        await context.store.figures.add_representation(record, int(number), image)
        self.write_no_content()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidInput("width, height and dpi must be numbers.") from error
