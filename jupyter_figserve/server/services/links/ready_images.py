"""Responses with images of public links that only have to be found valid before they are sent again. Server process.

The most frequent request is that for the image of a link. A handler puts the first response together and adds it here;
the next ones need no handler.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from cachetools import LRUCache
from tornado.httputil import HTTPHeaders, HTTPServerRequest

from .resolver import LinkResolver, ResolvedLink

_MAX_READY = 4_096
_MEANINGFUL = {"Range", "If-None-Match", "Content-Length", "Transfer-Encoding", "Expect", "X-Sendfile-Type"}
"""Headers of requests that may have another response."""


def is_plain(request: HTTPServerRequest) -> bool:
    """Whether nothing in the request but its path, and what it accepts, can change the response."""
    if request.method != "GET" or request.query or request.version != "HTTP/1.1":
        return False
    headers = request.headers
    return _MEANINGFUL.isdisjoint(headers) and headers.get("Connection", "keep-alive").lower() == "keep-alive"


@dataclass(frozen=True)
class ReadyImage:
    """The response to every plain GET of an address.

    Parameters
    ----------
    resolved
        The link at that time, which is for anyone and has no limit of views.
    digest
        Of the body.
    headers
        All headers; the date is that of the last response.
    until
        When the headers change, because the link ends soon: Unix time.
    """

    token: str
    resolved: ResolvedLink
    digest: str
    headers: HTTPHeaders
    until: float


class ReadyImages:
    """The images that were requested most recently, by their path."""

    def __init__(self) -> None:
        self._images: LRUCache[str, ReadyImage] = LRUCache(_MAX_READY)

    def add(
        self, path: str, token: str, resolved: ResolvedLink, digest: str, headers: HTTPHeaders, cache_seconds: int
    ) -> None:
        """Keep a response, which caches may keep for ``cache_seconds`` unless the link ends before."""
        expires = resolved.link.expires
        until = inf if expires is None else expires - cache_seconds
        self._images[path] = ReadyImage(token, resolved, digest, headers, until)

    def __contains__(self, path: str) -> bool:
        """Whether there is a response, valid or not."""
        return path in self._images

    def find(self, path: str, links: LinkResolver, now: float) -> ReadyImage | None:
        """Return the response if the link is open, and nothing has changed in the catalog since."""
        image = self._images.get(path)
        if image is None or now >= image.until or links.peek(image.token) is not image.resolved:
            return None
        return image
