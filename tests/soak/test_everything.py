"""One server with its kernels and sandbox under everything at once: it keeps nothing of what is over."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psutil
import pytest

from jupyter_figserve.demo.kernel_session import KernelSession
from jupyter_figserve.demo.server_process import Response, ServerProcess

from ..security.actors import HTML, SVG, make_png, open_raw
from ..waiting import wait_until
from .clients import Clients

pytestmark = pytest.mark.soak
SECONDS = float(os.environ.get("FIGSERVE_SOAK_SECONDS", "600"))
WARM_UP = 0.25
"""Part of the time after which what is kept for later has been made: threads, caches, pools, pages of the allocator."""
DESCRIPTORS, THREADS, MEGABYTES = 10, 4, 16
"""How much more a process may hold: connections that are kept, the last threads of a pool, pages of the allocator."""
NAMES, WARM = 8, 2
LIMITS = {
    "render_jobs": WARM,
    "render_warm": WARM,
    # Bounded, and full after the warm-up.
    "cache_bytes": 4 * 2**20,
    "render_cache_bytes": 4 * 2**20,
    "keep_versions": 3,
    "keep_deleted": "5s",
    "keep_session_plots": "5s",
    # The load is more than any of them allows.
    "rate_limit": "",
    "live_link_rate": "",
    "failed_secret_rate": "",
    "send_timeout": 3,
    "body_timeout": 3,
    "header_timeout": 3,
}
DECLARE = """
import itertools
import time
import jupyter_figserve as figserve
import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

numbers = itertools.count()

@figserve.live
def animal(n: int = 0, fails: bool = False):
    fig = Figure(figsize=(2, 2))
    fig.subplots().plot([n, 1 / (not fails)])
    return fig

@figserve.live(cache="2s", timeout="1s")
def slow(n: int = 0):
    time.sleep(n)
    return Figure(figsize=(1, 1))

def cell():
    n = next(numbers)
    fig, axes = plt.subplots(figsize=(2, 2))
    axes.plot([n, 1])
    pub = figserve.publish(fig, f"cell {n % 5}")
    display(fig)
    plt.close(fig)
    if n % 5 == 0:
        animal.refresh()
    return pub.version

