"""Parts of a cluster are killed under load: nothing acknowledged is lost, and links go on or say when to come back."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_figserve.demo.server_process import Response, fetch
from jupyter_figserve.model.figures import sha256_hex
from tests.server.sample_images import png
from tests.waiting import wait_until

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "deploy" / "cluster"))

pytestmark = pytest.mark.soak
SECONDS = 12.0
"""How long the load goes on after each kill."""
SLOW_SECONDS = 3.0
"""A refusal within this time is an answer: the second within which a server notices an outage, on a busy machine."""
READERS, PUBLISHERS, RENDERERS = 3, 2, 1


@dataclass
class Load:
    """Clients that read, publish and render through nginx until it is stopped, and what they got.

    Parameters
    ----------
    links
        Images that are read, with their bytes.
    """

    url: str
    key: str
    links: dict[str, bytes]
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    late: list[str] = field(default_factory=list)
    published: dict[str, str] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, number: int) -> None:
        paths = list(self.links)
        for turn in range(number, 10**9, READERS):
            path = paths[turn % len(paths)]
            # Each its own address for nginx, so that its cache answers none.
            answer = self._ask("read", "GET", f"{path}?utm_source={number}-{turn}")
            if answer is not None and answer.status == 200:
                assert answer.body == self.links[path]
            if self.stopped.is_set():
                return

    def publish(self, number: int) -> None:
        for turn in range(10**9):
            body = png(1 + turn % 500, 1 + number + PUBLISHERS * (turn // 500))
            path = f"/figserve/api/figures?name={number}-{turn}&collection=load"
            answer = self._ask("publish", "POST", path, body, {"Content-Type": "image/png"})
            if answer is not None and answer.status == 201:
                with self.lock:
                    self.published[answer.json()["id"]] = sha256_hex(body)
            if self.stopped.wait(0.05):
                return

    def render(self, number: int) -> None:
        for turn in range(10**9):
            code = f"import matplotlib.pyplot as plt\nplt.plot([{number}, {turn}])"
            body = json.dumps({"code": code}).encode()
            self._ask("render", "POST", "/figserve/api/renders", body, {"Content-Type": "application/json"})
            if self.stopped.wait(0.1):
                return

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        self.stopped.clear()
        works = [(self.read, READERS), (self.publish, PUBLISHERS), (self.render, RENDERERS)]
        threads = [threading.Thread(target=work, args=(n,)) for work, count in works for n in range(count)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            for thread in threads:
                thread.join()

    def take(self) -> dict[str, dict[str, int]]:
        """Return the answers since the last time, by kind and status."""
        with self.lock:
            found, self.answers = self.answers, Counter()
        kinds: dict[str, dict[str, int]] = {}
        for (kind, status), count in sorted(found.items()):
            kinds.setdefault(kind, {})[status] = count
        return kinds

    def _ask(
        self, kind: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Response | None:
        own = {} if kind == "read" else {"X-API-Key": self.key}
        began, answer, status = time.monotonic(), None, ""
        try:
            answer = fetch(self.url + path, method=method, body=body, headers={**own, **(headers or {})})
            status = str(answer.status)
        except (OSError, ssl.SSLError, http.client.HTTPException) as error:
            status = type(error).__name__
        seconds = time.monotonic() - began
        with self.lock:
            self.answers[kind, status] += 1
            if kind == "read" and seconds > SLOW_SECONDS:
                self.late.append(f"{status} after {seconds:.1f} s")
        return answer


@pytest.mark.timeout(900)
def test_kills_under_load(capsys):
    """A server, a worker, the database and the bucket are killed and started again, or frozen, while clients work.

    The counts are printed. No read fails while a server is killed; while the database or the bucket is down, reads
    answer, or say within a second to come back; all goes on without a restart. A server starts before them, too.
    """
    import checks
    from cluster import Cluster
    from processes import check_programs

    check_programs()
    home = Path(tempfile.mkdtemp(prefix="figserve-cluster-")).resolve()
    home.chmod(0o711)
    cluster = Cluster(home)
    try:
        cluster.start()
        link = checks.check(cluster)
        _run(cluster, checks, link, lambda text: _tell(capsys, text))
    finally:
        cluster.stop()


def _tell(capsys, text: str) -> None:
    with capsys.disabled():
        print(text, flush=True)


def _run(cluster: Any, checks: Any, link: str, tell: Callable[[str], None]) -> None:
    login = {"Authorization": f"token {cluster.token}"}
    body = {"scopes": ["read", "publish", "render"], "label": "load"}
    key = fetch(f"{cluster.url}/figserve/api/keys", method="POST", body=body, headers=login).json()["key"]
    path = link.removeprefix(cluster.url) + ".png"
    load = Load(cluster.url, key, {path: fetch(cluster.url + path).body})
    with load.running():
        load.stopped.wait(SECONDS / 2)
        assert set(load.take()["read"]) == {"200"}
        for part in ("figserve-1", "figserve-2", "worker-1", "postgres", "seaweedfs"):
            cluster.processes.kill(part)
            load.stopped.wait(SECONDS)
            during = load.take()
            cluster.processes.start_again(part)
            after = _come_back(cluster, load)
            tell(f"{part} killed: {during}; started again: {after}")
            if part in ("figserve-1", "figserve-2", "worker-1"):
                assert set(during["read"]) == {"200"}, part
            assert set(during["read"]) <= {"200", "503"}, part
        for part in ("postgres", "seaweedfs"):
            with _frozen(cluster, part):
                load.stopped.wait(SECONDS / 2)
                during = load.take()
            tell(f"{part} frozen: {during}; afterwards: {_come_back(cluster, load)}")
            assert set(during["read"]) <= {"200", "503"}, part
        for part in ("postgres", "seaweedfs"):
            tell(f"a server starts before {part}: {_start_before(cluster, load, part)}")
    tell(f"late: {load.late}; {len(load.published)} figures acknowledged")
    for figure, digest in load.published.items():
        for name in ("figserve-1", "figserve-2"):
            found = fetch(f"http://{cluster.address(name)}/figserve/figures/{figure}.png", headers={"X-API-Key": key})
            assert (found.status, sha256_hex(found.body)) == (200, digest)
    assert load.late == []


def _come_back(cluster: Any, load: Load) -> dict[str, dict[str, int]]:
    """Wait until all parts work again, and return what the clients get then: no refusal."""
    wait_until(lambda: _is_well(cluster))
    # SeaweedFS reads before it writes again.
    load.take()
    wait_until(lambda: load.answers["publish", "201"] >= PUBLISHERS)
    load.take()
    load.stopped.wait(SECONDS / 2)
    after = load.take()
    assert (set(after["read"]), set(after["publish"])) == ({"200"}, {"201"})
    assert after["render"].get("200")
    return after


def _start_before(cluster: Any, load: Load, part: str) -> dict[str, dict[str, int]]:
    """Start a server while the database or the bucket is down: it is alive, not ready, and needs no second start."""
    url = f"http://{cluster.address('figserve-1')}/figserve/api"
    cluster.processes.kill(part)
    cluster.processes.kill("figserve-1")
    cluster.processes.start_again("figserve-1")
    cluster.processes.wait("figserve-1", lambda: fetch(f"{url}/health/live").status == 200, quietly=True)
    assert fetch(f"{url}/health/ready").status == 503
    cluster.processes.start_again(part)
    return _come_back(cluster, load)


@contextlib.contextmanager
def _frozen(cluster: Any, part: str) -> Iterator[None]:
    """All processes of a part stand still: connections stay open, and nothing answers."""
    first = psutil.Process(cluster.processes.find(part).process.pid)
    frozen = [first, *first.children(recursive=True)]
    for process in frozen:
        process.suspend()
    try:
        yield
    finally:
        for process in frozen:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def _is_well(cluster: Any) -> bool:
    """Whether both servers are ready, and a worker renders."""
    with contextlib.suppress(OSError):
        ready = [
            fetch(f"http://{cluster.address(name)}/figserve/api/health/ready").status
            for name in ("figserve-1", "figserve-2")
        ]
        workers = [fetch(f"http://{cluster.address(name)}/healthz").status for name in ("worker-1", "worker-2")]
        return set(ready + workers) == {200}
    return False
