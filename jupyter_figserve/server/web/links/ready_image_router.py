"""Answers requests for images of public links ahead of the handlers. Server process.

It repeats what ``PublicLinkHandler`` has answered, and leaves everything else to it: other methods, queries, ranges and
conditions, links for certain people or with a limit of views, and unknown hosts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any
from urllib.parse import unquote_to_bytes

from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
    format_timestamp,
)
from tornado.routing import Router

from ...services.links.ready_images import ReadyImage, is_plain
from ...services.traffic.client_addresses import group_address
from ...services.traffic.send_budget import Reader
from ..context import AppContext
from ..http.access_log import access_fields, record_for_jupyter, write_access_line
from ..http.paced_response import drop_unread
from .public_handler import PublicLinkHandler

_START_LINE = ResponseStartLine("", 200, "OK")


class ReadyImageRouter(Router):
    """Leads a request to the image that is ready for it, or to the handlers."""

    SUPPORTED_METHODS = ()
    """Jupyter looks up with it whether a handler's methods are authenticated."""

    def __init__(self, web_app: Any, context: AppContext, log: logging.Logger) -> None:
        self._web_app = web_app
        self._context = context
        self._log = log
        self._start = f"{context.addresses.prefix}/f/"
        self._path = context.addresses.prefix + str(PublicLinkHandler.redacted_path)
        self._second, self._date = 0, ""

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        if not is_plain(request) or request.host not in self._context.known_hosts or self._leaves_log_to_jupyter:
            return None
        # Whether it is valid is checked once, when it is the request's turn.
        return _ReadyResponse(self, request) if request.path in self._context.ready_images else None

    def _find(self, request: HTTPServerRequest) -> tuple[ReadyImage, bytes] | None:
        """Return the image and its bytes if it is valid now."""
        context = self._context
        image = context.ready_images.find(request.path, context.links, context.store.clock())
        body = None if image is None else context.blob_cache.peek(image.digest)
        return None if image is None or body is None else (image, body)

    def wait_for_turn(self, request: HTTPServerRequest) -> asyncio.Future[None] | None:
        return self._context.traffic.visitor_turns.request(request.remote_ip or "")

    def answer(self, request: HTTPServerRequest) -> HTTPMessageDelegate | None:
        """Send the image; if it is no longer valid, return the handler that responds instead."""
        found = self._find(request)
        if found is not None:
            self._send(request, *found)
            return None
        path = unquote_to_bytes(request.path.removeprefix(self._start))
        handler: HTTPMessageDelegate = self._web_app.get_handler_delegate(request, PublicLinkHandler, path_args=[path])
        handler.headers_received(RequestStartLine("GET", request.path, request.version), request.headers)
        handler.finish()
        return handler

    @property
    def _leaves_log_to_jupyter(self) -> bool:
        return not self._context.config.access_log and self._context.config.logs_success

    def _send(self, request: HTTPServerRequest, image: ReadyImage, body: bytes) -> None:
        """Send the response, and count and log the request."""
        connection: Any = request.connection
        finished = connection.write_headers(_START_LINE, self._dated(image.headers), body)
        connection.finish()
        if connection.stream.writing():
            traffic, reader = self._context.traffic, Reader(group_address(request.remote_ip or ""))
            seconds = self._context.config.send_timeout
            drop_unread(connection.stream, finished, len(body), traffic.send_budget, reader, seconds)
        self._context.view_counter.count(image.resolved.link, request)
        self._record(request, image, len(body))

    def _dated(self, headers: HTTPHeaders) -> HTTPHeaders:
        now = int(time.time())
        if now != self._second:
            self._second, self._date = now, format_timestamp(now)
        headers["Date"] = self._date
        return headers

    def _record(self, request: HTTPServerRequest, image: ReadyImage, size: int) -> None:
        config, metrics = self._context.config, self._context.monitoring.metrics
        metrics.record_request(PublicLinkHandler.__name__, request.method, 200, request.request_time(), size)
        record_for_jupyter(PublicLinkHandler, request, 200)
        if config.access_log and self._log.isEnabledFor(logging.INFO):
            fields = access_fields(request, self._path, 200, size, link=image.resolved.link.id)
            write_access_line(self._log, logging.INFO, fields)


class _ReadyResponse(HTTPMessageDelegate):
    """Responds when the request has been read, which has no body, and it is its turn."""

    def __init__(self, router: ReadyImageRouter, request: HTTPServerRequest) -> None:
        self._router = router
        self._request = request
        self._turn: asyncio.Future[None] | None = None
        self._handler: HTTPMessageDelegate | None = None

    def finish(self) -> None:
        self._turn = self._router.wait_for_turn(self._request)
        if self._turn is None:
            self._handler = self._router.answer(self._request)
        else:
            self._turn.add_done_callback(self._on_turn)

    def on_connection_close(self) -> None:
        if self._handler is not None:
            self._handler.on_connection_close()
        elif self._turn is not None:
            self._turn.cancel()

    def _on_turn(self, turn: asyncio.Future[None]) -> None:
        if not turn.cancelled():
            self._handler = self._router.answer(self._request)
