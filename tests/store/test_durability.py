"""A server killed while a kernel publishes: what was acknowledged is there and whole, the rest whole or absent."""

from __future__ import annotations

import hashlib
import json
import random
import time

import pytest

pytestmark = pytest.mark.sqlite

PUBLISH = """
import json, random
import jupyter_figserve as figserve
from jupyter_figserve.plotting.png import encode_png
import numpy as np

pixels, count = np.random.default_rng({seed}), 0
with open({acknowledged!r}, "a") as file:
    while True:
        count += 1
        rgba = pixels.integers(0, 255, (40, 300, 4), dtype=np.uint8)
        data = encode_png(rgba)
        pub = figserve.publish(data, f"figure {{count % 7}}", title=f"round {seed}, {{count}}")
        [made] = pub._record["representations"]
        file.write(json.dumps([pub.id, pub.version, made["digest"], pub.title]) + "\\n")
        file.flush()
"""


def _kill_while_publishing(server, acknowledged, seed: int) -> None:
    """Start the server and a kernel that publishes without end; kill the server between two of its heartbeats."""
    server.start()
    moment = random.Random(seed)
    with server.kernel("killed.ipynb") as kernel:
        kernel.send(PUBLISH.format(seed=seed, acknowledged=str(acknowledged)))
        before = acknowledged.stat().st_size if acknowledged.exists() else 0
        wanted = before + moment.randint(1, 40) * 100
        deadline = time.monotonic() + 60
        while not acknowledged.exists() or acknowledged.stat().st_size < wanted:
            assert time.monotonic() < deadline, server.log[-2000:]
            assert not server.wait(moment.uniform(0.001, 0.02))
        server.kill()


def _check(server, acknowledged) -> int:
    """Every acknowledged version is there, unless newer ones pushed it out; every figure's bytes are its digest's."""
    lines = [json.loads(line) for line in acknowledged.read_text().splitlines() if line.endswith("]")]
    newest: dict[str, tuple[int, str, str]] = {}
    for figure, version, digest, title in lines:
        newest[figure] = max(newest.get(figure, (0, "", "")), (version, digest, title))
    for figure, (version, digest, title) in newest.items():
        answer = server.fetch(f"figserve/figures/{figure}.png?version={version}")
        assert answer.status == 200, (figure, version, answer.text)
        assert hashlib.sha256(answer.body).hexdigest() == digest
        record = server.fetch(f"figserve/api/figures/{figure}?version={version}").json()
        assert record["title"] == title
    for record in server.fetch("figserve/api/figures?limit=1000").json()["figures"]:
        for made in server.fetch(f"figserve/api/figures/{record['id']}/versions").json()["versions"]:
            for part in made["representations"]:
                answer = server.fetch(part["url"])
                assert hashlib.sha256(answer.body).hexdigest() == part["digest"]
    return len(lines)


def _kill_often(make_server, tmp_path, times: int) -> None:
    acknowledged = tmp_path / "acknowledged.jsonl"
    server = make_server(start=False)
    for seed in range(times):
        _kill_while_publishing(server, acknowledged, seed)
        server.start()
        assert _check(server, acknowledged) > seed
        server.stop()
    leftovers = [path for path in server.data_dir.rglob("*") if "tmp" in path.name and path.is_file()]
    assert leftovers == []


@pytest.mark.kernel
@pytest.mark.nightly
def test_three_kills_lose_nothing_that_was_acknowledged(make_server, tmp_path):
    """After each SIGKILL in the middle of publishing, a new server has every acknowledged figure, whole."""
    _kill_often(make_server, tmp_path, 3)


@pytest.mark.soak
@pytest.mark.kernel
def test_fifty_kills_lose_nothing_that_was_acknowledged(make_server, tmp_path):
    """The same fifty times on one data directory."""
    _kill_often(make_server, tmp_path, 50)
