"""What links show to anybody: page, picture, embedding and oEmbed, without login. Server process.

Unknown, expired, paused, revoked and used-up links are one and the same answer, whose words and work are equal.
"""

from __future__ import annotations

import re
from functools import partial

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.prometheus.log_functions import prometheus_log_method

from ....errors import CodeFailed, Forbidden, OutputInvalid
from ....model.figures import sha256_hex
from ....model.formats import FORMATS, Format, get_format, get_format_of_mimetype
from ....model.links import DASHBOARD, LIVE, Link, is_token
from ....model.snippets import Snippets, image_url
from ...services.dashboards.resolver import ResolvedDashboard
from ...services.figures.redraw import check_redrawable, draw_again
from ...services.figures.stored import find_stored
from ...services.links.resolver import LinkNotFound, ResolvedLink
from ...services.links.view_counter import is_robot
from ...services.rendering.request import RENDER_FORMATS, SIZE_FIELDS
from ..context import AppContext
from ..dashboards.stream import send_dashboard_events
from ..figures.json_views import figure_json
from ..http import security_headers
from ..http.handler import PublicHandler
from ..http.representation import RepresentationResponse
from . import public_dashboard, public_live

_ADDRESS = re.compile(
    r"(?P<token>[A-Za-z0-9_-]+)"
    r"(?:\.(?P<suffix>[a-z]{2,5})|/(?P<part>embed|events)|/(?P<place>[0-9]+-[0-9]+)\.(?P<of_place>[a-z]{2,5}))?"
)


def cache_seconds(link: Link, context: AppContext) -> int:
    """How long caches may keep what a link shows: never past its end."""
    if not link.is_cacheable:
        return 0
    seconds = context.config.link_cache_seconds
    if link.expires is not None:
        seconds = max(0, min(seconds, int(link.expires - context.store.clock())))
    return seconds


def cache_control(link: Link, context: AppContext) -> str:
    return f"public, max-age={cache_seconds(link, context)}" if link.is_cacheable else "private, no-store"


