"""`make cluster` against one server on SQLite and files: links, publishing, renders. For deploy/SIZING.md."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_figserve.demo.server_process import ServerProcess, fetch

from . import servers
from .load import Load, Target, compare
from .render import LINE
from .report import Row
from .scale import Scale
from .timing import interleave, rate, timed

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "deploy" / "cluster"))

_SIDE = 91
"""Width and height in pixels of a PNG of 25 KB of noise, which deflate does not shrink."""
_IN_FLIGHT = 4
_count = itertools.count()


class Site:
    """A server with what its clients need: its address, a key, and a link's image.

    Parameters
    ----------
    url
        Address with the prefix.
    login
        Header of its owner.
    """

    def __init__(self, url: str, login: dict[str, str]) -> None:
        self.url = url
        body = {"scopes": ["read", "publish", "render"], "label": "benchmark"}
        key = fetch(f"{url}/api/keys", method="POST", body=body, headers=login).json()["key"]
        self.headers = {"X-API-Key": key}
        self.record = self.publish()
        links = f"{url}/api/figures/{self.record['id']}/links"
        made = fetch(links, method="POST", body={}, headers=self.headers).json()
        self.path = made["image_url"].partition("/figserve/")[2]

    def publish(self) -> dict[str, Any]:
        """Publish a PNG of 25 KB that nobody has published before, in a place of its own."""
        headers = {**self.headers, "Content-Type": "image/png"}
        path = f"{self.url}/api/figures?name=figure{next(_count)}&collection=benchmark"
        answer = fetch(path, method="POST", body=servers.make_noise(_SIDE, next(_count)), headers=headers)
        assert answer.status == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def render(self) -> None:
        code = f"{LINE}# {next(_count)}".encode()
        headers = {**self.headers, "Content-Type": "text/x-python"}
        answer = fetch(f"{self.url}/api/renders", method="POST", body=code, headers=headers)
        assert answer.status == 200, answer.text


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    """All parts share this machine's processors; the CPU times are each server's own."""
    from cluster import Cluster

    home.chmod(0o711)
    (home / "cluster").mkdir()
    (home / "cluster").chmod(0o711)
    cluster, alone = Cluster(home / "cluster"), ServerProcess(home / "alone", ["--FigServe.rate_limit="])
    with contextlib.ExitStack() as stack:
        stack.callback(cluster.stop)
        with contextlib.redirect_stdout(sys.stderr):
            cluster.start()
        stack.callback(alone.stop)
        (home / "alone").mkdir()
        alone.start()
        one = Site(f"{alone.url}figserve", {"Authorization": f"token {alone.token}"})
        direct = f"http://{cluster.address('figserve-1')}/figserve"
        many = Site(direct, {"Authorization": f"token {cluster.token}"})
        loads = _load_links(cluster, alone, one, many, scale)
        names = ("one server on PostgreSQL and a bucket / SQLite and files", "through nginx's cache / from that server")
        for name, (ours, peer) in zip(names, ((loads[1], loads[0]), (loads[2], loads[1])), strict=True):
            note = f"CPU {ours.work:.0f} and {peer.work:.0f} µs a request"
            yield Row(f"link image of 25 KB, {name}", ours.rate, peer.rate, "req/s", note=note)
        ways = {"one": timed(one.publish), "many": timed(many.publish)}
        times = interleave(ways, scale.renders, uncounted=2)
        name = "publish of 25 KB, PostgreSQL and a bucket / SQLite and files"
        yield Row(name, times["many"], times["one"], "ms")
        many.render()
        renders = rate(many.render, _IN_FLIGHT, scale.load_seconds)
        yield Row("renders of a line plot, two workers of one slot", renders, None, "/s")


def _load_links(cluster: Any, alone: ServerProcess, one: Site, many: Site, scale: Scale) -> list[Load]:
    pids = {part.name: part.process.pid for part in cluster.processes.running}
    targets = [
        Target(f"{one.url}/{one.path}", alone.pid),
        Target(f"{many.url}/{many.path}", pids["figserve-1"]),
        Target(f"{cluster.url}/figserve/{many.path}", pids["nginx"]),
    ]
    return compare(targets, scale.load_rounds, scale.load_seconds)
