"""What other sites' pages need of a link: the raw HTML for a sandboxed frame, and oEmbed. Server process."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from jupyter_server.auth.decorator import allow_unauthenticated

from ....errors import FormatNotOffered, NotFound
from ....model.formats import FORMATS
from ....model.links import DASHBOARD, Link, is_token
from ....model.snippets import Snippets, image_url
from ...services.links.resolver import LinkNotFound, ResolvedLink
from ..http import security_headers
from ..http.handler import PublicHandler
from . import public_dashboard
from .public_handler import cache_control, cache_seconds


class FrameHandler(PublicHandler):
    """``/frame/{signed}.html``: raw HTML for the sandboxed frame of a page of ours, for a minute."""

    redacted_path = "/frame/[secret]"

    @allow_unauthenticated
    async def get(self, signed: str) -> None:
        try:
            figure, version, link = self.context.frame_signer.read(signed)
            if link is not None:
                self.context.links.check_id(link)
        except NotFound:
            self.context.failed_attempts.note(self.request.remote_ip or "")
            raise
        data = self._find(figure, version)
        origins = security_headers.frame_ancestors(self.context.config.embed_origins, own=True)
        in_frame = self.request.headers.get("Sec-Fetch-Dest", self._silent()) == "iframe"
        self.replace_headers(
            security_headers.frame_headers(origins, is_frame=in_frame) | {"Cache-Control": "private, no-store"}
        )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(data)

    head = get

    def _find(self, figure: str, version: int | str) -> bytes:
        """A version's HTML, or what a live figure drew a moment ago, which has a key.

        Raises
        ------
        NotFound
            When it is gone.
        """
        if isinstance(version, str):
            picture = self.context.live.images.find(figure, version)
            if picture is not None and picture.payload.mimetype == FORMATS["html"].mimetype:
                return picture.payload.data
        else:
            record = self.context.store.find_figure(figure, version)
            part = record.version.find_representation(FORMATS["html"]) if record else None
            if part is not None:
                return self.context.links.blob_cache.get(part.digest)
        raise NotFound("There is nothing at this address.")

    def _silent(self) -> str:
        """What for a browser asks that does not say so: none does on plain http, but for this machine.

        Source: w3.org/TR/fetch-metadata, section 5 (only to potentially trustworthy URLs).
        """
        return "iframe" if self.base.url.startswith("http:") and not self.base.is_local else ""


class OEmbedHandler(PublicHandler):
    """``/oembed?url=``: what a site needs to embed a link. Source: oembed.com, sections 2.2 and 2.3."""

    redacted_path = "/oembed?url=[secret]"

    @allow_unauthenticated
    async def get(self) -> None:
        if self.get_query_argument("format", "json") != "json":
            raise FormatNotOffered("Only format=json is offered.")
        token = self._find_token()
        try:
            if not is_token(token):
                raise LinkNotFound
            shared = self.context.links.find(token)
            if shared.link.target.kind == DASHBOARD:
                self._answer_board(shared.link, token)
            elif shared.figure is not None and self.context.view_counter.has_left(shared.link, self.request):
                self._answer_figure(shared, token)
            else:
                raise LinkNotFound
        except LinkNotFound:
            self.context.failed_attempts.note(self.request.remote_ip or "")
            raise

    head = get

    def _answer_figure(self, shared: ResolvedLink, token: str) -> None:
        part, record, url = shared.picture, shared.record, self.base.link(token)
        wanted = self.int_argument("maxwidth"), self.int_argument("maxheight")
        told = self._begin(record.heading, cache_seconds(shared.link, self.context))
        if part is None or shared.main.format is FORMATS["html"]:
            width, height = _fit(640, 480, *wanted)
            frame = Snippets(url, url, record.heading, record.alt, width, height).iframe
            told |= {"type": "rich", "html": frame}
        else:
            width, height = _fit(part.width or 640, part.height or 480, *wanted)
            told |= {"type": "photo", "url": image_url(url, part.format.name)}
        self._answer(cache_control(shared.link, self.context), told | {"width": width, "height": height})

    def _answer(self, kept: str, data: dict[str, Any]) -> None:
        self.set_header("Access-Control-Allow-Origin", "*")
        self.set_header("Cache-Control", kept)
        self.write_json(data)

    def _answer_board(self, link: Link, token: str) -> None:
        """A dashboard has no size of its own: a frame of a usual one."""
        context, url = self.context, self.base.link(token)
        board = public_dashboard.find_shared(context, link)
        if board is None:
            raise LinkNotFound
        width, height = _fit(1_000, 750, self.int_argument("maxwidth"), self.int_argument("maxheight"))
        title, kept = board.record.layout.title, public_dashboard.cache_control(link, context)
        frame = Snippets(url, url, title, title, width, height).iframe
        told = self._begin(title, public_dashboard.cache_seconds(link, context))
        self._answer(kept, told | {"type": "rich", "html": frame, "width": width, "height": height})

    def _begin(self, title: str, cache_age: int) -> dict[str, Any]:
        provider = {"provider_name": "figserve", "provider_url": self.base.url}
        return {"version": "1.0", "title": title, **provider, "cache_age": cache_age}

    def _find_token(self) -> str:
        """Of ``url``, which may be written with any host: only its token counts, and the answer is ours."""
        path = _path(self.get_query_argument("url", ""))
        token = path.rpartition("/f/")[2].removesuffix("/embed").partition(".")[0]
        return token if "/f/" in path else ""


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _fit(width: int, height: int, most_width: int | None, most_height: int | None) -> tuple[int, int]:
    scale = min(1.0, (most_width or width) / width, (most_height or height) / height)
    return max(1, round(width * scale)), max(1, round(height * scale))
