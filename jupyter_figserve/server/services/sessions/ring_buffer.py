"""Ring buffer of the images that a session displayed last, within a quota. Server process."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ....model.figures import sha256_hex
from ....model.formats import Format
from ....model.quotas import Quota
from .plot_namer import ImageKey, PlotNamer


@dataclass
class CapturedImage:
    """An image in the buffer.

    Parameters
    ----------
    version
        1, and one more with each update of the display.
    cell
        Number of its cell, None outside any cell.
    data
        The bytes until they are written to ``file``.
    is_new
        Whether it was added or updated since the last flush.
    """

    stem: str
    format: Format
    size: int
    created: float
    version: int = 1
    cell: int | None = None
    data: bytes | None = None
    digest: str | None = None
    file: Path | None = None
    is_new: bool = True

    @property
    def path(self) -> str:
        return f"{self.stem}.{self.format.name}"


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
        self._files_written = 0

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[CapturedImage]:
        """Newest first."""
        return reversed(self._images.values())

    def add(self, key: ImageKey, request: str, row: Format, data: bytes, now: float) -> CapturedImage:
        """Add an image, or update the one with the same key."""
        image = self._images.get(key)
        if image is None:
            stem, cell = self.namer.make_stem(request), self.namer.find_cell(request)
            image = self._images[key] = CapturedImage(stem, row, 0, now, version=0, cell=cell)
        self._images.move_to_end(key)
        self.bytes += len(data) - image.size
        image.format, image.data, image.digest, image.size, image.created = row, data, None, len(data), now
        image.version += 1
        image.is_new = True
        self._evict()
        return image

    def find(self, path: str) -> CapturedImage | None:
        return next((image for image in self if image.path == path), None)

    def find_newest(self) -> CapturedImage | None:
        return next(iter(self), None)

    def read(self, image: CapturedImage) -> bytes | None:
        """Return an image's bytes, None when they have been deleted meanwhile."""
        if image.data is not None:
            return image.data
        try:
            return image.file.read_bytes() if image.file is not None else None
        except OSError:
            return None

    def find_digest(self, image: CapturedImage) -> str | None:
        """Return the digest of an image's bytes, computed on first use; None when they have been deleted meanwhile."""
        if image.digest is None:
            data = self.read(image)
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
        except OSError:
            for key in [key for key, image in self._images.items() if image.data is not None]:
                self._drop(key)
            raise
        return new

    def clear(self) -> None:
        for key in list(self._images):
            self._drop(key)

    def _write(self, image: CapturedImage) -> None:
        """Write to a new file, since the previous one may be being read."""
        if image.data is None:
            return
        self._files_written += 1
        file = self.directory / f"{self._files_written}.{image.format.name}"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        previous, image.file = image.file, file
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(image.data)
        image.data = None
        _unlink(previous)

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
        _unlink(image.file)
        image.file = image.data = None


def _unlink(file: Path | None) -> None:
    if file is not None:
        with contextlib.suppress(OSError):
            file.unlink()
