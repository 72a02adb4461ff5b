"""Posted code becomes a picture: over HTTP, for keys with the scope render and for logins. Server process."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import Conflict, FigServeError, InvalidInput, UnsupportedType
from ....model.figures import FigureRecord, slug
from ....model.keys import RENDER
from ....model.new_version import NewVersion
from ....sandbox.renderer import ALL, RenderResult
from ...services.rendering.request import SEEDS, RenderRequest, parse_render_request, requested_error_format
from ..http import json_views
from ..http.upload_handler import StreamingUploadHandler
from .error_responses import CodeErrorMixin, is_of_code
from .responses import respond_image, respond_json, respond_zip, set_output_header

_ESCAPED = 6
"""Characters that JSON may need for one byte of code, as in \\u00e9."""
_INLINE_BLOB_BYTES = 4_096
_PYTHON = ("text/x-python", "application/x-python", "text/plain")
_JSON = ("application/json", "")
# What curl -d says of its body, whatever it is.
_FORM = "application/x-www-form-urlencoded"


class CodeHandler(CodeErrorMixin, StreamingUploadHandler):
    """Takes code, as JSON or as it is with the rest in the query."""

    scopes = {"POST": RENDER}
    body_trait = "render_code_bytes"
    shows_traceback = True

    @property
    def body_limit(self) -> int:
        return self.context.config.render.code_bytes * _ESCAPED + _INLINE_BLOB_BYTES

    def read_wish(self) -> RenderRequest:
        """What is asked for, counted against the caller's rate.

        Raises
        ------
        FigServeError
            Saying what is wrong with it.
        """
        query = {name: self.raw_query_argument(name) for name in self.request.query_arguments if name[:1] != "_"}
        query.pop("token", None)
        limits, accept = self.context.config.render, self.request.headers.get("Accept", "")
        self.card_format = requested_error_format(query, accept)
        values = {**query, **self.read_fields()}
        self.card_format = requested_error_format(values, accept)
        wish = parse_render_request(values, limits, accept)
        self.context.render_limiter.note(self.principal.key.id if self.principal.key else "login")
        return wish

    def read_fields(self) -> Mapping[str, object]:
        """The fields that the body brings."""
        body = self.read_body()
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in _PYTHON:
            return {"code": _text(body)}
        if kind in _JSON or (kind == _FORM and body.lstrip()[:1] == b"{"):
            return _json_object(body)
        raise UnsupportedType(f"A body of type {kind!r:.60} is not taken; send application/json or text/x-python.")

    async def draw(self, wish: RenderRequest) -> tuple[RenderResult, bool]:
        """The pictures, and whether they were known; the same for the same seed."""
        drawing, job = self.context.rendering, wish.job()
        if wish.seed is not None:
            return await self.run_until_disconnect(drawing.render_cached(job))
        return await self.run_until_disconnect(drawing.render(job)), False


class RendersHandler(CodeHandler):
    """``POST /api/renders``."""

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def post(self) -> None:
        async with self.drawing_cards():
            wish = self.read_wish()
            await (self._keep(wish) if wish.keep else self._send(wish))

    async def _send(self, wish: RenderRequest) -> None:
        rendered, is_known = await self.draw(wish)
        self.set_header("Cache-Status", "figserve; hit" if is_known else "figserve; fwd=miss")
        if wish.wants_json:
            respond_json(self, wish, rendered)
        elif wish.figure == ALL:
            respond_zip(self, wish, rendered)
        else:
            respond_image(self, wish, rendered)

    async def _keep(self, wish: RenderRequest) -> None:
        """Make the picture a figure of the caller's."""
        self.principal.check(("publish",))
        context = self.context
        if context.config.is_render_only:
            raise Conflict("This server renders and keeps nothing; leave out keep.", code="render_only")
        if wish.seed is None:
            # A fresh one that is known: other sizes of the figure must show the same.
            wish = replace(wish, seed=secrets.randbelow(SEEDS))
        rendered = await self.run_until_disconnect(context.rendering.render(wish.job()))
        draft = await self._draft(wish, rendered)
        record: FigureRecord = await context.store.figures.publish(draft)
        await context.events.wake()
        context.svg_archiver.note(record.id, record.version.number)
        self.set_header("Location", self.base.page(record))
        set_output_header(self, rendered)
        self.write_json(json_views.figure_json(record, self.base), 201)

    async def _draft(self, wish: RenderRequest, rendered: RenderResult) -> NewVersion:
        name = wish.name or slug(rendered.title) or f"render-{rendered.images[0].to_representation().digest[:8]}"
        how = {"seed": wish.seed, "figure": wish.figure, "timeout": wish.timeout, "style": wish.options.style}
        return NewVersion(
            identity=await self.make_identity(name),
            payloads=rendered.images[:1],
            title=rendered.title,
            alt=rendered.alt,
            session=self.principal.kernel,
            origin="render",
            thumbnail=rendered.thumbnail,
            source=("code", wish.code.encode(), dict(rendered.libraries)),
            provenance={
                "libraries": dict(rendered.libraries),
                "render": {name: value for name, value in how.items() if value is not None},
            },
        )


class SimpleRenderHandler(CodeHandler):
    """``POST /render-matplotlib``: ``{"code": …}`` gives a PNG, or 500 with the trace."""

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def post(self) -> None:
        wish = self.read_wish()
        rendered, _ = await self.draw(wish)
        respond_image(self, wish, rendered)

    def read_fields(self) -> Mapping[str, object]:
        fields = super().read_fields()
        unknown = sorted(set(fields) - {"code"}) or [name for name in self.request.query_arguments if name[:1] != "_"]
        if unknown and unknown != ["token"]:
            raise InvalidInput(f"There is no field {unknown[0]!r:.60}; send code alone, or use POST api/renders.")
        return {**fields, "format": "png"}

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, FigServeError) and is_of_code(error):
            trace = getattr(error, "traceback", "") or error.message
            self.set_status(500)
            self.write_json(
                {"error": error.message, "code": error.code, **self.error_details(error), "traceback": trace}, 500
            )
        else:
            super().write_error(status_code, **kwargs)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput("The code is not UTF-8.") from error


def _json_object(body: bytes) -> dict[str, object]:
    try:
        data = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body is not JSON.", code="invalid_json") from error
    if not isinstance(data, dict):
        raise InvalidInput('The body is JSON but not an object; send {"code": "…"}.', code="invalid_json")
    return data
