"""An image of a live figure as the store keeps it. Any process."""

from __future__ import annotations

from dataclasses import dataclass

MAX_LIVE_IMAGES = 20
"""Number of newest images kept of one live figure, not counting frozen ones."""


@dataclass(frozen=True)
class LiveImage:
    """Metadata of one stored image; its bytes are the blob named ``digest``.

    Parameters
    ----------
    live
        Id of the live figure.
    key
        Key of the request that it answers.
    rendered
        Time of rendering, in seconds since the epoch.
    is_frozen
        Whether it is kept regardless of the number of newer ones.
    """

    live: str
    key: str
    mimetype: str
    digest: str
    size: int
    width: int | None
    height: int | None
    dpi: float | None
    alt: str
    rendered: float
    is_frozen: bool = False
