"""The response of all our routes while the extension is switched off. Server process."""

from __future__ import annotations

import json

from tornado.web import RequestHandler, stream_request_body

_TEXT = "figserve is switched off on this server: it could not start, and the server's log says why."


@stream_request_body
class UnavailableHandler(RequestHandler):
    """503 with a sentence, the same for every client: the reason may name files of this machine."""

    def check_xsrf_cookie(self) -> None:
        """Check nothing: nothing is done."""

    def prepare(self) -> None:
        self.set_status(503)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"error": _TEXT, "code": "not_started"}))

    def data_received(self, chunk: bytes) -> None:
        """Drop the body; tornado closes the connection of a request that is answered before its body arrived."""

    def compute_etag(self) -> None:
        return None
