"""Serves the package's static files. Server process."""

from __future__ import annotations

from pathlib import Path

from jupyter_server.auth.decorator import allow_unauthenticated

from ....errors import NotFound
from . import security_headers
from .public_handler import PublicHandler
from .templates import static_digest, static_files

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class StaticHandler(PublicHandler):
    """``/static/{digest}/{file}``: style sheets and scripts, immutable under their digest."""

    @allow_unauthenticated
    async def get(self, all_digest: str | None, name: str) -> None:
        files = static_files()
        if name not in files:
            raise NotFound
        data, digest = files[name]
        # A page from before an upgrade uses the old digest; it gets the current file, uncached.
        cache_control = (
            "public, max-age=31536000, immutable"
            if all_digest == static_digest()
            else "public, max-age=0, must-revalidate"
        )
        self.replace_headers(security_headers.page_headers() | {"Cache-Control": cache_control})
        self.set_header("Content-Type", _TYPES[Path(name).suffix])
        self.set_header("ETag", f'"{digest}"')
        self.finish(data)

    head = get
