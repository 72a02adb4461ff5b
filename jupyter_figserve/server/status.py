"""What anybody may know of this server: its version, limits and counts; and the description of its interface."""

from __future__ import annotations

from jupyter_server.auth.decorator import allow_unauthenticated

from .. import __version__
from ..store import usage
from . import headers
from .base import PublicHandler
from .services import PACKAGE

NO_SANDBOX = "This version of jupyter_figserve has no sandbox: it serves what is published and runs no posted code."


class StatusHandler(PublicHandler):
    """``/api/status``."""

    @allow_unauthenticated
    async def get(self) -> None:
        settings, store = self.services.settings, self.services.store
        used = usage.total(store.catalog.reader)
        self.answer(
            {
                "version": __version__,
                "host": settings.host,
                "sandbox": {"tier": "none", "why": [NO_SANDBOX]},
                "limits": {
                    "figure_bytes": settings.figure_bytes,
                    "figure_pixels": settings.figure_pixels,
                    "keep_versions": store.limits.keep_versions,
                    "link_max_age": settings.link_max_age,
                    "public_shares": settings.allow_public_shares,
                },
                "counts": {"figures": used.figures, "bytes": used.bytes},
                "writable": store.read_only_because is None,
            }
        )

    head = get


class OpenApiHandler(PublicHandler):
    """``/api/openapi.yaml``."""

    @allow_unauthenticated
    async def get(self) -> None:
        self.replace_headers(headers.JSON_HEADERS | {"Cache-Control": "public, max-age=3600"})
        self.set_header("Content-Type", "application/yaml; charset=utf-8")
        self.finish((PACKAGE / "openapi.yaml").read_bytes())

    head = get
