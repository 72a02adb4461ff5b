"""``/api/live/{id}/source``: stores a live figure's function to outlive its kernel, and removes it. Server process."""

from __future__ import annotations

import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.httputil import parse_body_arguments

from ....errors import InvalidInput, NotFound
from ....model.keys import PUBLISH
from ....model.live import LiveDeclaration
from ..http.upload_handler import UploadHandler
from .handlers import LiveHandler

_MAX_FORM_BYTES = 2**20
"""Upper limit of the rest of the form: the declaration with all choices of its parameters, and the separators."""
_MAX_LIBRARIES, _MAX_LIBRARY_TEXT = 40, 60


class LiveSourceHandler(UploadHandler, LiveHandler):
    """``/api/live/{id}/source``."""

    scopes = {"POST": PUBLISH, "DELETE": PUBLISH}
    body_trait = "detach_bytes"

    @property
    def body_limit(self) -> int:
        return self.context.config.detach_bytes + _MAX_FORM_BYTES

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def post(self, live_id: str) -> None:
        target, body = await self.get_owned_by_id(live_id), self.read_body()
        fields, data = await self.parse(_parse_source_form, body, self.request.headers.get("Content-Type", ""))
        if len(data) > self.context.config.detach_bytes:
            raise self.too_large()
        declaration = LiveDeclaration.from_json(fields.get("declaration"))
        if declaration.name != target.record.name:
            raise InvalidInput(f"The function is of {declaration.name!r:.60}, not of this live figure.")
        attaching = self.context.detached.attach(target.record, declaration, data, _parse_libraries(fields))
        source = (await self.run_until_disconnect(attaching)).source
        self.audit("live.detached", live_id)
        self.write_json(
            {"id": live_id, "size": source.size, "digest": source.digest, "libraries": source.libraries}, 201
        )

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def delete(self, live_id: str) -> None:
        target = await self.get_owned_by_id(live_id)
        if not await self.context.detached.remove(target.record):
            raise NotFound("This live figure is not detached.", code="not_detached")
        self.audit("live.attached", live_id)
        self.write_no_content()


def _parse_source_form(body: bytes, content_type: str) -> tuple[dict[str, Any], bytes]:
    """Return the ``function`` part, a JSON object, and the bytes of the ``source`` part, which are not opened here.

    Raises
    ------
    InvalidInput
        When the body is not such a form.
    """
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[Any]] = {}
    try:
        parse_body_arguments(content_type, body, arguments, files)
        (text,), (source,) = arguments["function"], files["source"]
        fields = json.loads(text)
    except Exception as error:
        raise InvalidInput(
            'Send a function as multipart/form-data with a part "function" (JSON) and a file "source".',
            code="invalid_form",
        ) from error
    if not isinstance(fields, dict) or not source["body"]:
        raise InvalidInput('The part "function" must be an object, and "source" not empty.', code="invalid_form")
    return fields, source["body"]


def _parse_libraries(fields: dict[str, Any]) -> dict[str, str]:
    """Return the versions of libraries by name, without invalid entries."""
    given = fields.get("libraries")
    pairs = list(given.items())[:_MAX_LIBRARIES] if isinstance(given, dict) else []
    return {
        str(name)[:_MAX_LIBRARY_TEXT]: version[:_MAX_LIBRARY_TEXT]
        for name, version in pairs
        if isinstance(version, str)
    }
