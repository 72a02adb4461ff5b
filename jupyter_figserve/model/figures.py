"""The figure and its parts as frozen values that go to JSON and back. Any process; knows no store and no HTTP."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidInput, InvalidName
from .formats import FORMATS, Format, get_format_of_mimetype

MARKER = "jupyter_figserve"
"""The key in a display's metadata by which capture knows what is ours: a published figure is not captured as well."""
NAME_LENGTH = 100
TITLE_LENGTH = 300
ALT_LENGTH = 2_000
MAX_VECTOR_BYTES = 512 * 1024
"""Bytes of an SVG that dense screens are shown in the place of a PNG."""
_SAME_SHAPE = 0.01
_NAME = re.compile(r"[\w][\w .-]{0,99}")
# File names that Windows gives to devices: a name becomes a file name in downloads and exports.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9]{16}")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Representation:
    """One encoding of a version: its bytes are the blob named ``digest``.

    Parameters
    ----------
    width, height
        Pixels; for vector formats at 96 to the inch. None when unknown.
    dpi
        Dots per inch of a raster format, None when unknown or a vector.
    size
        Bytes.
    digest
        sha256 of the bytes in hexadecimal; also the ETag.
    """

    mimetype: str
    digest: str
    size: int
    width: int | None = None
    height: int | None = None
    dpi: float | None = None

    @property
    def format(self) -> Format:
        return get_format_of_mimetype(self.mimetype)


@dataclass(frozen=True)
class EncodedImage:
    """A representation on its way into the store, with its bytes."""

    mimetype: str
    data: bytes
    width: int | None = None
    height: int | None = None
    dpi: float | None = None

    def to_representation(self) -> Representation:
        return Representation(self.mimetype, sha256_hex(self.data), len(self.data), self.width, self.height, self.dpi)


@dataclass(frozen=True)
class Source:
    """What a version can be drawn from again; it is only ever opened inside the sandbox.

    Parameters
    ----------
    kind
        ``"figure"``: a pickled matplotlib figure.
    libraries
        Versions that made it, such as ``{"python": "3.11", "matplotlib": "3.11.2"}``.
    """

    kind: str
    digest: str
    size: int
    libraries: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """What one publish made of a figure: the words, the encodings, and the session that made it."""

    number: int
    created: float
    session: str | None
    title: str
    alt: str
    representations: tuple[Representation, ...]
    thumbnail: Representation | None = None
    source: Source | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def parts(self) -> list[Representation | Source]:
        """Everything stored for this version."""
        return [*self.representations, *(part for part in (self.thumbnail, self.source) if part is not None)]

    @property
    def size(self) -> int:
        """Bytes of everything stored for this version."""
        return sum(part.size for part in self.parts)

    def find_representation(self, row: Format) -> Representation | None:
        return next((r for r in self.representations if r.mimetype == row.mimetype), None)

    @property
    def inline_image(self) -> Representation | None:
        """The image for an ``<img>``: the main representation, else another one, else the thumbnail."""
        parts = (*self.representations, self.thumbnail)
        return next((part for part in parts if part is not None and part.format.is_inline), None)

    @property
    def vector(self) -> Representation | None:
        """The SVG that shows a PNG's picture in any resolution, for dense screens; None without a light one."""
        main, drawn = self.representations[0], self.find_representation(FORMATS["svg"])
        if main.format is not FORMATS["png"] or drawn is None or drawn.size > MAX_VECTOR_BYTES:
            return None
        sides = (main.width, main.height, drawn.width, drawn.height)
        if not all(sides):
            return None
        width, height, drawn_width, drawn_height = (float(side or 0) for side in sides)
        # One that was cut in another way is another picture.
        return drawn if abs(width * drawn_height / (height * drawn_width) - 1) < _SAME_SHAPE else None

    def is_duplicate_of(self, other: Version) -> bool:
        """Whether this adds nothing to ``other``, in which case it is not kept: equal words, and no bytes that are new.

        ``other`` may have more: what was drawn from its source since.
        """
        known = [part.digest for part in other.representations]
        mine = [part.digest for part in self.representations]
        return (self.title, self.alt, mine[0]) == (other.title, other.alt, known[0]) and set(mine) <= set(known)


@dataclass(frozen=True)
class Identity:
    """Whose and which figure: publishing under an equal identity makes a new version of the same figure.

    Parameters
    ----------
    scope
        Real path of the server's root directory, or the Hub server's name.
    notebook
        Path below the root; without a notebook ``""``, and ``maker`` tells figures apart.
    maker
        The kernel or key that published, only where there is no notebook; else ``""``.
    """

    owner: str
    scope: str
    notebook: str
    maker: str
    name: str


@dataclass(frozen=True)
class FigureRecord:
    """A named picture of one owner in one notebook, with its newest version (or the one asked for)."""

    id: str
    identity: Identity
    origin: str
    created: float
    updated: float
    version: Version

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def owner(self) -> str:
        return self.identity.owner

    @property
    def heading(self) -> str:
        """What a page calls the figure: its title, else its name."""
        return self.version.title or self.identity.name

    @property
    def alt(self) -> str:
        """The alternative text, never empty: what the author gave, else the heading."""
        return self.version.alt or self.heading


def new_id() -> str:
    """A fresh figure id: 16 letters and digits (95 bits), stable and never a secret's stand-in."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check_name(name: object) -> str:
    """``name`` in NFC.

    Raises
    ------
    InvalidName
        When it is outside the grammar ``[\\w][\\w .-]{0,99}`` or names a device.
    """
    text = unicodedata.normalize("NFC", name) if isinstance(name, str) else ""
    if not _NAME.fullmatch(text) or _DEVICES.fullmatch(text):
        raise InvalidName(
            f"{name!r:.60} cannot be a figure's name: start with a letter or digit, go on with letters, digits,"
            f" spaces, dots, hyphens and underscores, {NAME_LENGTH} at most."
        )
    return text


def slug(title: str) -> str | None:
    """A name made of a title, or None when nothing of it can stand in a name."""
    text = unicodedata.normalize("NFC", title)
    text = re.sub(r"[^\w .-]+", " ", text)
    text = re.sub(r"\s+", "-", text.strip())
    text = re.sub(r"-{2,}", "-", text).lstrip(".-")[:NAME_LENGTH].rstrip(".- ")
    return text if text and _NAME.fullmatch(text) and not _DEVICES.fullmatch(text) else None


def validate_single_line(text: object, what: str, limit: int) -> str:
    """A title or an alternative text: one line, trimmed, within ``limit`` characters.

    Raises
    ------
    InvalidInput
        For other types, control characters, lone surrogates and too many characters.
    """
    if text is None:
        return ""
    if not isinstance(text, str):
        raise InvalidInput(f"The {what} is {type(text).__name__}; give a string.")
    line = re.sub(r"[ \t\r\n\x0b\x0c\u2028\u2029]+", " ", text).strip()
    if len(line) > limit:
        raise InvalidInput(f"The {what} has {len(line):,} characters; {limit:,} are the most.", code="words_too_long")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in line):
        raise InvalidInput(f"The {what} holds control characters; take them out.")
    return line
