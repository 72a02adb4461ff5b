"""The public side of links: a handler that finds the link and its renderer. Server process.

A link that is unknown, expired, paused, revoked or used up gets the same response, after the same work.
"""

from __future__ import annotations

from jupyter_server.auth.decorator import allow_unauthenticated

from ....model.link_addresses import LinkAddress, parse_link_address
from ....model.links import DASHBOARD, FIGURE, LIVE, is_token
from ...services.links.resolver import LinkNotFound
from ..http.watched_stream import send_watched_events
from .audience import AudienceHandler
from .figure_renderer import FigureRenderer
from .public_dashboard import DashboardRenderer
from .public_live import LiveRenderer
from .renderer import LinkRenderer

_RENDERERS: dict[str, type[LinkRenderer]] = {FIGURE: FigureRenderer, LIVE: LiveRenderer, DASHBOARD: DashboardRenderer}


class LinkRequestHandler(AudienceHandler):
    """Base of the handlers of requests with a token."""

    async def open_link(self, token: str) -> LinkRenderer:
        """Return the renderer of an open link whose audience the client belongs to.

        Raises
        ------
        LinkNotFound
            When there is none.
        Unauthorized, Forbidden
            When the client must log in, or does not belong to the audience.
        """
        if not is_token(token):
            raise LinkNotFound
        resolved = await self.context.links.find(token)
        self.link_id = resolved.link.id
        viewer = None if resolved.is_for_anyone else await self.admit_viewer(resolved)
        renderer = _RENDERERS[resolved.link.target.kind](self, resolved, token, viewer)
        await renderer.check_views()
        await renderer.open()
        return renderer

    def count_failure(self) -> None:
        """Count a wrong token against the rate limit of the client's IP address."""
        self.context.rates.failed_attempts.count(self.request.remote_ip or "")


class PublicLinkHandler(LinkRequestHandler):
    """``/f/{token}``, ``/f/{token}.{ext}``, ``/f/{token}/{name}.{ext}`` with the name of a dashboard's panel or any
    other, and ``/f/{token}/embed``, ``/data`` and ``/events``. One handler, so that all failures look the same."""

    is_page = True
    redacted_path = "/f/[secret]"

    def set_default_headers(self) -> None:
        """No default headers: each response sets the complete table."""

    @allow_unauthenticated
    async def get(self, path: str) -> None:
        address = parse_link_address(path)
        try:
            renderer = await self.open_link(address.token if address else "")
            assert address is not None
            if address.query:
                self.add_query(address.query)
            if address.part == "events":
                watchers, watcher = renderer.watch()
                # A thousand idle streams do not hold what their pages show.
                del renderer
                await send_watched_events(self, watchers, watcher)
            else:
                await _dispatch(renderer, address)
        except LinkNotFound:
            self.count_failure()
            raise

    head = get


async def _dispatch(renderer: LinkRenderer, address: LinkAddress) -> None:
    if address.name is not None and address.suffix is not None and renderer.has_panel(address.name):
        await renderer.send_panel(address.name, address.suffix)
    elif address.part == "data":
        await renderer.send_data()
    elif address.part == "embed":
        await renderer.send_page(embedded=True)
    elif address.suffix is None:
        await _answer_without_suffix(renderer)
    elif address.suffix == "json":
        await renderer.send_json()
    else:
        await renderer.send_image(address.suffix)


async def _answer_without_suffix(renderer: LinkRenderer) -> None:
    """Send the page, or the format that ``Accept`` prefers to it."""
    renderer.handler.set_header("Vary", "Accept")
    stored = renderer.stored_formats
    stored = renderer.handler.with_csv(stored) if renderer.link.data else stored
    suffix = renderer.handler.negotiate_page(stored, is_complete=renderer.is_complete)
    if suffix is None:
        await renderer.send_page(embedded=False)
    elif suffix == "json":
        await renderer.send_json()
    else:
        await renderer.send_image(suffix)
