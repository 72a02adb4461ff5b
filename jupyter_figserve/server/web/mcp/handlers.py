"""``POST /api/mcp``: the Model Context Protocol over HTTP, stateless, for keys alone. Server process."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NoReturn

from jupyter_server.auth.decorator import authorized
from tornado import web

from .... import __version__
from ....assistant.api import Permissions
from ....assistant.protocol import load_sdk, make_server
from ....errors import Forbidden, InvalidInput, Unauthorized, UnsupportedType
from ....model.keys import SCOPES
from ...services.auth.credentials import find_key
from ..http.private_handler import AuthenticatedHandler
from ..http.query import parse_json_object
from .asgi import AsgiResponse, call_application
from .local_api import LocalApi

_NEEDS_KEY = (
    "The Model Context Protocol needs an API key: send it as X-API-Key or as Authorization: Bearer fsk_…. Create one"
    " with `jupyter figserve keys create`."
)
_JSON = "application/json"
_PARSE_ERROR = -32700
"""Source: jsonrpc.org, "Error object"."""


class McpHandler(AuthenticatedHandler):
    """``POST /api/mcp``: one JSON-RPC message; the key's scopes decide which tools there are."""

    scopes = {"POST": SCOPES}
    body_trait = "mcp_body_bytes"

    @property
    def body_limit(self) -> int:
        return self.context.config.mcp_body_bytes

    async def admit(self) -> None:
        if not self.is_method_implemented:
            raise web.HTTPError(405)
        if find_key(self.request.headers) is None:
            # Logins are for people: a page of another site could use their cookie.
            raise Unauthorized(_NEEDS_KEY, code="key_required")
        await super().admit()

    def _check_origin(self) -> None:
        # Source: modelcontextprotocol.io, "Transports", on DNS rebinding.
        if not self.check_origin():
            raise Forbidden("Pages of other sites cannot use the Model Context Protocol here.", code="cross_origin")

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def post(self) -> None:
        body = self.read_body()
        if self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != _JSON:
            raise UnsupportedType(f"Send one JSON-RPC message as {_JSON}.")
        try:
            json.dumps(parse_json_object(body), ensure_ascii=False).encode()
        except InvalidInput as error:
            self._write_parse_error(error.message)
        except UnicodeEncodeError:
            self._write_parse_error("The body has an unpaired surrogate, which UTF-8 cannot encode.")
        await asyncio.to_thread(load_sdk)
        self._respond(await self.run_until_disconnect(self._answer(body)))

    async def _answer(self, body: bytes) -> AsgiResponse:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        config, context = self.context.config, self.context
        permissions = Permissions(self.principal.scopes, (), config.mcp_image_bytes, config.figure_bytes)
        api = LocalApi(self.application, self.request, context.addresses.prefix, permissions)
        manager = StreamableHTTPSessionManager(make_server(api, __version__), json_response=True, stateless=True)
        async with manager.run():
            return await call_application(manager.handle_request, self.request, body)

    def _respond(self, answer: AsgiResponse) -> None:
        self.set_header("Cache-Control", "private, no-store")
        self.set_status(answer.status)
        if answer.body:
            self.set_header("Content-Type", "application/json; charset=utf-8")
            self.finish(answer.body)
        else:
            self.finish()

    def _write_parse_error(self, message: str) -> NoReturn:
        """Answer what is not one JSON-RPC message; the protocol has no batches any more."""
        error: dict[str, Any] = {"code": _PARSE_ERROR, "message": f"{message} Send one JSON-RPC message."}
        body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
        self._respond(AsgiResponse(400, {}, body))
        raise web.Finish
