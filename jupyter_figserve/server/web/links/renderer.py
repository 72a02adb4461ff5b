"""What a link shows, for one kind of target: its page, its images and what sites embed. Server process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from ....model.snippets import Snippets
from ...services.links.resolver import LinkNotFound, ResolvedLink
from ..http import security_headers
from ..http.handler import PublicHandler

FitSize = Callable[[int, int], tuple[int, int]]
"""Shrinks a width and a height to the bounds that an oEmbed client gave."""


@dataclass(frozen=True)
class Embedding:
    """What an oEmbed response says of a link.

    Parameters
    ----------
    photo
        URL of the image; None for a target that is embedded in a frame.
    snippets
        With the size of the embedding.
    """

    snippets: Snippets
    photo: str | None = None


class LinkRenderer(ABC):
    """Answers one request for a link.

    A subclass serves one kind of target. Each ``send_`` method finishes the request, and raises ``LinkNotFound``
    where the target has nothing of that sort.
    """

    def __init__(self, handler: PublicHandler, resolved: ResolvedLink, token: str) -> None:
        self.handler = handler
        self.context = handler.context
        self.resolved = resolved
        self.link = resolved.link
        self.url = handler.base.link(token)
        self.address = f"{handler.relative_root}/f/{token}"
        """The URL relative to the page that is asked for."""
        self._token = token

    @abstractmethod
    async def open(self) -> None:
        """Find the target.

        Raises
        ------
        LinkNotFound
            When it is gone, or the link may not be used (any more).
        """

    @abstractmethod
    async def send_page(self, *, embedded: bool) -> None:
        """Send the link's page, or the one for a frame of another site."""

    @abstractmethod
    async def send_json(self) -> None:
        """Send what everybody may know of the target."""

    @abstractmethod
    async def send_image(self, suffix: str) -> None:
        """Send the target in a format."""

    async def send_panel(self, name: str, suffix: str) -> None:
        """Send one panel of a dashboard in a format."""
        raise LinkNotFound

    async def send_events(self) -> None:
        """Send the stream of what changes in a dashboard."""
        raise LinkNotFound

    def describe_embedding(self, fit: FitSize) -> Embedding:
        """Return what an oEmbed response says."""
        raise LinkNotFound

    @property
    def cache_seconds(self) -> int:
        """How long caches may keep what the link shows."""
        return self.link.cache_seconds(self.context.config.link_cache_seconds, self.context.store.clock())

    @property
    def cache_control(self) -> str:
        return self.cache_control_for(self.context.config.link_cache_seconds)

    def cache_control_for(self, seconds: int) -> str:
        """Return the header for something that stays the same for ``seconds``, unless the link ends before."""
        if not self.link.is_cacheable:
            return "private, no-store"
        remaining = self.link.cache_seconds(seconds, self.context.store.clock())
        return f"public, max-age={remaining}" if remaining else "public, no-cache"

    def frame_ancestors(self, *, embedded: bool) -> str:
        """Return the policy's sites that may show the page in a frame."""
        if not embedded:
            return security_headers.NONE
        return security_headers.frame_ancestors(self.context.config.embed_origins)

    def count_view(self) -> None:
        """Count a successful request for a link without a limit of views."""
        if self.handler.request.method == "GET" and self.handler.get_status() == 200:
            self.context.view_counter.count(self.link, self.handler.request)
