"""An image of a live figure as the store keeps it. Any process."""

from __future__ import annotations

from dataclasses import dataclass

KEPT_PICTURES = 20
"""Number of newest images kept of one live figure, not counting frozen ones."""


@dataclass(frozen=True)
class LivePicture:
    """Metadata of one stored image; its bytes are the blob named ``digest``.

    Parameters
    ----------
    live
        Id of the live figure.
    key
        Key of the request that it answers.
    drawn
        Time of rendering, in seconds since the epoch.
    is_frozen
        Whether it stays however many newer ones come.
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
    drawn: float
    is_frozen: bool = False
