"""The HTTP API as tools use it: with the rights of one credential. Server, or a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ..model.keys import SCOPES

DEFAULT_IMAGE_BYTES = 2**20


@dataclass(frozen=True)
class Permissions:
    """What an assistant may do.

    Parameters
    ----------
    scopes
        Of its credential.
    folders
        Directories whose image files may be published by path, where the tools run as the assistant's user.
    image_bytes
        Maximum size of an image in a result.
    figure_bytes
        Maximum size of a published file; None leaves it to the server.
    """

    scopes: frozenset[str] = frozenset(SCOPES)
    folders: tuple[str, ...] = ()
    image_bytes: int = DEFAULT_IMAGE_BYTES
    figure_bytes: int | None = None


class Api(Protocol):
    """Requests of the HTTP API; each raises ``FigServeError`` where the server answers with an error."""

    async def find_permissions(self) -> Permissions:
        """Return what the credential allows."""

    async def get(self, path: str, **query: Any) -> Any:
        """Return the JSON at a path below ``/figserve``; arguments that are None are left out."""

    async def get_bytes(self, path: str, **query: Any) -> bytes:
        """Return an image."""

    async def send(self, method: str, path: str, value: Any) -> Any:
        """Send JSON and return the JSON of the response."""

    async def upload(self, path: str, content_type: str, body: bytes, **query: Any) -> Any:
        """Post bytes and return the JSON of the response."""
