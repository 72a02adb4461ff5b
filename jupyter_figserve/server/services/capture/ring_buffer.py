"""Ring buffer of the figures that a session displayed last, within a quota. Server process."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ....model.figures import sha256_hex
from ....model.formats import Format, get_format_of_mimetype
from ....model.open_flags import NEW_FILE
from ....model.quotas import Quota
from .captured_display import CapturedDisplay
from .plot_namer import ImageKey, PlotNamer


@dataclass
class CapturedBytes:
    """Bytes in memory, until they are written to a file."""

    data: bytes | None
    file: Path | None = None

    def read(self) -> bytes | None:
        """Return the bytes, None when they have been deleted meanwhile."""
        if self.data is not None:
            return self.data
        try:
            return self.file.read_bytes() if self.file is not None else None
        except OSError:
            return None

    def delete(self) -> None:
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.unlink()
        self.file = self.data = None


@dataclass
class CapturedImage:
    """A figure in the buffer.

    Parameters
    ----------
    display
        How it was displayed, without the bytes.
    created
        When it was displayed or last updated, in seconds since the epoch.
    version
        1, and one more with each update of the display.
    cell, code
        Number and code of its cell; None and "" outside any cell.
    content
        The image, or what its document is made of.
    others
        The other images of the same figure, in the order of those of ``display``.
    is_new
        Whether it was added or updated since the last flush.
    """

    stem: str
    display: CapturedDisplay
    created: float
    version: int = 0
    cell: int | None = None
    code: str = ""
    size: int = 0
    content: CapturedBytes = field(default_factory=lambda: CapturedBytes(None))
    others: list[CapturedBytes] = field(default_factory=list)
    digest: str | None = None
    is_new: bool = True

    @property
    def format(self) -> Format:
        return self.display.format

    @property
    def path(self) -> str:
        return f"{self.stem}.{self.format.name}"

    @property
    def still_path(self) -> str | None:
        """Name of the static image of an interactive figure; None without one."""
        return None if self.display.still is None else self.other_paths[0]

    @property
    def other_paths(self) -> list[str]:
        return [f"{self.stem}.{get_format_of_mimetype(one.mimetype).name}" for one in self.display.others]

    @property
    def parts(self) -> list[CapturedBytes]:
        """All bytes, of the figure and its other images."""
        return [self.content, *self.others]


@dataclass(frozen=True)
class NotKept:
    """A display that could not be kept; ``message`` names it."""

    message: str


@dataclass(frozen=True)
class PublishedDisplay:
    """A display of a published figure, by its id."""

    figure: str


class CaptureBuffer:
    """The newest images of a session; the oldest are deleted when the quota is exceeded.

    New bytes stay in memory until ``flush`` writes them, so that a frame of an animation costs only a dictionary entry.

    Parameters
    ----------
    directory
        Where the bytes are written.
    quota
        Maximum number and bytes of the images; None or 0 for no limit.
    """

    def __init__(self, directory: Path, quota: Quota) -> None:
        self.namer = PlotNamer()
        self.bytes = 0
        self.directory = directory
        self._quota = quota
        self._images: OrderedDict[ImageKey, CapturedImage] = OrderedDict()
        self._last: CapturedImage | NotKept | PublishedDisplay | None = None
        self._files_written = 0

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[CapturedImage]:
        """Newest first."""
        return reversed(self._images.values())

    @property
    def last(self) -> CapturedImage | NotKept | PublishedDisplay | None:
        """The figure that was displayed last, even if it is not in the buffer; None before the first."""
        return self._last

    def add(self, key: ImageKey, request: str, display: CapturedDisplay, now: float) -> CapturedImage:
        """Add a figure, or update the one with the same key."""
        image = self._images.get(key)
        bare = replace(display, data=b"", others=tuple(replace(other, data=b"") for other in display.others))
        if image is None:
            stem, cell = self.namer.make_stem(request), self.namer.find_cell(request)
            image = self._images[key] = CapturedImage(stem, bare, now, cell=cell)
        image.code = self.namer.find_code(request) or image.code
        self._images.move_to_end(key)
        self.bytes += display.size - image.size
        image.display, image.size, image.created, image.digest = bare, display.size, now, None
        image.content.data = display.data
        for part in image.others:
            part.delete()
        image.others = [CapturedBytes(other.data) for other in display.others]
        image.version += 1
        image.is_new = True
        self._last = image
        self._evict()
        return image

    def add_not_kept(self, key: ImageKey, message: str) -> None:
        """Record that a figure was displayed that could not be kept; what it updates is no longer displayed."""
        if key in self._images:
            self._drop(key)
        self._last = NotKept(message)

    def add_published(self, figure: str) -> None:
        """Record that a published figure was displayed."""
        self._last = PublishedDisplay(figure)

    def find(self, path: str) -> CapturedImage | None:
        """Return the figure with this name, or with another image of this name."""
        return next((image for image in self if path in (image.path, *image.other_paths)), None)

    def read(self, image: CapturedImage) -> bytes | None:
        """Return the bytes of a figure, None when they have been deleted meanwhile."""
        return image.content.read()

    def find_digest(self, image: CapturedImage) -> str | None:
        """Return the digest of a figure's bytes, computed on first use; None when they have been deleted meanwhile."""
        if image.digest is None:
            data = image.content.read()
            image.digest = None if data is None else sha256_hex(data)
        return image.digest

    def flush(self) -> list[CapturedImage]:
        """Write new bytes to files, and return the images that are new since the last flush, oldest first.

        Raises
        ------
        OSError
            When the disk is full; the images that could not be written are dropped.
        """
        new = [image for image in self._images.values() if image.is_new]
        for image in new:
            image.is_new = False
        try:
            for image in new:
                self._write(image)
        except OSError as error:
            for key, image in list(self._images.items()):
                if any(part.data is not None for part in image.parts):
                    self._drop(key)
                    if image is self._last:
                        self._last = NotKept(f"{image.path} could not be kept: {error.strerror}.")
            raise
        return new

    def clear(self) -> None:
        self._last = None
        for key in list(self._images):
            self._drop(key)

    def _write(self, image: CapturedImage) -> None:
        """Write to new files, since the previous ones may be being read."""
        for part in image.parts:
            if part.data is not None:
                self._files_written += 1
                previous, part.file = part.file, self.directory / str(self._files_written)
                with os.fdopen(os.open(part.file, NEW_FILE, 0o600), "wb") as opened:
                    opened.write(part.data)
                part.data = None
                if previous is not None:
                    CapturedBytes(None, previous).delete()

    def _evict(self) -> None:
        """Drop the oldest images beyond the quota; the newest stays, however large it is."""
        while len(self._images) > 1 and (
            (self._quota.figures and len(self._images) > self._quota.figures)
            or (self._quota.bytes and self.bytes > self._quota.bytes)
        ):
            self._drop(next(iter(self._images)))

    def _drop(self, key: ImageKey) -> None:
        image = self._images.pop(key)
        self.bytes -= image.size
        for part in image.parts:
            part.delete()
