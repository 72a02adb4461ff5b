"""A publish inside the server, without HTTP: blobs, catalog and manifest on disk, against one synced file."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from jupyter_figserve.model.figures import EncodedImage, Identity
from jupyter_figserve.model.new_version import NewVersion
from jupyter_figserve.store.admin.opening import open_store

from . import servers
from .report import Row
from .scale import Scale

_THUMBNAIL_SIDE = 70


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    with asyncio.Runner() as runner:
        yield from _measure(home, scale, runner.run)


def _measure(home: Path, scale: Scale, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> Iterator[Row]:
    store = open_store(home / "figures")
    ours, peer = [], []
    try:
        for number in range(scale.stores):
            draft = _draft(number)
            ours.append(_timed(lambda draft=draft: run(store.figures.publish(draft))))
            data = draft.images[0].data
            peer.append(_timed(lambda data=data, number=number: _write_synced(home / f"{number}.png", data)))
        again = [_timed(lambda: run(store.figures.publish(draft))) for _ in range(scale.stores)]
    finally:
        store.close()
    times = [1000 * statistics.median(values) for values in (ours, peer, again)]
    note = "for information: image and thumbnail durable, against one file of 25 KB written and synced"
    yield Row("store.publish of new bytes, in process / one synced file", times[0], times[1], "ms", note=note)
    yield Row("store.publish of the same bytes again / one synced file", times[2], times[1], "ms")


def _draft(number: int) -> NewVersion:
    image, thumbnail = servers.make_png(number), servers.make_png(-number - 1 & 0xFFFF_FFFF, _THUMBNAIL_SIDE)
    identity = Identity("local", "/home/someone", "Measured.ipynb", "", f"figure {number % 10}")
    return NewVersion(identity, (_payload(image),), title="Measured", thumbnail=_payload(thumbnail))


def _payload(data: bytes) -> EncodedImage:
    return EncodedImage("image/png", data)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
