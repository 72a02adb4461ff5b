"""Serves the package's static files. Server process."""

from __future__ import annotations

from pathlib import Path

from jupyter_server.auth.decorator import allow_unauthenticated

from ....errors import NotFound
from . import security_headers
from .assets import static_digest, static_files
from .handler import PublicHandler

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class StaticHandler(PublicHandler):
    """``/static/{digest}/{file}``: our own style and scripts; under the digest of all, they are kept for ever."""

    @allow_unauthenticated
    async def get(self, digest_of_all: str | None, name: str) -> None:
        files = static_files()
        if name not in files:
            raise NotFound("There is nothing at this address.")
        data, digest = files[name]
        # A page from before an upgrade asks under the old digest; it gets what there is, and nobody keeps it.
        kept = (
            "public, max-age=31536000, immutable"
            if digest_of_all == static_digest()
            else "public, max-age=0, must-revalidate"
        )
        self.replace_headers(security_headers.page_headers() | {"Cache-Control": kept})
        self.set_header("Content-Type", _TYPES[Path(name).suffix])
        self.set_header("ETag", f'"{digest}"')
        self.finish(data)

    head = get
