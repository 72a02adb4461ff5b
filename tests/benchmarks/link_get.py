"""An image by its link, against the same bytes from other servers; one process each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from . import servers
from .load import Load, Target, compare
from .report import Row
from .scale import Scale

_GTHREAD = ("--worker-class", "gthread", "--threads", "4")


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    data = servers.make_png()
    file = home / "root" / "picture.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(servers.jupyter(home))
        link = servers.share(server, servers.publish(server, data, "picture")["id"])
        peers = [
            stack.enter_context(servers.flask(home, file)),
            stack.enter_context(servers.bare_tornado(home, file)),
            stack.enter_context(servers.flask(home, file, *_GTHREAD)),
        ]
        targets = [
            Target(link, server.pid),
            *(Target(peer.url, peer.pid) for peer in peers),
            Target(f"{server.url}files/picture.png", server.pid, servers.login(server)),
        ]
        ours, flask, bare, threaded, files = compare(targets, scale.load_rounds, scale.load_seconds, data)
    what = f"GET of {len(data) / 1000:.0f} KB by link"
    yield _row(f"{what} / Flask send_file, one gunicorn worker", ours, flask, 2.0)
    yield _row(f"{what} / jupyter_server's /files/ with a cookie", ours, files, 2.0)
    yield _row(f"{what} / bare Tornado handler", ours, bare, 0.65)
    # For information: this worker keeps connections open, unlike gunicorn's default one.
    yield _row(f"{what} / the same Flask, gthread worker", ours, threaded, None)


def _row(name: str, ours: Load, peer: Load, bound: float | None) -> Row:
    note = f"CPU time of each: {ours.work:.0f} and {peer.work:.0f} µs, peer / ours {peer.work / ours.work:.2f}"
    return Row(name, ours.rate, peer.rate, "req/s", bound, "≥", note=note)
