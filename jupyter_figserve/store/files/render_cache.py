"""Render cache: a directory of limited size with images that can be rendered again. Server process.

It is neither in the catalog nor synced. A file is a line of JSON followed by the bytes of its images.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...model.figures import EncodedImage, Representation, sha256_hex
from ...model.open_flags import READ_FILE
from .filesystem import atomic_write, make_private_directory

_SWEPT_TO = 0.8
"""Fraction of the limit that remains after a sweep."""
_UNFINISHED_SECONDS = 3_600.0


@dataclass(frozen=True)
class CachedRender:
    """Images with their metadata.

    Parameters
    ----------
    metadata
        JSON values: title, output, libraries.
    """

    images: tuple[EncodedImage, ...]
    metadata: dict[str, Any] = field(default_factory=dict)


class RenderCache:
    """Least recently used cache of files ``<root>/ab/abcd…``, by key.

    Parameters
    ----------
    limit
        Maximum total size in bytes; 0 disables the cache.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self.root = root
        self.limit = limit
        self._size: int | None = None
        self._lock = threading.Lock()

    def find(self, key: str) -> CachedRender | None:
        """Return the entry of ``key`` (a sha256), None when there is none or its file is damaged."""
        path = self._path(key)
        try:
            descriptor = os.open(path, READ_FILE)
            with os.fdopen(descriptor, "rb") as file:
                render = _parse(file.read())
            os.utime(path, follow_symlinks=os.utime not in os.supports_follow_symlinks)
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None
        return render

    def put(self, key: str, render: CachedRender) -> None:
        """Store an entry if the disk allows it; may be called in any thread."""
        data = _serialize(render)
        if len(data) > self.limit // 8:
            return
        path = self._path(key)
        with contextlib.suppress(OSError), self._lock:
            for directory in (self.root, path.parent):
                make_private_directory(directory)
            atomic_write(path, data, path.with_name(f"{secrets.token_hex(8)}.tmp"), is_durable=False)
            self._size = (self._size or 0) + len(data) if self._size is not None else self._measure()
            if self._size > self.limit:
                self._size = self._sweep()

    def _measure(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _sweep(self) -> int:
        """Remove the least recently used files and return the size of the rest."""
        files = sorted(self._files())
        size = sum(size for _, size, _ in files)
        for used, file_size, path in files:
            is_unfinished = path.suffix == ".tmp" and used < files[-1][0] - _UNFINISHED_SECONDS
            if size <= self.limit * _SWEPT_TO and not is_unfinished:
                continue
            with contextlib.suppress(OSError):
                path.unlink()
                size -= file_size
        return size

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return last use, size and path of each file."""
        found = []
        for path in self.root.glob("*/*"):
            with contextlib.suppress(OSError):
                status = path.lstat()
                found.append((status.st_mtime, status.st_size, path))
        return found

    def _path(self, key: str) -> Path:
        return self.root / key[:2] / key


def _serialize(render: CachedRender) -> bytes:
    images = [image.to_representation().__dict__ for image in render.images]
    head = json.dumps({"images": images, "metadata": render.metadata}).encode()
    return b"".join((head, b"\n", *(image.data for image in render.images)))


def _parse(data: bytes) -> CachedRender:
    """Parse the contents of a file.

    Raises
    ------
    ValueError
        When the bytes do not match their digests, for example after a power failure.
    """
    head, _, rest = data.partition(b"\n")
    header = json.loads(head)
    images = []
    for row in header["images"]:
        part = Representation(**row)
        body, rest = rest[: part.size], rest[part.size :]
        if sha256_hex(body) != part.digest:
            raise ValueError("damaged")
        size = (part.width, part.height, part.dpi)
        images.append(EncodedImage(part.mimetype, body, *size, part.frames, part.duration))
    return CachedRender(tuple(images), header["metadata"])
