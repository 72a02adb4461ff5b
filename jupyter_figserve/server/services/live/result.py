"""The result of a live request, and its ETag. Server process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ....errors import TooManyRequests, Unavailable
from ....model.live import LiveDeclaration, LiveRequest
from .image_cache import CachedImage


@dataclass(frozen=True)
class LiveResult:
    """The answer to a live request.

    Parameters
    ----------
    image
        None when the client already has it.
    age
        Seconds since it was drawn; 0 when it was drawn for this request.
    stale
        Why it is stale; None when it is current.
    """

    etag: str
    image: CachedImage | None = None
    age: int = 0
    stale: Unavailable | TooManyRequests | None = None

    @property
    def cache_status(self) -> str:
        """Value of the Cache-Status header (RFC 9211)."""
        if self.stale is not None:
            return "figserve; hit; detail=stale"
        return "figserve; hit" if self.image is None or self.age else "figserve; fwd=miss"


def make_etag(image: CachedImage, declaration: LiveDeclaration, request: LiveRequest) -> str:
    """Return the ETag of an image: of its data's version where that is known, else of its bytes."""
    return make_version_etag(declaration, request, image.version) or f'"{image.digest}"'


def make_version_etag(declaration: LiveDeclaration, request: LiveRequest, version: str | None) -> str | None:
    """Return the ETag that code, parameters and version of the data determine; None for data without a version."""
    if not declaration.is_versioned or version is None:
        return None
    text = "\0".join((declaration.name, declaration.digest, request.key, version, declaration.refreshed))
    return f'"v{hashlib.sha256(text.encode()).hexdigest()}"'
