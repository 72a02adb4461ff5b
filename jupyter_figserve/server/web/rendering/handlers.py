"""Renders of posted code, for keys with the scope ``render`` and for logins. Server process."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import Conflict, InvalidInput, OutputInvalid, UnsupportedType
from ....model.events import FIGURE_PUBLISHED
from ....model.fields import check_field_names
from ....model.figures import FigureRecord
from ....model.keys import PUBLISH, RENDER
from ....model.new_version import NewVersion
from ....model.rendering import RenderResult
from ....model.texts import slug
from ...services.rendering.request import SEEDS, RenderRequest, parse_render_request, requested_error_format
from ..figures.json_views import figure_json
from ..http.content_negotiation import negotiate_formats
from ..http.query import parse_json_object
from ..http.upload_handler import UploadHandler
from .error_responses import CodeErrorMixin
from .responses import RenderResponseMixin

_JSON_BYTES_PER_BYTE = 6
"""JSON may need six characters for one byte of code, as in \\u00e9."""
_OTHER_FIELDS_BYTES = 4_096
_PYTHON_TYPES = ("text/x-python", "application/x-python", "text/plain")
_JSON_TYPES = ("application/json", "")
# curl -d declares any body as a form.
_FORM_TYPE = "application/x-www-form-urlencoded"


class PostedCodeHandler(CodeErrorMixin, RenderResponseMixin, UploadHandler):
    """Accepts code as JSON, or as plain text with the other fields in the query."""

    scopes = {"POST": RENDER}
    body_trait = "render_code_bytes"
    shows_traceback = True

    @property
    def body_limit(self) -> int:
        return self.context.config.render_code_bytes * _JSON_BYTES_PER_BYTE + _OTHER_FIELDS_BYTES

    def read_request(self) -> RenderRequest:
        """Parse the request and count it against the principal's rate limit.

        Raises
        ------
        FigServeError
            Saying what is wrong with it.
        """
        query = self.raw_query()
        query.pop("token", None)
        accepted = negotiate_formats(self.request.headers.get("Accept", ""))
        # Twice: reading the body may fail, and the body may name another format.
        self.error_format = requested_error_format(query, accepted)
        values = {**query, **self.read_fields()}
        self.error_format = requested_error_format(values, accepted)
        request = parse_render_request(values, self.context.config, accepted)
        self.count_render()
        return request

    def read_fields(self) -> Mapping[str, object]:
        """Return the fields in the body."""
        body = self.read_body()
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in _PYTHON_TYPES:
            return {"code": _decode(body)}
        if kind in _JSON_TYPES or (kind == _FORM_TYPE and body.lstrip()[:1] == b"{"):
            return parse_json_object(body)
        raise UnsupportedType(f"The body's type {kind!r:.60} is not supported; send application/json or text/x-python.")

    async def render_request(self, request: RenderRequest) -> tuple[RenderResult, bool]:
        """Return the result and whether it was cached; only requests with a seed are."""
        rendering, job = self.context.rendering, request.job()
        if request.seed is not None:
            return await self.run_until_disconnect(rendering.render_cached(job, self.caller))
        return await self.run_until_disconnect(rendering.render(job, self.caller)), False


class RendersHandler(PostedCodeHandler):
    """``POST /api/renders``."""

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def post(self) -> None:
        async with self.error_images():
            request = self.read_request()
            await (self._publish(request) if request.keep else self._send(request))

    async def _send(self, request: RenderRequest) -> None:
        result, is_cached = await self.render_request(request)
        self.set_header("Cache-Status", "figserve; hit" if is_cached else "figserve; fwd=miss")
        await self.respond(request, result)

    async def _publish(self, request: RenderRequest) -> None:
        """Publish the image as a figure of the principal."""
        self.principal.check(PUBLISH)
        context = self.context
        if context.config.is_render_only:
            raise Conflict("This server only renders and stores nothing; leave out keep.", code="render_only")
        if request.seed is None:
            # Chosen here and stored, so that other sizes of the figure show the same data.
            request = replace(request, seed=secrets.randbelow(SEEDS))
        result = await self.run_until_disconnect(context.rendering.render(request.job(), self.caller))
        draft = await self._make_draft(request, result)
        record: FigureRecord = await context.store.figures.publish(draft)
        await self.announce(FIGURE_PUBLISHED, record.id, version=record.version.number)
        record = await context.source_checker.accept(record)
        context.source_checker.schedule(record.id, record.version.number)
        self.set_header("Location", self.base.page(record))
        self.set_result_headers(result)
        self.write_json(figure_json(record, self.base), 201)

    async def _make_draft(self, request: RenderRequest, result: RenderResult) -> NewVersion:
        name = request.name or slug(result.title) or f"render-{result.images[0].to_representation().digest[:8]}"
        settings = {
            "seed": request.seed,
            "figure": request.figure,
            "timeout": request.timeout,
            "width": request.options.width,
            "height": request.options.height,
            "style": request.options.style,
            "dpi": request.options.dpi,
            "tight": request.options.tight or None,
            "transparent": request.options.transparent or None,
        }
        return NewVersion(
            identity=await self.make_identity(name, request.place),
            images=result.images[:1],
            title=result.title,
            alt=result.alt,
            session=self.principal.kernel,
            origin="render",
            thumbnail=result.thumbnail,
            source=("code", request.code.encode(), dict(result.libraries)),
            provenance={
                "libraries": dict(result.libraries),
                "render": {name: value for name, value in settings.items() if value is not None},
            },
        )


class SimpleRenderHandler(PostedCodeHandler):
    """``POST /render-matplotlib``: ``{"code": …}`` gives a PNG, or 500 with the traceback."""

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def post(self) -> None:
        request = self.read_request()
        result, _ = await self.render_request(request)
        await self.respond_image(request, result)

    def read_fields(self) -> Mapping[str, object]:
        fields = super().read_fields()
        check_field_names([*fields, *(name for name in self.raw_query() if name != "token")], ("code",))
        return {**fields, "format": "png"}

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, OutputInvalid):
            traceback = getattr(error, "traceback", "") or error.message
            details = {"error": error.message, "code": error.code, **self.error_details(error)}
            self.set_status(500)
            self.write_json({**details, "traceback": traceback}, 500)
        else:
            super().write_error(status_code, **kwargs)


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput("The code is not UTF-8.") from error
