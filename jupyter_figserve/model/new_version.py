"""A new version of a figure on its way into the store, with its bytes. Any process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .figures import CellCode, EncodedImage, Identity, Source, Version, sha256_hex


@dataclass(frozen=True)
class NewVersion:
    """A version to publish: title, alternative text, encodings with their bytes, and their origin.

    Parameters
    ----------
    caption
        Text shown below the image; None keeps that of the previous version.
    session
        The kernel that made it, or None.
    source
        Kind, bytes and library versions of what it can be redrawn from, or None.
    provenance
        How it was made: cell, libraries.
    code
        The code of the cell that published it.
    """

    identity: Identity
    images: tuple[EncodedImage, ...]
    title: str = ""
    alt: str = ""
    caption: str | None = None
    session: str | None = None
    origin: str = "published"
    thumbnail: EncodedImage | None = None
    source: tuple[str, bytes, dict[str, str]] | None = None
    provenance: dict[str, Any] | None = None
    code: str = ""

    def to_version(self, now: float) -> tuple[Version, list[tuple[str, bytes]]]:
        """Return the version to store, whose number is 0 until the store assigns one, and its blobs by digest."""
        parts = [(image.to_representation(), image.data) for image in self.images]
        blobs = [(part.digest, data) for part, data in parts]
        thumbnail = source = code = None
        if self.thumbnail is not None:
            thumbnail = self.thumbnail.to_representation()
            blobs.append((thumbnail.digest, self.thumbnail.data))
        if self.source is not None:
            kind, data, libraries = self.source
            source = Source(kind, sha256_hex(data), len(data), libraries)
            blobs.append((source.digest, data))
        if self.code:
            text = self.code.encode("utf-8", "replace")
            code = CellCode(sha256_hex(text), len(text))
            blobs.append((code.digest, text))
        version = Version(
            number=0,
            created=now,
            session=self.session,
            title=self.title,
            alt=self.alt,
            caption=self.caption or "",
            representations=tuple(part for part, _ in parts),
            thumbnail=thumbnail,
            source=source,
            provenance=self.provenance or {},
            code=code,
        )
        return version, blobs
