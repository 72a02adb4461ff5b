"""The figure and its parts as frozen values that go to JSON and back. Any process; knows no store and no HTTP."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .display_size import HasDisplaySize
from .formats import FORMATS, Format, get_format_of_mimetype
from .source_check import ALL_FORMATS, SourceCheck

MARKER = "jupyter_figserve"
"""Key in a display's metadata that marks our own displays, so that published figures are not captured as well."""
MAX_VECTOR_BYTES = 512 * 1024
"""Maximum size of an SVG that replaces a PNG on HiDPI screens; a larger one makes pages slow."""
HIDPI_RATIO = 2
"""Density of the raster image that replaces a PNG on HiDPI screens."""
_ASPECT_TOLERANCE = 0.01
DIGEST = re.compile(r"[0-9a-f]{64}")
"""A sha256 in hexadecimal."""
_ID = re.compile(r"[A-Za-z0-9]{16}")
_PATH = re.compile(r"/figures/([A-Za-z0-9]{16})(?:\.[a-z]{2,5})?/?$")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Representation(HasDisplaySize):
    """An encoding of a version, whose bytes are the blob named ``digest``.

    Parameters
    ----------
    width, height
        Pixels, or CSS pixels for vector formats; None if unknown.
    dpi
        Dots per inch of a raster format; None if unknown.
    size
        Number of bytes.
    digest
        sha256 of the bytes in hexadecimal, also used as the ETag.
    frames, duration
        Number of frames of an animation and their seconds; None for a still.
    """

    mimetype: str
    digest: str
    size: int
    width: int | None = None
    height: int | None = None
    dpi: float | None = None
    frames: int | None = None
    duration: float | None = None
    display_width: int | None = None
    display_height: int | None = None

    @property
    def is_animation(self) -> bool:
        return self.frames is not None

    @property
    def format(self) -> Format:
        return get_format_of_mimetype(self.mimetype)


@dataclass(frozen=True)
class EncodedImage(HasDisplaySize):
    """The bytes of an image with its metadata, before it is stored."""

    mimetype: str
    data: bytes
    width: int | None = None
    height: int | None = None
    dpi: float | None = None
    frames: int | None = None
    duration: float | None = None
    display_width: int | None = None
    display_height: int | None = None

    def to_representation(self) -> Representation:
        size = (self.width, self.height, self.dpi, self.frames, self.duration, *self.display_size)
        return Representation(self.mimetype, sha256_hex(self.data), len(self.data), *size)


@dataclass(frozen=True)
class Source:
    """The source that a version can be redrawn from; it is opened only inside the sandbox.

    Parameters
    ----------
    kind
        ``"figure"``: a pickled matplotlib figure.
    libraries
        Library versions that made it, such as ``{"python": "3.11", "matplotlib": "3.11.2"}``.
    """

    kind: str
    digest: str
    size: int
    libraries: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CellCode:
    """The code of the cell that published a version: the blob named ``digest`` is its text, without secrets."""

    digest: str
    size: int


