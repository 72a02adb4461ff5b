"""A picture by its link, against the same bytes by what else would serve them; one process each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from . import servers
from .load import Target, compare
from .report import Row
from .scale import Scale

_GTHREAD = ("--worker-class", "gthread", "--threads", "4")


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    data = servers.picture()
    file = home / "root" / "picture.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(servers.jupyter(home))
        link = servers.share(server, servers.publish(server, data, "picture")["id"])
        targets = [
            Target(link),
            Target(stack.enter_context(servers.flask(home, file))),
            Target(f"{server.url}files/picture.png", servers.login(server)),
            Target(stack.enter_context(servers.bare_tornado(home, file))),
            Target(stack.enter_context(servers.flask(home, file, *_GTHREAD))),
        ]
        ours, flask, files, bare, threaded = compare(targets, scale.load_rounds, scale.load_seconds, data)
    what = f"link GET of a PNG of {len(data) / 1000:.0f} KB"
    yield Row(f"{what} / Flask send_file, one gunicorn worker", ours, flask, "req/s", 2.0, "≥")
    yield Row(f"{what} / jupyter_server's /files/, cookie", ours, files, "req/s", 2.0, "≥")
    yield Row(f"{what} / bare Tornado handler", ours, bare, "req/s", 0.65, "≥")
    note = "for information: gthread keeps connections open, which gunicorn's default worker does not"
    yield Row(f"{what} / Flask, gunicorn gthread with 4 threads", ours, threaded, "req/s", note=note)
