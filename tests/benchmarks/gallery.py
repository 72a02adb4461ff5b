"""The gallery's first page, as a logged-in browser requests it, in catalogs of several sizes."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from jupyter_figserve.demo.server_process import ServerProcess

from . import servers
from .catalog_rows import fill
from .report import Row
from .scale import Scale

_LINKED = 20
_ROUNDS = 15
_PAGES = {
    "gallery, first page": "figserve/",
    "gallery, one notebook": "figserve/?notebook=study+0%2FAnalysis+1.ipynb",
    "gallery, search for two words": "figserve/?q=station+17",
}


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    data = servers.make_png()
    with contextlib.ExitStack() as stack:
        found = []
        for size in scale.galleries:
            fill(home / f"{size}", size, _LINKED, data)
            found.append(stack.enter_context(servers.jupyter(home / f"at-{size}", home / f"{size}")))
        for name, path in _PAGES.items():
            smallest, *larger = _times(found, path)
            for size, time_of in zip(scale.galleries[1:], larger, strict=True):
                yield Row(f"{name}, {size:,} figures / {scale.galleries[0]:,}", time_of, smallest, "ms")


def _times(found: Sequence[ServerProcess], path: str) -> list[float]:
    """Return median milliseconds of a GET on each server, alternating."""
    cookies = [servers.login(server) for server in found]
    times: list[list[float]] = [[] for _ in found]
    for _ in range(_ROUNDS):
        for place, server in enumerate(found):
            headers = cookies[place] | {"Accept": "text/html"}
            start = time.perf_counter()
            answer = server.fetch(path, anonymous=True, headers=headers)
            times[place].append(1_000 * (time.perf_counter() - start))
            assert answer.status == 200, f"{answer.status}: {answer.text[:500]}"
    return [statistics.median(values) for values in times]
