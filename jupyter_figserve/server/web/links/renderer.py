"""Interface of the renderers of links, one for each kind of target. Server process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ....errors import NotFound
from ....model.snippets import Snippets
from ...services.auth.principal import Principal
from ...services.events.watchers import Watcher, Watchers
from ...services.links.audience import is_admitted
from ...services.links.resolver import LinkNotFound, ResolvedLink
from ...services.links.view_counter import is_robot
from ..http import security_headers
from ..http.public_handler import PublicHandler

FitSize = Callable[[int, int], tuple[int, int]]
"""Shrinks a width and a height to the maximum of an oEmbed request."""


@dataclass(frozen=True)
class Embedding:
    """The content of an oEmbed response.

    Parameters
    ----------
    photo
        URL of the image; None for a target that is embedded in a frame.
    snippets
        Snippets, with the size of the embedding.
    thumbnail
        Image that stands for a frame: its URL, width and height; None without one.
    """

    snippets: Snippets
    photo: str | None = None
    thumbnail: tuple[str, int, int] | None = None


class LinkRenderer(ABC):
    """Responds to one request for a link.

    A subclass serves one kind of target. Each ``send_`` method finishes the request, or raises ``LinkNotFound`` when
    the target has no such part.
    """

    def __init__(
        self, handler: PublicHandler, resolved: ResolvedLink, token: str, viewer: Principal | None = None
    ) -> None:
        self.handler = handler
        self._viewer = viewer
        self.context = handler.context
        self.resolved = resolved
        self.link = resolved.link
        self._token = token

    @cached_property
    def url(self) -> str:
        return self.handler.base.link(self._token)

    @cached_property
    def address(self) -> str:
        """The URL relative to the requested page."""
        return f"{self.handler.relative_root}/f/{self._token}"

    async def check_views(self) -> None:
        """Raise ``LinkNotFound`` when the views of the link are used up and this client used none recently."""
        if not await self.context.view_counter.has_left(self.link, self.handler.request):
            raise LinkNotFound

    @abstractmethod
    async def open(self) -> None:
        """Find the target.

        Raises
        ------
        LinkNotFound
            When it is gone, or the link may not be used.
        """

    @abstractmethod
    async def send_page(self, *, embedded: bool) -> None:
        """Send the page of the link, or its version for frames of other sites."""

    @abstractmethod
    async def send_json(self) -> None:
        """Send the public metadata of the target."""

    @abstractmethod
    async def send_image(self, suffix: str) -> None:
        """Send the target in a format."""

    async def send_data(self) -> None:
        """Send what the axes of a figure show, as JSON."""
        raise LinkNotFound

    @property
    def stored_formats(self) -> Sequence[str]:
        """Names of the formats that need no rendering, the main one first."""
        return ()

    @property
    def is_complete(self) -> bool:
        """Whether JSON is the only other format."""
        return False

    def write_public_json(self, data: dict[str, Any], name: str) -> None:
        """Finish with JSON that any site may read if anyone may, as with images; ``name`` is that of the target."""
        if self.resolved.is_for_anyone:
            self.handler.set_header("Access-Control-Allow-Origin", "*")
            self.handler.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.handler.write_json(data, filename=f"{name}.json")

    def has_panel(self, name: str) -> bool:
        """Whether this part of an address names a panel; for people, the image may have any other name."""
        return False

    async def send_panel(self, name: str, suffix: str) -> None:
        """Send one panel of a dashboard in a format."""
        raise LinkNotFound

    def watch(self) -> tuple[Watchers[Any], Watcher]:
        """Return a new watcher for the event stream of the page, and the watchers that it is to join."""
        raise LinkNotFound

    @property
    def authority(self) -> str | None:
        """What all streams of a link for anyone are authorized by; None where it depends on the viewer."""
        return self.link.id if self.resolved.is_for_anyone else None

    def make_revalidation(self) -> Callable[[], Awaitable[bool]]:
        """Return a function that checks whether the link is still open, and for this viewer.

        An idle stream holds nothing else.
        """
        links, token, link_id = self.context.links, self._token, self.link.id
        viewer, authenticator = self._viewer, self.context.authenticator

        async def is_authorized() -> bool:
            try:
                found = await links.find(token)
            except NotFound:
                return False
            if found.link.id != link_id:
                return False
            if found.is_for_anyone:
                return True
            if viewer is None or not is_admitted(found.link, found.owner, viewer):
                return False
            return await authenticator.is_still_valid(viewer)

        return is_authorized

    @abstractmethod
    async def describe_embedding(self, fit: FitSize, query: str) -> Embedding:
        """Return the content of an oEmbed response for the link's URL with this query."""

    @property
    def cache_seconds(self) -> int:
        """Seconds for which caches may keep the responses of the link."""
        return self.link.cache_seconds(self.context.config.link_cache_seconds, self.context.store.clock())

    @property
    def cache_control(self) -> str:
        return self.cache_control_for(self.context.config.link_cache_seconds)

    def cache_control_for(self, seconds: int) -> str:
        """Return the header for a response that is valid for ``seconds``, or until the link expires."""
        if not self.link.is_cacheable:
            return "private, no-store"
        remaining = self.link.cache_seconds(seconds, self.context.store.clock())
        return f"public, max-age={remaining}" if remaining else "public, no-cache"

    def frame_ancestors(self, *, embedded: bool) -> str:
        """Return the sites that may embed the page, for its Content-Security-Policy."""
        if not embedded:
            return security_headers.NONE
        return security_headers.frame_ancestors(self.context.config.embed_origins)

    async def use_view(self) -> None:
        """Use up a view of a link with a limit, before the response; not for a HEAD request or a robot's preview.

        Raises
        ------
        LinkNotFound
            When none is left.
        """
        request = self.handler.request
        if self.link.views is None or request.method == "HEAD" or is_robot(request):
            return
        if not await self.context.view_counter.use(self.link, request):
            raise LinkNotFound

    def count_view(self) -> None:
        """Count a successful request for a link without a limit of views."""
        if self.link.views is None and self.handler.request.method == "GET" and self.handler.get_status() == 200:
            self.context.view_counter.count(self.link, self.handler.request)
