"""The public side of links: a handler that finds the link and its renderer. Server process.

A link that is unknown, expired, paused, revoked or used up gets the same response, after the same work.
"""

from __future__ import annotations

import re

from jupyter_server.auth.decorator import allow_unauthenticated

from ....model.links import DASHBOARD, FIGURE, LIVE, is_token
from ...services.links.resolver import LinkNotFound
from ..http.handler import PublicHandler
from .public_dashboard import DashboardRenderer
from .public_figure import FigureRenderer
from .public_live import LiveRenderer
from .renderer import LinkRenderer

_RENDERERS: dict[str, type[LinkRenderer]] = {FIGURE: FigureRenderer, LIVE: LiveRenderer, DASHBOARD: DashboardRenderer}
_ADDRESS = re.compile(
    r"(?P<token>[A-Za-z0-9_-]+)"
    r"(?:\.(?P<suffix>[a-z]{2,5})|/(?P<part>embed|events)|/(?P<panel>[0-9]+-[0-9]+)\.(?P<panel_suffix>[a-z]{2,5}))?"
)


class LinkRequestHandler(PublicHandler):
    """Base of the handlers of requests with a token."""

    async def open_link(self, token: str) -> LinkRenderer:
        """Return the renderer of an open link.

        Raises
        ------
        LinkNotFound
            When there is none.
        """
        if not is_token(token):
            raise LinkNotFound
        resolved = await self.context.links.find(token)
        self.link_id = resolved.link.id
        renderer = _RENDERERS[resolved.link.target.kind](self, resolved, token)
        await renderer.open()
        return renderer

    def count_failure(self) -> None:
        """Count a wrong token against the rate limit of the client's IP address."""
        self.context.failed_attempts.count(self.request.remote_ip or "")


class PublicLinkHandler(LinkRequestHandler):
    """``/f/{token}``, ``/f/{token}.{ext}``, ``/f/{token}/embed``; of dashboards ``/f/{token}/{panel}.{ext}`` and
    ``/f/{token}/events`` too. One handler, so that all failures look the same."""

    is_page = True
    redacted_path = "/f/[secret]"

    def set_default_headers(self) -> None:
        """No default headers: each response sets the complete table."""

    @allow_unauthenticated
    async def get(self, address: str) -> None:
        match = _ADDRESS.fullmatch(address)
        try:
            renderer = await self.open_link(match["token"] if match else "")
            assert match is not None
            await _dispatch(renderer, match)
        except LinkNotFound:
            self.count_failure()
            raise

    head = get


async def _dispatch(renderer: LinkRenderer, address: re.Match[str]) -> None:
    if address["panel"] is not None:
        await renderer.send_panel(address["panel"], address["panel_suffix"])
    elif address["part"] == "events":
        await renderer.send_events()
    elif address["part"] == "embed":
        await renderer.send_page(embedded=True)
    elif address["suffix"] is None:
        await _answer_without_suffix(renderer)
    elif address["suffix"] == "json":
        await renderer.send_json()
    else:
        await renderer.send_image(address["suffix"])


async def _answer_without_suffix(renderer: LinkRenderer) -> None:
    """Send the page, or the format that ``Accept`` prefers to it."""
    renderer.handler.set_header("Vary", "Accept")
    suffix = renderer.handler.negotiate_page(renderer.stored_formats, is_complete=renderer.is_complete)
    if suffix is None:
        await renderer.send_page(embedded=False)
    elif suffix == "json":
        await renderer.send_json()
    else:
        await renderer.send_image(suffix)
