"""A link in a catalog of a million figures, against a catalog of only the requested figures."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_figserve.demo.server_process import ServerProcess

from . import servers
from .catalog_rows import Filled, fill
from .load import RoundRobin, Target, compare
from .report import Row
from .scale import Scale

_LISTS = {
    "newest 50 figures (gallery's first page)": "figserve/api/figures",
    "search for text in few titles": "figserve/api/figures?q=station+17",
    "api/status": "figserve/api/status",
}
_LIST_ROUNDS = 9


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    data = servers.make_png()
    start = time.perf_counter()
    large = fill(home / "large", scale.figures, scale.linked, data)
    note = f"for information: the large catalog was filled in {time.perf_counter() - start:.0f} s and has"
    note += (
        f" {(home / 'large' / 'catalog.db').stat().st_size / 1e9:.2f} GB; the small one has {scale.linked:,} figures"
    )
    small = fill(home / "small", scale.linked, scale.linked, data)
    with contextlib.ExitStack() as stack:
        at_large = stack.enter_context(servers.jupyter(home / "at-large", home / "large"))
        at_small = stack.enter_context(servers.jupyter(home / "at-small", home / "small"))
        both: Sequence[tuple[ServerProcess, Filled]] = [(at_large, large), (at_small, small)]
        what = f"link GET, {scale.figures:,} figures / {scale.linked:,}"
        first = [Target(_url(server, filled.tokens[0]), server.pid) for server, filled in both]
        yield _row(f"{what}, one link", first, scale, data)
        turns = [_round_robin(server, filled, home) for server, filled in both]
        yield _row(f"{what}, round robin over links", turns, scale, data)
        for name, path in _LISTS.items():
            ours, peer = _times([at_large, at_small], path)
            yield Row(f"{name}, {scale.figures:,} / {scale.linked:,}", ours, peer, "ms")
    yield Row(what, None, None, "", note=note)


def _row(name: str, targets: Sequence[Target], scale: Scale, data: bytes) -> Row:
    large, small = compare(targets, scale.load_rounds, scale.load_seconds, data)
    note = f"CPU time per request: {large.work:.0f} and {small.work:.0f} µs, ratio {large.work / small.work:.2f}"
    return Row(name, 1e6 / large.rate, 1e6 / small.rate, "µs", 1.2, note=note)


def _round_robin(server: ServerProcess, filled: Filled, home: Path) -> Target:
    """Request more links than the server caches, so that each is looked up in the catalog."""
    paths = [urlsplit(_url(server, token)).path for token in filled.tokens]
    return Target(_url(server, filled.tokens[0]), server.pid, turns=RoundRobin(paths, home / f"turns-{server.pid}.lua"))


def _url(server: ServerProcess, token: str) -> str:
    return f"{server.url}figserve/f/{token}.png"


def _times(both: Sequence[ServerProcess], path: str) -> list[float]:
    """Return median milliseconds of a GET with the server's token, alternating."""
    times: list[list[float]] = [[] for _ in both]
    for _ in range(_LIST_ROUNDS):
        for place, server in enumerate(both):
            start = time.perf_counter()
            servers.json_of(server.fetch(path))
            times[place].append(1_000 * (time.perf_counter() - start))
    return [statistics.median(values) for values in times]
