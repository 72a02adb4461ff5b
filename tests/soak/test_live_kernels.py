"""Kernels whose connections drop, that restart and end while many look at their live figures."""

from __future__ import annotations

import functools
import random
import re

import pytest

from ..waiting import wait_until
from .clients import Clients

pytestmark = pytest.mark.soak
ROUNDS = 20
LATE_MESSAGE = re.compile(r"Exception ignored in: <coroutine object Kernel\.dispatch_control at \w+>\nTraceback")
"""What ipykernel prints at its end when its control channel has just received another message."""
DECLARE = """
import jupyter_figserve as figserve
from matplotlib.figure import Figure

@figserve.live
def small(n: int = 0):
    fig = Figure(figsize=(1, 1))
    fig.subplots().plot([n, 1])
    return fig

@figserve.live
def large(n: int = 0):
    return b"\\x89PNG\\r\\n\\x1a\\n" + bytes(300_000)

@figserve.live
def data(n: int = 0):
    return "x" * 300_000
"""
DROP = """
from jupyter_figserve.kernel.agent import agent
agent._agent._loop.call_soon_threadsafe(agent._agent._close_socket)
"""


def test_every_live_figure_answers_in_the_end(make_server):
    """Meanwhile there is an image, the last good one or a sentence, and never an error of the server itself."""
    server, chance = make_server(live_bytes=100_000, live_timeout=5), random.Random(9)
    clients = Clients(server)
    kernels: dict[str, str] = {}

    def ask(kernel: str, rest: str) -> int:
        return clients.ask("live", f"figserve/live/{kernel}/{rest}").status

    def poll(notebook: str, figure: str, n: int) -> None:
        if notebook in kernels:
            ask(kernels[notebook], f"{figure}?n={n % 7}")

    for notebook in ("a.ipynb", "b.ipynb"):
        for figure in ("small.png", "data.json", "small.svg"):
            clients.repeat(functools.partial(poll, notebook, figure), 0.02)
    with clients.running():
        for number in range(ROUNDS):
            with server.kernel("a.ipynb") as a, server.kernel("b.ipynb") as b:
                sessions = {"a.ipynb": a, "b.ipynb": b}
                kernels |= {notebook: session.kernel_id for notebook, session in sessions.items()}
                for session in sessions.values():
                    assert session.run(DECLARE).error is None
                for _ in range(5):
                    assert chance.choice((a, b)).run(DROP).error is None
                if number % 2:
                    restarted = server.fetch(f"api/kernels/{a.kernel_id}/restart", method="POST", body={})
                    assert restarted.status == 200
                    a.disconnect()
                    a.connect()
                    assert a.run(DECLARE).error is None
                for session in sessions.values():
                    for figure, status in (("small.png", 200), ("data.json", 413), ("small.svg", 200)):
                        wait_until(lambda s=session, f=figure, e=status: ask(s.kernel_id, f"{f}?n=9") == e)
    assert clients.failures == []
    assert clients.statuses <= {200, 404, 413, 503, 504}, clients.outcomes
    before, found, after = LATE_MESSAGE.sub("", server.log).partition("Traceback")
    assert not found, before[-500:] + found + after[:2_500]