link = animal.share(allow=["n"])
board = figserve.Dashboard("Everything", [[animal, figserve.publish(animal(1), "on the board")], ["## Notes"]])
shared_board = board.share(allow=["n"])
print(link.url, shared_board.url)
"""


@dataclass(frozen=True)
class Process:
    """What one process holds; ``memory`` is its proportional share in MB."""

    name: str
    memory: float
    descriptors: int
    threads: int


@dataclass
class Watched:
    """The server's processes at rest: the server, its kernels, the zygote and the children that wait."""

    server: ServerProcess
    kinds: dict[int, str] = field(default_factory=dict)

    def look(self) -> list[Process]:
        found = []
        server = psutil.Process(self.server.pid)
        for process in (server, *server.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                memory = round(process.memory_full_info().pss / 2**20, 1)
                name = self._name(process)
                found.append(Process(name, memory, process.num_fds(), process.num_threads()))
        return sorted(found, key=lambda one: one.name)

    def _name(self, process: psutil.Process) -> str:
        if process.pid == self.server.pid:
            return "server"
        command = " ".join(process.cmdline())
        if "ipykernel" in command:
            return "kernel"
        depth = len(process.parents()) - len(psutil.Process(self.server.pid).parents())
        return {1: "sandbox's parent", 2: "zygote"}.get(depth, "child") if "-B" in command else command[:60]

    def look_at_rest(self) -> list[Process]:
        """Wait until nobody is connected but the first kernel, and no work goes on in the background."""
        found: list[Process] = []

        def is_at_rest() -> bool:
            found[:] = self.look()
            names = [one.name for one in found]
            # A child that waits warm has opened fonts.
            is_warm = len({one.descriptors for one in found if one.name == "child"}) == 1
            return self._is_alone() and (names.count("kernel"), names.count("child")) == (1, WARM) and is_warm

        wait_until(is_at_rest)
        return found

    def _is_alone(self) -> bool:
        connections = psutil.Process(self.server.pid).net_connections("tcp")
        port = urlsplit(self.server.url).port
        own = [one for one in connections if one.laddr.port == port and one.status != psutil.CONN_LISTEN]
        return len(own) <= 3


class User:
    """Does everything that a user, a program and a visitor can do; each method is one client's work."""

    def __init__(self, clients: Clients, kernel: KernelSession, live: str, board: str) -> None:
        self.clients, self.server, self.ask = clients, clients.server, clients.ask
        self.kernel, self.live, self.board = kernel, live, board
        key = self.server.fetch(
            "figserve/api/keys", method="POST", body={"scopes": ["read", "publish", "render"], "label": "load"}
        ).json()
        self.key = {"X-API-Key": key["key"]}
        self.stable = self._publish("stable", make_png(300, 200))
        self.link = self._share(self.stable.json()["id"])
        large = self._publish("large", make_png(600, 600, text=secrets.token_hex(2**21).encode()))
        self.large_link = self._share(large.json()["id"])

    def _publish(self, name: str, data: bytes, content_type: str = "image/png") -> Response:
        path = f"figserve/api/figures?name={name}&collection=load"
        headers = {**self.key, "Content-Type": content_type}
        response = self.ask("publish", path, method="POST", body=data, headers=headers, anonymous=True)
        assert response.status in (200, 201), response.text
        return response

    def _share(self, figure: str, **options: object) -> dict:
        path = f"figserve/api/figures/{figure}/links"
        response = self.ask("share", path, method="POST", body={"data": True, **options})
        assert response.status == 201, response.text
        return response.json()

    def publish(self, number: int) -> None:
        """Publish PNG, SVG and HTML, and what is refused."""
        bodies = [(make_png(200, 100, number % 256, secrets.token_bytes(5_000).hex().encode()), "image/png")]
        bodies += [(SVG + b"<!--%d-->" % number, "image/svg+xml"), (HTML + b"<!--%d-->" % number, "text/html")]
        data, content_type = bodies[number % 3]
        self._publish(f"name-{number % NAMES}", data, content_type)
        headers = {**self.key, "Content-Type": "image/png"}
        path = "figserve/api/figures?name=broken"
        refused = self.ask("broken", path, method="POST", body=data[:30], headers=headers, anonymous=True)
        assert refused.status == 415

    def run_cell(self, number: int) -> None:
        """Publish and display a figure in a cell."""
        execution = self.kernel.run("cell()")
        assert (execution.error, execution.stderr) == (None, "")

    def read_link(self, number: int) -> None:
        """Open a link: page, image, other forms, ranges, what is cached."""
        url, image = self.link["url"], self.link["image_url"]
        whole = self.ask("link", image, anonymous=True)
        assert whole.status == 200
        tails = [("", {"Accept": "text/html"}), (".json", {}), ("/embed", {}), (".png", {"Range": "bytes=0-9"})]
        tails += [(".png", {"If-None-Match": whole.headers["ETag"]}), (".csv", {})]
        tail, headers = tails[number % len(tails)]
        self.ask("link", url + tail, headers=headers, anonymous=True)
        self.ask("link", image, method="HEAD", anonymous=True)

    def call_live(self, number: int) -> None:
        """Call functions of the kernel, as their owner and by a link; some calls fail, some take too long."""
        session = f"figserve/live/{self.kernel.kernel_id}"
        queries = [f"animal.png?n={number}", f"animal.svg?n={number % 7}", "animal.png?fails=true", "animal.png?n=x"]
        queries += ["slow.png?n=0", "slow.png?n=2", "nothing.png"]
        self.ask("live", f"{session}/{queries[number % len(queries)]}")
        self.ask("live link", f"{self.live}.png?n={number % 20}", anonymous=True)

    def render(self, number: int) -> None:
        """Post code that draws, fails, crashes, hangs and floods."""
        line = f"import matplotlib.pyplot as plt\nplt.plot([{number}, 1])\n"
        codes = [line, line, "1 / 0", "import os; os._exit(3)", "while True: pass", "while True: print('x' * 9999)"]
        code = codes[number % len(codes)]
        headers = {**self.key, "Content-Type": "application/json"}
        body = json.dumps({"code": code, "timeout": 0.5 if "while" in code else 20})
        self.ask("render", "figserve/api/renders", method="POST", body=body, headers=headers, anonymous=True)

    def redraw(self, number: int) -> None:
        """Ask for other sizes and formats of a figure whose source is stored."""
        figures = self.ask("list", "figserve/api/figures?q=cell").json()["figures"]
        if figures:
            figure = figures[number % len(figures)]["id"]
            self.ask("redraw", f"figserve/figures/{figure}.{('png', 'pdf')[number % 2]}?width={200 + number % 50}")
            self.ask("data", f"figserve/figures/{figure}.csv")

    def follow(self, number: int) -> None:
        """Open event streams of the dashboard and of the owner, read a little, and leave."""
        login = f"Authorization: token {self.server.token}\r\n"
        ways = [(urlsplit(self.board).path + "/events", "")] * 3 + [("/figserve/api/events", login)]
        with contextlib.ExitStack() as stack:
            streams = []
            for path, header in ways:
                stream = stack.enter_context(open_raw(self.server))
                stream.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n".encode())
                streams.append(stream)
            for stream in streams:
                assert stream.recv(65_536).startswith(b"HTTP/1.1 200")
            if number % 2:
                self.ask("board", f"{self.board}", headers={"Accept": "text/html"}, anonymous=True)

    def look_at_pages(self, number: int) -> None:
        """Open what an owner looks at."""
        paths = ["", "links", "trash", "api/links", "api/trash", "api/status", "metrics", "api/openapi.yaml", "admin"]
        paths += [f"figures/{self.stable.json()['id']}", "api/live", "api/diagnosis", "export.zip?q=name"]
        paths += [f"plots/{self.kernel.kernel_id}", f"api/links/{self.link['id']}/qr.svg", self.board + ".png"]
        path = paths[number % len(paths)]
        self.ask("page", path if "://" in path else f"figserve/{path}", headers={"Accept": "text/html,*/*"})

    def share(self, number: int) -> None:
        """Make a link, open it, pause and resume it, revoke it."""
        link = self._share(self.stable.json()["id"], views=5)
        address = f"figserve/api/links/{link['id']}"
        for change, status in ({}, 200), ({"paused": True}, 404), ({"paused": False}, 200), (None, 404):
            if change is None:
                assert self.ask("revoke", address, method="DELETE").status == 204
            elif change:
                assert self.ask("pause", address, method="PATCH", body=change).status == 200
            assert self.ask("link", link["image_url"], anonymous=True).status == status

    def delete(self, number: int) -> None:
        """Delete a figure, restore it, delete it for good; make a key and revoke it."""
        figure = self._publish(f"deleted-{number % NAMES}", make_png(20, 20, number % 256)).json()["id"]
        address = f"figserve/api/figures/{figure}"
        assert self.ask("delete", address, method="DELETE").status == 204
        assert self.ask("restore", f"{address}/restore", method="POST").status == 200
        assert self.ask("delete", address, method="DELETE").status == 204
        key = self.ask("key", "figserve/api/keys", method="POST", body={"scopes": ["read"]}).json()
        assert self.ask("key", "figserve/api/figures", headers={"X-API-Key": key["key"]}, anonymous=True).status == 200
        assert self.ask("key", f"figserve/api/keys/{key['id']}", method="DELETE").status == 204

    def guess(self, number: int) -> None:
        """Try wrong links, keys, logins and frames."""
        token = secrets.token_urlsafe(24)
        wrong = [(f"figserve/f/{token}.png", {}), ("figserve/api/figures", {"X-API-Key": f"fsk_abcdefgh_{token}"})]
        wrong += [("figserve/api/figures", {"Authorization": f"token {token}"}), (f"figserve/frame/{token}.html", {})]
        wrong += [(f"figserve/f/{token}?token={token}", {}), (f"figserve/{token}", {})]
        path, headers = wrong[number % len(wrong)]
        agent = {"User-Agent": f"Guesser {number} {'x' * 2_000}"}
        assert self.ask("guess", path, headers={**headers, **agent}, anonymous=True).status in (400, 401, 404)

    def be_slow(self, number: int) -> None:
        """Send half a head or half a body, read a little of a large image and of an endless stream, hang up."""
        path = urlsplit(self.large_link["image_url"]).path
        whole = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        post = f"POST /figserve/api/figures?name=half HTTP/1.1\r\nHost: 127.0.0.1\r\n{self._header}"
        starts = [whole + "\r\n", whole, post + "Content-Type: image/png\r\nContent-Length: 9000\r\n\r\nhalf", "GET /"]
        with open_raw(self.server) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.sendall(starts[number % len(starts)].encode())
            connection.settimeout(0.3)
            with contextlib.suppress(TimeoutError, ConnectionError):
                connection.recv(1_000)
                # One in four waits until the server gives it up.
                if number % 16 < 4:
                    connection.settimeout(10)
                    while connection.recv(100) and not self.clients.is_over:
                        self.clients.pause(0.01)

    @property
    def _header(self) -> str:
        return "".join(f"{name}: {value}\r\n" for name, value in self.key.items())

    def start_kernel(self, number: int) -> None:
        """Start a second kernel, which publishes and declares something, and end it."""
        with self.server.kernel(f"{number % 3}.ipynb") as kernel:
            code = "import jupyter_figserve as figserve\n@figserve.live\ndef other(n: int = 0): pass\n"
            assert kernel.run(code + f"figserve.publish({make_png(9, 9)!r}, 'other').version").error is None
            self.ask("sessions", "figserve/api/sessions")

    def clean(self, number: int) -> None:
        """Remove what has expired, as the server does every ten minutes."""
        command = [sys.executable, "-m", "jupyter_figserve.cli", "gc", "--keep-session-plots", "5s"]
        done = subprocess.run([*command, "--data-dir", str(self.server.data_dir)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def server(make_server) -> ServerProcess:
    return make_server(**LIMITS)


@pytest.fixture
def user(server: ServerProcess) -> Iterator[User]:
    with server.kernel("everything.ipynb") as kernel:
        declared = kernel.run(DECLARE)
        assert declared.error is None, declared.stderr
        live, board = declared.stdout.split()
        yield User(Clients(server), kernel, live, board)


def test_nothing_grows(server: ServerProcess, user: User) -> None:
    """After a warm-up, memory, descriptors, processes and threads at rest stay the same."""
    clients, watched = user.clients, Watched(server)
    for work, pause in [
        (user.publish, 0.3), (user.run_cell, 0.5), (user.read_link, 0.05), (user.read_link, 0.05),
        (user.call_live, 0.1), (user.render, 0.3), (user.redraw, 1.0), (user.follow, 0.3), (user.look_at_pages, 0.3),
        (user.share, 0.3), (user.delete, 0.4), (user.guess, 0.1), (user.be_slow, 0.1), (user.start_kernel, 10.0),
        (user.clean, 20.0),
    ]:  # fmt: skip
        clients.repeat(work, pause)
    parts = [SECONDS * WARM_UP, SECONDS * (1 - WARM_UP) / 2, SECONDS * (1 - WARM_UP) / 2]
    samples: list[list[Process]] = []
    for seconds in parts:
        with clients.running():
            clients.wait(seconds)
        assert clients.failures == []
        samples.append(watched.look_at_rest())
        print(f"after {clients.count} requests: {samples[-1]}")
    print(f"slowest {clients.slowest:.1f} s; {dict(sorted(clients.outcomes.items()))}")
    assert "Traceback" not in server.log, server.log[-5_000:]
    assert clients.statuses <= {200, 201, 204, 206, 304, 400, 401, 404, 409, 413, 415, 422, 429, 503, 504}
    assert_flat(samples[0], samples[-1])


def assert_flat(before: list[Process], after: list[Process]) -> None:
    """Compare two moments at rest. Between them are thousands of requests, each kind at least dozens of times.

    What is left over from one request in a hundred, or a kilobyte of each, is more than these bounds allow.
    """
    assert [one.name for one in after] == [one.name for one in before]
    for old, new in zip(before, after, strict=True):
        assert new.descriptors - old.descriptors <= DESCRIPTORS, (old, new)
        assert new.threads - old.threads <= THREADS, (old, new)
        assert new.memory - old.memory <= MEGABYTES, (old, new)
