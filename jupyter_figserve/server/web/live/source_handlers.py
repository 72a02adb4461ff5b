"""``/api/live/{id}/source``: a live figure's function sent to outlive its kernel, and taken back. Server process."""

from __future__ import annotations

import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.httputil import parse_body_arguments

from ....errors import InvalidInput, NotFound
from ....model.keys import PUBLISH
from ....model.live import LiveDeclaration
from ..http.upload_handler import StreamingUploadHandler
from .handlers import LiveHandler

_FORM_BYTES = 2**20
"""Of what comes beside the function: its parameters with all their choices, and the form itself."""
_MAX_LIBRARIES, _LIBRARY_LENGTH = 40, 60


class LiveSourceHandler(StreamingUploadHandler, LiveHandler):
    """``/api/live/{id}/source``."""

    scopes = {"POST": PUBLISH, "DELETE": PUBLISH}
    body_trait = "detach_bytes"

    @property
    def body_limit(self) -> int:
        return self.context.config.detach_bytes + _FORM_BYTES

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def post(self, live_id: str) -> None:
        target, body = await self.get_own_lasting(live_id), self.read_body()
        words, data = read_source_form(body, self.request.headers.get("Content-Type", ""))
        if len(data) > self.context.config.detach_bytes:
            raise self._too_large()
        declaration = LiveDeclaration.from_json(words.get("declaration"))
        if declaration.name != target.record.name:
            raise InvalidInput(f"This is the function of {declaration.name!r:.60}, and not of this live figure.")
        keeping = self.context.detached.keep(target.record, declaration, data, read_libraries(words))
        kept = await self.run_until_disconnect(keeping)
        source = kept.source
        self.write_json(
            {"id": live_id, "size": source.size, "digest": source.digest, "libraries": source.libraries}, 201
        )

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def delete(self, live_id: str) -> None:
        target = await self.get_own_lasting(live_id)
        if not await self.context.detached.remove(target.record):
            raise NotFound("This live figure is not detached.", code="not_detached")
        self.set_status(204)
        self.finish()


def read_source_form(body: bytes, content_type: str) -> tuple[dict[str, Any], bytes]:
    """The ``function`` part, an object, and the bytes of the ``source`` part, which are looked at by nobody here.

    Raises
    ------
    InvalidInput
        When it is no such form.
    """
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[Any]] = {}
    try:
        parse_body_arguments(content_type, body, arguments, files)
        (text,), (source,) = arguments["function"], files["source"]
        words = json.loads(text)
    except Exception as error:
        raise InvalidInput(
            'A function is sent as multipart/form-data with a part "function" (JSON) and a file "source".',
            code="invalid_form",
        ) from error
    if not isinstance(words, dict) or not source["body"]:
        raise InvalidInput('The part "function" is an object, and "source" is not empty.', code="invalid_form")
    return words, source["body"]


def read_libraries(words: dict[str, Any]) -> dict[str, str]:
    """Versions by name, of those that can be such."""
    given = words.get("libraries")
    pairs = list(given.items())[:_MAX_LIBRARIES] if isinstance(given, dict) else []
    return {
        str(name)[:_LIBRARY_LENGTH]: version[:_LIBRARY_LENGTH] for name, version in pairs if isinstance(version, str)
    }