class PublicLinkHandler(PublicHandler):
    """``/f/{token}``, ``/f/{token}.{ext}`` and ``/f/{token}/embed``, and of dashboards ``/f/{token}/{place}.{ext}`` and
    ``/f/{token}/events``: one handler, so that misses are all alike."""

    is_page = True
    redacted_path = "/f/[secret]"

    def set_default_headers(self) -> None:
        """None: whatever finishes a request here brings its own whole table."""

    def _log(self) -> None:
        """Success is for the metrics alone unless somebody debugs: a log line costs a tenth of a picture."""
        if self.get_status() < 400 and not self.context.config.logs_success:
            prometheus_log_method(self)  # type: ignore[no-untyped-call]
        else:
            super()._log()

    @allow_unauthenticated
    async def get(self, address: str) -> None:
        match = _ADDRESS.fullmatch(address)
        token, part = (match["token"], match["part"]) if match else ("", None)
        try:
            if match is None or not is_token(token):
                raise LinkNotFound
            shared = self.context.links.find(token)
            if shared.link.target.kind == DASHBOARD:
                await self._send_dashboard(shared.link, match)
                return
            if match["place"] is not None or part == "events":
                raise LinkNotFound
            if shared.link.target.kind == LIVE:
                await self._send_live(shared.link, match)
                return
            if not self.context.view_counter.has_left(shared.link, self.request):
                raise LinkNotFound
            if match["suffix"] is None:
                await self._send_page(shared, token, embedded=part is not None)
            elif match["suffix"] == "json":
                await self._use_view(shared)
                self._send_record(shared, token)
            else:
                await self._send_bytes(shared, token, match["suffix"])
        except LinkNotFound:
            self.context.failed_attempts.count(self.request.remote_ip or "")
            raise

    head = get

    async def _send_live(self, link: Link, match: re.Match[str]) -> None:
        if not self.context.config.allow_public_live:
            raise LinkNotFound
        embedded = match["part"] is not None
        await public_live.send_shared_dashboard(self, link, match["token"], match["suffix"], embedded=embedded)

    async def _send_dashboard(self, link: Link, match: re.Match[str]) -> None:
        """A dashboard, or a panel of it, which is all that its link shows."""
        context, token = self.context, match["token"]
        if match["part"] == "events":
            watcher = public_dashboard.open_shared(context, link, token, self.int_argument("version"))
            if watcher is None:
                raise LinkNotFound
            await send_dashboard_events(self, watcher)
            return
        dashboard = public_dashboard.find_shared(context, link)
        if dashboard is None:
            raise LinkNotFound
        if match["place"] is None:
            embedded = match["part"] == "embed"
            await public_dashboard.send_shared_dashboard(
                self, link, dashboard, token, match["suffix"], embedded=embedded
            )
        else:
            await self._send_panel(link, dashboard, match)

    async def _send_panel(self, link: Link, dashboard: ResolvedDashboard, match: re.Match[str]) -> None:
        panel, token, suffix = dashboard.find(match["place"]), match["token"], match["of_place"]
        if panel is not None and panel.target is not None:
            await public_dashboard.send_live_panel(self, link, dashboard, panel, token, suffix)
        elif panel is not None and panel.figure is not None and suffix != "json":
            await self._send_bytes(ResolvedLink(public_dashboard.as_link(link, panel), panel.figure), token, suffix)
        else:
            raise LinkNotFound

    async def _send_bytes(self, shared: ResolvedLink, token: str, suffix: str) -> None:
        row = get_format(suffix)
        if row is FORMATS["html"] and shared.record.version.find_representation(row) is not None:
            await self._send_page(shared, token, embedded=True, as_html=True)
            return
        delivery = self._stored(shared, row) or await self._drawn(shared, row)
        if shared.link.views is not None and self.sends_full_body(delivery):
            await self._use_limited(shared.link)
        self.send_representation(delivery)
        if shared.link.views is None and self.get_status() == 200 and self.request.method == "GET":
            self.context.view_counter.count(shared.link, self.request)

    def _stored(self, shared: ResolvedLink, row: Format) -> RepresentationResponse | None:
        """What is stored as it is asked for; the usual request, without sizes, finds it made."""
        kept, blobs = cache_control(shared.link, self.context), self.context.links.blob_cache
        if not self.request.query:
            made: RepresentationResponse | None = shared.deliveries.get(row.name)
            if made is not None and made.cache_control == kept:
                return made
        part = find_stored(shared.record, row, self.draw_options(row))
        if part is None:
            return None
        made = RepresentationResponse(
            row, part.digest, f"{shared.record.id}.{row.name}", kept, partial(blobs.get, part.digest), is_public=True
        )
        if not self.request.query:
            shared.deliveries[row.name] = made
        return made

    async def _drawn(self, shared: ResolvedLink, row: Format) -> RepresentationResponse:
        """What has to be drawn, in one of the sizes that this server grants, or in one that the owner signed.

        Raises
        ------
        Forbidden
            For any other.
        """
        context, options = self.context, self.draw_options(row)
        check_redrawable(shared.record, row.name)
        if not context.link_sizes.grants(options):
            self._check_signed(shared.link, row)
        try:
            drawn = await self.run_until_disconnect(
                draw_again(context.store, context.rendering, shared.record, options)
            )
        except CodeFailed as error:
            # What the code says of itself is its owner's to know.
            raise OutputInvalid("This figure could not be drawn in that way; it can be had as it is.") from error
        kept, name = cache_control(shared.link, context), f"{shared.record.id}.{row.name}"
        return RepresentationResponse(row, sha256_hex(drawn.data), name, kept, drawn.data, is_public=True)

    def _check_signed(self, link: Link, row: Format) -> None:
        asked = [(name, self.raw_query_argument(name)) for name in SIZE_FIELDS if name in self.request.query_arguments]
        given = self.get_query_argument("sig", "")
        if not self.context.query_signer.is_good(given, "link", link.id, row.name, asked):
            raise Forbidden(
                "By a link this figure comes in its own size"
                f" and in {self.context.link_sizes.text or 'those that its owner signed'};"
                " for another one its owner can have an address signed.",
                code="size_not_allowed",
            )

    async def _send_page(self, shared: ResolvedLink, token: str, *, embedded: bool, as_html: bool = False) -> None:
        await self._use_view(shared)
        record, link, url = shared.record, shared.link, self.base.link(token)
        frame = frames = None
        if as_html or shared.main.format is FORMATS["html"]:
            frame, frames = self.signed_frame_url(record, link.id)
        picture = shared.picture
        image = image_url(url, picture.format.name) if picture else None
        if picture is not None and picture is record.version.thumbnail and image:
            image += f"?width={picture.width}"
        self.set_header("Cache-Control", "private, no-store" if frame else cache_control(link, self.context))
        self.set_header("Vary", "Accept")
        self.write_page(
            "share/embed.html" if embedded else "share/figure.html",
            ancestors=security_headers.frame_ancestors(self.context.config.embed_origins)
            if embedded
            else security_headers.NONE,
            frames=frames or security_headers.NONE,
            shared=shared,
            picture=picture,
            image=image,
            frame=frame,
            url=url,
            local_image=image and image.replace(self.base.url, self.relative_root, 1),
            sharp=image and record.version.sharp and image_url(f"{self.relative_root}/f/{token}", "svg"),
            can_embed=bool(self.context.config.embed_origins),
            formats=self.context.rendering.queue.maybe_available and RENDER_FORMATS,
            widths=self.context.link_sizes.widths,
            snippets=self._snippets(shared, url, image or url),
        )

    def _send_record(self, shared: ResolvedLink, token: str) -> None:
        """The figure as strangers may know it: no owner, notebook, session or id."""
        base = self.base
        record = figure_json(shared.record, base)
        kept = {name: record[name] for name in ("title", "alt", "name", "version", "created", "updated")}
        representations = [
            part | {"url": image_url(base.link(token), get_format_of_mimetype(part["mimetype"]).name)}
            for part in record["representations"]
        ]
        self.set_header("Cache-Control", cache_control(shared.link, self.context))
        self.write_json(kept | {"url": base.link(token), "representations": representations})

    async def _use_view(self, shared: ResolvedLink) -> None:
        """Count this request for a page if it is a view, and refuse it if no view is left."""
        if shared.link.views is not None:
            await self._use_limited(shared.link)
        elif self.request.method == "GET":
            self.context.view_counter.count(shared.link, self.request)

    async def _use_limited(self, link: Link) -> None:
        """Use up a view; a HEAD and a preview robot use up none, while one is left."""
        if self.request.method == "HEAD" or is_robot(self.request):
            return
        if not await self.context.view_counter.use(link, self.request):
            raise LinkNotFound

    def _snippets(self, shared: ResolvedLink, url: str, image: str) -> Snippets:
        record = shared.record
        part = shared.main if shared.picture is None else shared.picture
        return Snippets(url, image, record.heading, record.alt, part.width, part.height)
