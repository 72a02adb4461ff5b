"""The last good picture of each request of a live figure: in memory, and now and then on the disk. Server process."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tornado.ioloop import IOLoop

from ....model.figures import EncodedImage, sha256_hex
from ....model.live import DENSITIES, LiveRequest
from ....model.live_images import KEPT_PICTURES, LivePicture
from ....store.catalog import live_figures as live
from ....store.store import Store

logger = logging.getLogger("jupyter_figserve")
_FLUSH_SECONDS = 20.0
"""A live figure may give many pictures a second; a few of them on the disk will do."""


@dataclass(frozen=True)
class CachedImage:
    """A picture, and of what it is one.

    Parameters
    ----------
    drawn
        Seconds since the epoch.
    revision, version
        Of the declaration and of the data that it was drawn by; "" and None when a server before this one kept it.
    density
        Pixels of it for one of the picture's usual size, in each direction.
    """

    live: str
    key: str
    payload: EncodedImage
    drawn: float
    alt: str = ""
    revision: str = ""
    version: str | None = None
    density: int = 1

    @cached_property
    def size(self) -> tuple[int | None, int | None]:
        """Width and height on a page, in pixels of CSS; None where they are not known."""
        width, height = self.payload.width, self.payload.height
        return width and round(width / self.density), height and round(height / self.density)

    @cached_property
    def digest(self) -> str:
        return sha256_hex(self.payload.data)


class StaleImageCache:
    """Parameters
    ----------
    limit
        Bytes in memory.
    """

    def __init__(self, store: Store, limit: int) -> None:
        self._store = store
        self._limit = limit
        self._size = 0
        self._held: OrderedDict[tuple[str, str], CachedImage] = OrderedDict()
        self._unwritten: OrderedDict[tuple[str, str], CachedImage] = OrderedDict()
        self._timer: Any = None

    def keep(self, picture: CachedImage, *, lasts: bool = True) -> None:
        """The newest one of its request; soon on the disk too, where it ``lasts``."""
        place = (picture.live, picture.key)
        self._forget(place)
        self._held[place] = picture
        self._size += len(picture.payload.data)
        while self._size > self._limit:
            self._forget(next(iter(self._held)))
        if not lasts:
            return
        self._unwritten.pop(place, None)
        self._unwritten[place] = picture
        while len(self._unwritten) > 10 * KEPT_PICTURES:
            self._unwritten.popitem(last=False)
        if self._timer is None:
            self._timer = IOLoop.current().call_later(_FLUSH_SECONDS, self._write_soon)

    def refresh(self, picture: CachedImage, now: float) -> CachedImage:
        """What was just found to be as good as new."""
        fresh = replace(picture, drawn=now)
        self._held[fresh.live, fresh.key] = fresh
        return fresh

    def find_held(self, live_id: str, key: str) -> CachedImage | None:
        """In memory: drawn in this server's life."""
        place = (live_id, key)
        if place in self._held:
            self._held.move_to_end(place)
        return self._held.get(place)

    def find_last(self, live_id: str, request: LiveRequest) -> CachedImage | None:
        """What was drawn last for a request: in the density that it asks for, else in another."""
        densities = dict.fromkeys((request.density, *DENSITIES))
        found = (self.find(live_id, replace(request, density=one).key, density=one) for one in densities)
        return next((picture for picture in found if picture is not None), None)

    def find(self, live_id: str, key: str, *, density: int = 1) -> CachedImage | None:
        """In memory, else on the disk."""
        held = self.find_held(live_id, key)
        if held is not None:
            return held
        row = live.find_picture(self._store.catalog.reader, live_id, key)
        data = None if row is None else self._store.blobs.find(row.digest)
        if row is None or data is None:
            return None
        payload = EncodedImage(row.mimetype, data, row.width, row.height, row.dpi)
        return CachedImage(live_id, key, payload, row.drawn, row.alt, density=density)

    async def flush(self) -> None:
        """Write what is not on the disk yet."""
        if self._timer is not None:
            IOLoop.current().remove_timeout(self._timer)
            self._timer = None
        pictures = list(self._unwritten.values())
        self._unwritten.clear()
        if pictures and self._store.read_only_because is None:
            await asyncio.wrap_future(self._write(pictures, is_frozen=False))

    async def freeze(self, pictures: Sequence[CachedImage]) -> None:
        """Write these now, to stay whatever is drawn after them."""
        await asyncio.wrap_future(self._write(pictures, is_frozen=True))

    def _write(self, pictures: Sequence[CachedImage], *, is_frozen: bool) -> Future[None]:
        blobs = self._store.blobs

        def work(connection: Any) -> None:
            for one in pictures:
                part = one.payload.to_representation()
                row = LivePicture(
                    live=one.live,
                    key=one.key,
                    mimetype=part.mimetype,
                    digest=part.digest,
                    size=part.size,
                    width=part.width,
                    height=part.height,
                    dpi=part.dpi,
                    alt=one.alt,
                    drawn=one.drawn,
                    is_frozen=is_frozen,
                )
                live.keep_picture(connection, blobs, row, one.payload)

        return self._store.write(work)

    def _write_soon(self) -> None:
        self._timer = None
        IOLoop.current().spawn_callback(self.flush)

    def _forget(self, place: tuple[str, str]) -> None:
        gone = self._held.pop(place, None)
        if gone is not None:
            self._size -= len(gone.payload.data)
