"""``/api/links/{id}/qr.svg`` and ``.png``: the QR code of a link, for its owner. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....model.formats import FORMATS
from ....model.keys import PUBLISH
from ...services.links.qr_code import make_qr_code
from ..http import security_headers
from ..http.content_disposition import content_disposition
from .handlers import OwnedLinksHandler


class LinkQrHandler(OwnedLinksHandler):
    """``/api/links/{id}/qr.{ext}``; it has the link's secret, like its address."""

    scopes = {"GET": PUBLISH, "HEAD": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def get(self, link_id: str, suffix: str) -> None:
        _, snippets = await self.find_address(link_id)
        row = FORMATS[suffix]
        self.replace_headers(security_headers.image_headers(row, public=False))
        self.set_header("Content-Type", row.mimetype)
        self.set_header("Cache-Control", "private, no-store")
        is_download = self.get_query_argument("download", None) is not None
        self.set_header("Content-Disposition", content_disposition(f"link.{suffix}", is_download=is_download))
        self.finish(make_qr_code(snippets.page, suffix))

    head = get