@dataclass(frozen=True)
class Version:
    """The result of one publish: metadata, encodings, and the session that made it.

    Parameters
    ----------
    source_problem
        Why the publisher could send no source, as a sentence; ``""`` if there is one, or the reason is unknown.
    check
        Whether the source could be rendered in the sandbox; None if it was not tested.
    code
        The code of the cell that published it; None if it was not sent.
    """

    number: int
    created: float
    session: str | None
    title: str
    alt: str
    representations: tuple[Representation, ...]
    caption: str = ""
    thumbnail: Representation | None = None
    source: Source | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    source_problem: str = ""
    check: SourceCheck | None = None
    code: CellCode | None = None

    @property
    def parts(self) -> list[Representation | Source | CellCode]:
        """Everything stored for this version."""
        others = (self.thumbnail, self.source, self.code)
        return [*self.representations, *(part for part in others if part is not None)]

    @property
    def size(self) -> int:
        """Bytes of everything stored for this version."""
        return sum(part.size for part in self.parts)

    def find_representation(self, row: Format) -> Representation | None:
        return next((r for r in self.representations if r.mimetype == row.mimetype), None)

    @property
    def has_failed_source(self) -> bool:
        """Whether the source could not be rendered in any format."""
        return self.check is not None and ALL_FORMATS in self.check.problems

    def width_in_address(self, part: Representation) -> int | None:
        """Return the width by which a representation is requested, None for the first of its format."""
        return None if part == self.find_representation(part.format) else part.width

    @property
    def still(self) -> Representation | None:
        """The PNG of an animation's first frame, for viewers who prefer less motion; None for a still figure."""
        return self.find_representation(FORMATS["png"]) if self.representations[0].is_animation else None

    @property
    def inline_image(self) -> Representation | None:
        """The image for an ``<img>``: the main representation, else another one, else the thumbnail."""
        parts = (*self.representations, self.thumbnail)
        return next((part for part in parts if part is not None and part.format.is_inline), None)

    @property
    def hidpi(self) -> Representation | None:
        """The stored image that can replace a PNG on HiDPI screens: a small SVG, else a PNG of twice the size.

        Only what was stored with the version: an image rendered later may differ from the published one.
        """
        main = self.representations[0]
        if main.format is not FORMATS["png"] or not main.width or not main.height:
            return None
        same = [part for part in self.representations[1:] if _has_aspect_ratio_of(main, part)]
        vectors = [part for part in same if part.format is FORMATS["svg"] and part.size <= MAX_VECTOR_BYTES]
        wide = HIDPI_RATIO * main.width - HIDPI_RATIO
        rasters = [part for part in same if part.format is FORMATS["png"] and (part.width or 0) >= wide]
        return next(iter(vectors + rasters), None)

    def is_duplicate_of(self, other: Version) -> bool:
        """Whether this adds nothing to ``other``, which may have more representations, and need not be stored."""
        own, known = ([part.digest for part in one.representations] for one in (self, other))
        mine, theirs = ((one.title, one.alt, one.caption, one.representations[0].display_size) for one in (self, other))
        return (*mine, own[0]) == (*theirs, known[0]) and set(own) <= set(known)


@dataclass(frozen=True)
class Identity:
    """The identity of a figure: publishing under an equal identity makes a new version of the same figure.

    Parameters
    ----------
    scope
        Real path of the server's root directory, or the Hub server's name; ``""`` without a notebook.
    notebook
        Path relative to the root; ``""`` without a notebook.
    maker
        The kernel that published, if there is neither a notebook nor a collection; else ``""``. Never a key: keys come
        and go, and their figures stay.
    collection
        A permanent place that the owner named, for figures without a notebook; else ``""``.
    """

    owner: str
    scope: str
    notebook: str
    maker: str
    name: str
    collection: str = ""


class Identified:
    """A record with an identity: a figure, a live figure or a dashboard."""

    identity: Identity

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def owner(self) -> str:
        return self.identity.owner


@dataclass(frozen=True)
class FigureRecord(Identified):
    """A named figure of one owner in one notebook, with its newest version, or the requested one."""

    id: str
    identity: Identity
    origin: str
    created: float
    updated: float
    version: Version

    @property
    def heading(self) -> str:
        """The heading of the figure's page: its title, else its name."""
        return self.version.title or self.identity.name

    @property
    def alt(self) -> str:
        """The alternative text, never empty: that of the version, else the heading."""
        return self.version.alt or self.heading


def _has_aspect_ratio_of(main: Representation, other: Representation) -> bool:
    """Whether two images show the same area; an image with another aspect ratio was cropped differently."""
    ours, theirs = (part.width / part.height if part.width and part.height else 0.0 for part in (main, other))
    return ours > 0 and abs(theirs / ours - 1) < _ASPECT_TOLERANCE


def new_id() -> str:
    """Return a new figure id: 16 letters and digits (95 bits). An id is not a secret."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def find_id(url: str) -> str | None:
    """Return the id of the figure whose page or image has a URL; None for any other URL."""
    match = _PATH.search(urlsplit(url).path)
    return None if match is None else match[1]


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
