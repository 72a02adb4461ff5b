"""The agent: which connection answers for the kernel."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_figserve.kernel.agent import agent as module

from ...waiting import PATIENCE, wait_until


class Socket:
    """A connection that the server keeps open until it is closed here."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.is_closed = threading.Event()

    def write_message(self, *frame: Any, **more: Any) -> None:
        self.sent.append(frame)

    def close(self) -> None:
        self.is_closed.set()


def test_an_agent_that_is_closed_while_it_connects_says_nothing(monkeypatch: pytest.MonkeyPatch):
    """Its connection is closed: the server takes the agent that says hello last, which would be the old one."""
    socket, is_opening, may_open = Socket(), threading.Event(), threading.Event()

    async def open_socket(client: object) -> Socket:
        is_opening.set()
        assert may_open.wait(PATIENCE)
        return socket

    monkeypatch.setattr(module, "open_socket", open_socket)
    before = set(threading.enumerate())
    agent = module.Agent(SimpleNamespace(client=SimpleNamespace(address="a server"), url="ws://server"))  # type: ignore[arg-type]
    (thread,) = (one for one in set(threading.enumerate()) - before if one.name == module.THREAD)
    assert is_opening.wait(PATIENCE)
    agent.close()
    may_open.set()
    assert socket.is_closed.wait(PATIENCE)
    wait_until(lambda: not thread.is_alive())
    assert socket.sent == []
