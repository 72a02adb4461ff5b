"""Requests of this server's own HTTP API without a network, with the credential of the request at hand. Server process.

So each call of a tool has the checks, limits, quotas and audit events of the route that it stands for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from tornado import httputil
from tornado.web import Application

from ....assistant.api import Permissions
from ....errors import CodeFailed, FigServeError, RetryLater

_PASSED_ON = ("Host", "X-API-Key", "Authorization", "User-Agent")
"""Headers of the request at hand that its own requests have too."""


class LocalApi:
    """The HTTP API for the sender of ``request``.

    Parameters
    ----------
    prefix
        Path of our routes.
    """

    def __init__(
        self, application: Application, request: httputil.HTTPServerRequest, prefix: str, permissions: Permissions
    ) -> None:
        self._application = application
        self._request = request
        self._prefix = prefix
        self._permissions = permissions

    async def find_permissions(self) -> Permissions:
        return self._permissions

    async def get(self, path: str, **query: Any) -> Any:
        return json.loads(await self._ask("GET", path, query, {"Accept": "application/json"}))

    async def get_bytes(self, path: str, **query: Any) -> bytes:
        return await self._ask("GET", path, query, {"Accept": "*/*"})

    async def send(self, method: str, path: str, value: Any) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        return json.loads(await self._ask(method, path, {}, headers, json.dumps(value).encode()))

    async def upload(self, path: str, content_type: str, body: bytes, **query: Any) -> Any:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        return json.loads(await self._ask("POST", path, query, headers, body))

    async def _ask(
        self, method: str, path: str, query: Mapping[str, Any], headers: Mapping[str, str], body: bytes = b""
    ) -> bytes:
        """Return the body of a response.

        Raises
        ------
        FigServeError
            For an error response.
        """
        given = {name: value for name, value in query.items() if value is not None}
        uri = f"{self._prefix}/{path}" + (f"?{urlencode(given)}" if given else "")
        own = {name: self._request.headers[name] for name in _PASSED_ON if name in self._request.headers}
        head = httputil.HTTPHeaders(own | dict(headers) | ({"Content-Length": str(len(body))} if body else {}))
        line = httputil.RequestStartLine(method, uri, "HTTP/1.1")
        connection = _LocalConnection(self._request)
        delegate = self._application.find_handler(
            httputil.HTTPServerRequest(start_line=line, headers=head, connection=connection)
        )
        try:
            prepared = delegate.headers_received(line, head)
            if prepared is not None:
                await prepared
            if body and (received := delegate.data_received(body)) is not None:
                await received
            delegate.finish()
            status, response = await connection.response
        except asyncio.CancelledError:
            delegate.on_connection_close()
            raise
        if status >= 400:
            raise _to_error(status, connection.headers, response)
        return response


class _LocalConnection(httputil.HTTPConnection):
    """Takes the place of a client's connection, and keeps the response.

    Parameters
    ----------
    request
        Whose address and scheme the request has.
    """

    stream = None
    no_keep_alive = False

    def __init__(self, request: httputil.HTTPServerRequest) -> None:
        self.context = request
        self.headers = httputil.HTTPHeaders()
        self.response: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._status = 0
        self._chunks: list[bytes] = []

    def set_close_callback(self, callback: Any) -> None:
        """Ignore it: ``LocalApi`` tells the handler of the end of the request at hand."""

    def set_max_body_size(self, max_body_size: int) -> None:
        """Ignore it: the body is in memory already."""

    def write_headers(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
        chunk: bytes | None = None,
    ) -> asyncio.Future[None]:
        assert isinstance(start_line, httputil.ResponseStartLine)
        self._status, self.headers = start_line.code, headers
        return self.write(chunk or b"")

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        self._chunks.append(bytes(chunk))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def finish(self) -> None:
        if not self.response.done():
            self.response.set_result((self._status, b"".join(self._chunks)))


def _to_error(status: int, headers: Mapping[str, str], body: bytes) -> FigServeError:
    try:
        details = json.loads(body)
        message = str(details["error"])
    except (ValueError, KeyError, TypeError):
        return FigServeError(f"The server answered with status {status}.")
    if details.get("code") == CodeFailed.code:
        known = {"line": details.get("line"), "traceback": details.get("traceback", "")}
        return CodeFailed(message, kind=str(details.get("type", "")), output=details.get("output", ""), **known)
    wait = headers.get("Retry-After", "")
    if wait.isdigit():
        return RetryLater(message, code=details.get("code"), retry_after=int(wait))
    return FigServeError(message, code=details.get("code"))
