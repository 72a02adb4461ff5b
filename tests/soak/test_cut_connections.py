"""Kernels whose connections to the server are cut at random for ten minutes, while many look at their live figures."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from ..ports import free_port
from ..waiting import wait_until
from .clients import Clients

pytestmark = pytest.mark.soak
SECONDS = float(os.environ.get("FIGSERVE_SOAK_SECONDS", "600"))
LONGEST_PAUSE = 8.0
DECLARE = """
import io
import os
import jupyter_figserve as figserve
from PIL import Image
from matplotlib.figure import Figure

@figserve.live
def small(n: int = 0):
    fig = Figure(figsize=(1, 1))
    fig.subplots().plot([n, 1])
    return fig

@figserve.live
def large(n: int = 0):
    buffer = io.BytesIO()
    Image.frombytes("RGB", (700, 700), os.urandom(3 * 700 * 700)).save(buffer, "png", compress_level=0)
    return buffer.getvalue()
"""
FIGURES = ("small.png", "small.svg", "large.png")


class Relay:
    """Passes TCP connections on to a server. It can reset all of them, also in the middle of a message."""

    def __init__(self) -> None:
        self.port = free_port()
        self.target = 0
        self.cuts = 0
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset the open connections."""
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.cuts += 1

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    near.close()
                    continue
                self._open |= {near, far}
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self._open.discard(end)


@pytest.fixture
def relay() -> Iterator[Relay]:
    relay = Relay()
    yield relay
    relay.close()


def test_every_live_figure_answers_after_ten_minutes_of_cuts(make_server, relay):
    """Meanwhile there is an image, the last good one or a sentence; afterwards, each shows what was asked for."""
    port = relay.target = free_port()
    server = make_server(
        args=[f"--ServerApp.port={port}"], live_timeout=5, kernel_url=f"http://127.0.0.1:{relay.port}/"
    )
    chance, clients = random.Random(13), Clients(server)

    def ask(path: str) -> int:
        return clients.ask(path.partition("?")[0].rpartition("/")[2], path).status

    with server.kernel("a.ipynb") as a, server.kernel("b.ipynb") as b:
        for kernel in (a, b):
            assert kernel.run(DECLARE).error is None
        paths = [f"figserve/live/{kernel.kernel_id}/{figure}" for kernel in (a, b) for figure in FIGURES]
        for path in paths:
            clients.repeat(lambda n, path=path: ask(f"{path}?n={n % 50}"), 0.5)
        with clients.running():
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                clients.wait(chance.uniform(0, LONGEST_PAUSE))
                relay.cut()
        for number, path in enumerate(paths):
            wait_until(lambda p=path, n=number: ask(f"{p}?n={1000 + n}") == 200)
        # What the user runs was not disturbed.
        for kernel in (a, b):
            execution = kernel.run("1 + 1")
            assert (execution.error, execution.stderr) == (None, "")
    print(f"{relay.cuts} cuts; slowest {clients.slowest:.1f} s; {clients.count} requests: {dict(clients.outcomes)}")
    assert clients.failures == []
    assert clients.statuses <= {200, 503, 504}, clients.outcomes
    assert "Traceback" not in server.log, server.log[-3_000:]
