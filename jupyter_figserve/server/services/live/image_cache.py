"""Stale-if-error cache: the last good image of each live request, in memory and on disk. Server process.

Source: RFC 5861, section 4.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from cachetools import LRUCache
from tornado.ioloop import IOLoop

from ....errors import Unavailable
from ....model.figures import EncodedImage, sha256_hex
from ....model.live import DEVICE_PIXEL_RATIOS, LiveRequest
from ....model.live_images import MAX_LIVE_IMAGES, LiveImage
from ....store.store import Store

_log = logging.getLogger("jupyter_figserve")
_FLUSH_SECONDS = 2.0
"""Time between two writes: the first image reaches the disk at once, and of many in a second only some need to."""
_WRITE_RATE = 2**20
"""Bytes written in a second, on average: visitors choose what is drawn, and each image stays on disk for a while."""
_ENTRY_BYTES = 1_024
"""Memory of an image beside its bytes: visitors choose how many there are, and data may have a single byte."""
_MAX_UNWRITTEN = 64 * 2**20
"""Bytes of images that wait to be written; those that waited longest are only in memory."""


@dataclass(frozen=True)
class CachedImage:
    """An image of a live figure, as its backend drew it.

    Parameters
    ----------
    revision, version
        Of the declaration and of the data that it shows; "" and None when an earlier server process stored it.
    device_pixel_ratio
        Image pixels per CSS pixel.
    status
        HTTP status of data.
    refreshed
        Of the declaration when the call began.
    is_html
        Whether HTML is the figure's own format, whichever was requested.
    live, key
        The live figure and the request that it answers; set by the cache.
    rendered
        Time when it was rendered, in seconds since the epoch; set by the cache.
    timing
        Seconds of the call that gave it, as its process reports them.
    """

    content: EncodedImage
    alt: str = ""
    revision: str = ""
    version: str | None = None
    device_pixel_ratio: int = 1
    is_html: bool = False
    status: int = 200
    refreshed: str = ""
    live: str = ""
    key: str = ""
    rendered: float = 0.0
    timing: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def size(self) -> tuple[int | None, int | None]:
        """Width and height on a page, in CSS pixels; None where they are not known."""
        width, height = self.content.width, self.content.height
        return width and round(width / self.device_pixel_ratio), height and round(height / self.device_pixel_ratio)

    @property
    def is_good(self) -> bool:
        """Whether it may be cached: not the response to an error that the function has found."""
        return self.status < 300

    @cached_property
    def digest(self) -> str:
        return sha256_hex(self.content.data)


class StaleImageCache:
    """Keeps the newest image of each request.

    Parameters
    ----------
    max_bytes
        Size of the images in memory, with ``_ENTRY_BYTES`` for each.
    """

    def __init__(self, store: Store, max_bytes: int) -> None:
        self._store = store
        self._in_memory: LRUCache[tuple[str, str], CachedImage] = LRUCache(max_bytes, getsizeof=_size)
        self._unwritten: LRUCache[tuple[str, str], CachedImage] = LRUCache(_MAX_UNWRITTEN, getsizeof=_size)
        self._timer: Any = None
        self._next_write = 0.0
        self._has_warned = False

    def put(self, live_id: str, request: LiveRequest, image: CachedImage) -> CachedImage:
        """Keep the newest good image of a request, at once also on disk; return it with its key and time.

        An image that could not be rendered for a HiDPI screen also serves standard screens, and is stored for those.
        """
        image = replace(image, live=live_id, key=request.key, rendered=self._store.clock())
        if not image.is_good:
            return image
        self._put_in_memory(image)
        if image.device_pixel_ratio == request.device_pixel_ratio:
            self._write_later(image)
        else:
            usual = replace(image, key=replace(request, device_pixel_ratio=image.device_pixel_ratio).key)
            self._put_in_memory(usual)
            self._write_later(usual)
        return image

    def refresh(self, image: CachedImage) -> CachedImage:
        """Mark an image as rendered now, because its data has not changed since."""
        fresh = replace(image, rendered=self._store.clock())
        self._put_in_memory(fresh)
        return fresh

    def find_in_memory(self, live_id: str, key: str) -> CachedImage | None:
        """Return the image if it was rendered in this server's life and is still in memory."""
        return self._in_memory.get((live_id, key))

    async def find_last(self, live_id: str, request: LiveRequest) -> CachedImage | None:
        """Return the last image for a request: at its device pixel ratio, else at another."""
        ratios = dict.fromkeys((request.device_pixel_ratio, *DEVICE_PIXEL_RATIOS))
        requests = (replace(request, device_pixel_ratio=ratio) for ratio in ratios)
        for one in requests:
            image = await self.find(live_id, one.key, device_pixel_ratio=one.device_pixel_ratio)
            if image is not None:
                return image
        return None

    async def find(self, live_id: str, key: str, *, device_pixel_ratio: int = 1) -> CachedImage | None:
        """Return the last image by its key, from memory or else from disk."""
        image = self.find_in_memory(live_id, key)
        if image is not None:
            return image
        row = await self._store.live.find_image(live_id, key)
        data = None if row is None else await self._read(row.digest)
        if row is None or data is None:
            return None
        return CachedImage(
            EncodedImage(row.mimetype, data, row.width, row.height, row.dpi),
            row.alt,
            device_pixel_ratio=device_pixel_ratio,
            live=live_id,
            key=key,
            rendered=row.rendered,
        )

    async def flush(self) -> None:
        """Write the images that are not on disk yet."""
        if self._timer is not None:
            IOLoop.current().remove_timeout(self._timer)
            self._timer = None
        images = _find_newest(self._unwritten.values())
        self._unwritten.clear()
        if not images or self._store.read_only_because is not None:
            return
        try:
            await self._write(images, is_frozen=False)
        except Exception as error:
            # A full disk, or a database that does not answer: they stay in memory, and calls go on.
            level = logging.DEBUG if self._has_warned else logging.WARNING
            _log.log(level, "The last images of live figures cannot be stored: %s", error)
            self._has_warned = True
        else:
            self._has_warned = False

    async def freeze(self, images: Sequence[CachedImage]) -> None:
        """Write these images now, to be kept regardless of later ones."""
        await self._write(images, is_frozen=True)

    async def _read(self, digest: str) -> bytes | None:
        try:
            return await self._store.read_blob(digest)
        except Unavailable as error:
            # The figure itself may still answer.
            _log.debug("The last image of a live figure cannot be read: %s", error)
            return None

    def _put_in_memory(self, image: CachedImage) -> None:
        place = (image.live, image.key)
        self._in_memory.pop(place, None)
        if _size(image) <= self._in_memory.maxsize:
            self._in_memory[place] = image

    def _write_later(self, image: CachedImage) -> None:
        if _size(image) > _MAX_UNWRITTEN:
            return
        self._unwritten[image.live, image.key] = image
        if self._timer is None:
            now = IOLoop.current().time()
            self._timer = IOLoop.current().call_at(max(now, self._next_write), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        pause = max(_FLUSH_SECONDS, self._unwritten.currsize / _WRITE_RATE)
        self._next_write = IOLoop.current().time() + pause
        IOLoop.current().spawn_callback(self.flush)

    async def _write(self, images: Sequence[CachedImage], *, is_frozen: bool) -> None:
        await self._store.live.keep_images([(_to_row(image, is_frozen=is_frozen), image.content) for image in images])


def _size(image: CachedImage) -> int:
    return len(image.content.data) + _ENTRY_BYTES


def _find_newest(images: Iterable[CachedImage]) -> list[CachedImage]:
    """Return the newest images of each live figure, as many as the store keeps; the latest comes last."""
    by_figure: dict[str, list[CachedImage]] = {}
    for image in sorted(images, key=lambda one: one.rendered):
        by_figure.setdefault(image.live, []).append(image)
    return [image for group in by_figure.values() for image in group[-MAX_LIVE_IMAGES:]]


def _to_row(image: CachedImage, *, is_frozen: bool) -> LiveImage:
    part = image.content.to_representation()
    return LiveImage(
        live=image.live,
        key=image.key,
        mimetype=part.mimetype,
        digest=part.digest,
        size=part.size,
        width=part.width,
        height=part.height,
        dpi=part.dpi,
        alt=image.alt,
        rendered=image.rendered,
        is_frozen=is_frozen,
    )
