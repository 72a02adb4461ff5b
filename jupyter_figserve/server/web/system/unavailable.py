"""The response of all our routes while the extension is switched off. Server process."""

from __future__ import annotations

import json

from tornado.web import RequestHandler

_TEXT = "figserve is switched off on this server: it could not start, and the server's log says why."


class UnavailableHandler(RequestHandler):
    """503 with a sentence, the same for every client: the reason may name files of this machine."""

    def prepare(self) -> None:
        self.set_status(503)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"error": _TEXT, "code": "not_started"}))

    def compute_etag(self) -> None:
        return None
