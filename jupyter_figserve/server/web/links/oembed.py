"""Embedding of links in other sites: oEmbed, and the HTML of sandboxed frames. Server process."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated

from ....errors import FormatNotOffered, NotFound
from ....model.formats import FORMATS
from ....model.link_addresses import find_link_address
from ...services.links.resolver import LinkNotFound
from ..http import security_headers
from ..http.handler import PLOT_FRAME
from ..http.public_handler import PublicHandler
from .frame_size import REPORT_SIZE
from .public_handler import LinkRequestHandler
from .renderer import Embedding

_MAXIMA = ("maxwidth", "maxheight")
"""Some sites send them empty where they have no maximum."""


class FrameHandler(PublicHandler):
    """``/frame/{signed}.html``: the HTML of a sandboxed frame on one of our pages, valid for a minute."""

    redacted_path = "/frame/[secret]"

    @allow_unauthenticated
    async def get(self, signed: str) -> None:
        try:
            figure, version, link = self.context.frame_signer.read(signed)
            if link is not None:
                await self.context.links.check_id(link)
        except NotFound:
            self.context.rates.failed_attempts.count(self.request.remote_ip or "")
            raise
        data = await self._find(figure, version)
        origins = security_headers.frame_ancestors(self.context.config.embed_origins, own=True)
        in_frame = self.request.headers.get("Sec-Fetch-Dest", self._default_destination()) == "iframe"
        self.replace_headers(
            security_headers.frame_headers(origins, is_frame=in_frame) | {"Cache-Control": "private, no-store"}
        )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(data + REPORT_SIZE if in_frame else data)

    head = get

    async def _find(self, figure: str, version: int | str) -> bytes:
        """Return the HTML of a figure's version, of a session's plot, or of a live figure's latest image.

        Raises
        ------
        NotFound
            When it no longer exists.
        """
        if isinstance(version, str) and version.startswith(PLOT_FRAME):
            plot = await self.context.plots.get(figure, version.removeprefix(PLOT_FRAME))
            if plot.format is FORMATS["html"]:
                return await plot.read()
        elif isinstance(version, str):
            image = await self.context.live.images.find(figure, version)
            if image is not None and image.content.mimetype == FORMATS["html"].mimetype:
                return image.content.data
        else:
            record = await self.context.store.figures.find(figure, version)
            part = record.version.find_representation(FORMATS["html"]) if record else None
            if part is not None:
                return await self.context.blob_cache.get(part.digest)
        raise NotFound

    def _default_destination(self) -> str:
        """Return the destination of a request without ``Sec-Fetch-Dest``, which browsers send only to trustworthy URLs.

        Over plain http to another host every browser omits it, so the request may come from a frame. Source:
        w3.org/TR/fetch-metadata, section 5.
        """
        return "iframe" if self.base.url.startswith("http:") and not self.base.is_local else ""


class OEmbedHandler(LinkRequestHandler):
    """``/oembed?url=``: how to embed a link. Source: oembed.com, sections 2.2 and 2.3."""

    redacted_path = "/oembed?url=[secret]"

    @allow_unauthenticated
    async def get(self) -> None:
        if self.get_query_argument("format", "json") != "json":
            raise FormatNotOffered("The only format is json.")
        try:
            # Of any host: the response contains this server's URLs.
            address = find_link_address(self.get_query_argument("url", ""))
            renderer = await self.open_link(address.token if address else "")
            embedding = await renderer.describe_embedding(self._fit, address.query if address else "")
        except LinkNotFound:
            self.count_failure()
            raise
        if renderer.resolved.is_for_anyone:
            self.set_header("Access-Control-Allow-Origin", "*")
            self.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.set_header("Cache-Control", renderer.cache_control)
        self.write_json(self._to_json(embedding, renderer.cache_seconds))

    head = get

    def _to_json(self, embedding: Embedding, cache_age: int) -> dict[str, Any]:
        snippets = embedding.snippets
        return {
            "version": "1.0",
            "title": snippets.title,
            "provider_name": "figserve",
            "provider_url": self.base.url,
            "cache_age": cache_age,
            **({"type": "photo", "url": embedding.photo} if embedding.photo else _rich(embedding)),
            "width": snippets.width,
            "height": snippets.height,
        }

    def _fit(self, width: int, height: int) -> tuple[int, int]:
        """Shrink a size to the request's maximum, keeping its proportions."""
        max_width, max_height = (self.int_argument(n) if self.get_query_argument(n, "") else None for n in _MAXIMA)
        scale = min(1.0, (max_width or width) / width, (max_height or height) / height)
        return max(1, round(width * scale)), max(1, round(height * scale))


def _rich(embedding: Embedding) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "rich", "html": embedding.snippets.iframe}
    if embedding.thumbnail is not None:
        names = ("thumbnail_url", "thumbnail_width", "thumbnail_height")
        found |= dict(zip(names, embedding.thumbnail, strict=True))
    return found
