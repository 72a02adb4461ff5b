"""Messages of the zygote, of which a test sends any: the server goes on, and only honest ones are believed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jupyter_figserve.errors import SandboxUnavailable, Unavailable
from jupyter_figserve.model.rendering import RenderResult
from jupyter_figserve.sandbox.host.child_process import ChildProcess
from jupyter_figserve.sandbox.host.zygote_events import parse_child_event
from jupyter_figserve.sandbox.host.zygote_process import ZygoteProcess, _receive_first_message

from ...mutations import mutated_json
from ..harness import LINE, Sandbox
from .test_child_process import in_loop

DEADLINE = 20
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=9), values, max_size=3),
    max_leaves=5,
)
KINDS = st.sampled_from(("spawned", "ended", "failed", "ready"))
EVENTS = st.fixed_dictionaries({}, optional={"event": KINDS | JSON, "child": st.just(1) | JSON, "status": JSON})
CHANGED = st.one_of(mutated_json({"event": kind, "child": 1, "status": 0}) for kind in ("spawned", "ended", "failed"))
MESSAGES = st.binary(min_size=1, max_size=99) | (EVENTS | JSON).map(lambda value: json.dumps(value).encode()) | CHANGED


class Line:
    """A zygote's process that only waits, and the other end of its channel.

    Attributes
    ----------
    faults
        What the event loop reported: exceptions that nobody handles.
    """

    def __init__(self) -> None:
        self.process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        ours, self.channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self.faults: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.faults.append(context))
        self.zygote = ZygoteProcess(self.process, ours, {}, os.pidfd_open(self.process.pid))

    def spawn(self) -> ChildProcess:
        child = self.zygote.spawn(on_ready=lambda _: None, result_bytes=1_000, output_bytes=100)
        _, descriptors, _, _ = socket.recv_fds(self.channel, 1_000, 3)
        for descriptor in descriptors:
            os.close(descriptor)
        return child

    def send(self, message: bytes, descriptors: list[int]) -> None:
        # The other end may be closed already.
        with contextlib.suppress(OSError):
            socket.send_fds(self.channel, [message], descriptors)

    async def close(self) -> None:
        self.zygote.kill()
        # As it is when the process has ended.
        self.channel.close()
        async with asyncio.timeout(DEADLINE):
            await self.zygote.is_dead
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.faults == []


async def tell(messages: list[bytes], pidfd: int, attached: str) -> None:
    """Send any messages; then every child has ended, or the honest end of the one that there is is believed."""
    before = len(os.listdir("/proc/self/fd"))
    line = Line()
    child = line.spawn()
    null = os.open(os.devnull, os.O_RDONLY)
    for message in messages:
        line.send(message, {"nothing": [], "a pidfd": [pidfd], "a file": [null]}[attached])
    line.send(json.dumps({"event": "ended", "child": child.number, "status": 0}).encode(), [])
    async with asyncio.timeout(DEADLINE):
        await child.is_gone
    assert child.status is None or type(child.status) is int
    await line.close()
    os.close(null)
    assert len(os.listdir("/proc/self/fd")) == before


SPAWNED = json.dumps({"event": "spawned", "child": 1}).encode()


@pytest.mark.parametrize("attached", ["nothing", "a pidfd", "a file"])
def test_any_messages_leave_the_server_working(attached: str):
    """No exception leaves the reader, no descriptor stays open, nobody waits without end."""

    @given(st.lists(MESSAGES, max_size=3))
    @example([SPAWNED, SPAWNED])
    @example([json.dumps({"event": "spawned", "child": 2}).encode()])
    @example([b"[" * 60_000])
    @example([b""])
    @settings(max_examples=settings.default.max_examples // 3)
    def check(messages: list[bytes]) -> None:
        waiting = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        pidfd = os.pidfd_open(waiting.pid)
        try:
            asyncio.run(tell(messages, pidfd, attached))
        finally:
            os.close(pidfd)
            waiting.communicate()

    check()


@given(MESSAGES)
def test_any_message_is_an_event_or_refused(message: bytes):
    """With numbers where they belong."""
    try:
        event = parse_child_event(message)
    except ValueError:
        return
    assert event.kind in ("spawned", "ended", "failed")
    assert type(event.child) is int


@in_loop
async def test_an_invalid_message_ends_the_zygote(caplog):
    """At once, although whoever sent it keeps the channel open; its children end, and the log says why."""
    line = Line()
    child = line.spawn()
    line.send(b"{}", [])
    async with asyncio.timeout(DEADLINE):
        await line.zygote.is_ending
        await child.is_gone
        await line.zygote.is_dead
    assert line.process.returncode == -signal.SIGKILL
    assert "invalid message: its kind is unknown" in caplog.text
    await line.close()


@given(st.binary(max_size=99) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_first_message_is_read(message: bytes):
    """What is no object says nothing, so that the start fails with the end of the error output."""

    async def read() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            ours.setblocking(False)
            theirs.send(message) if message else theirs.close()
            values, descriptors = await _receive_first_message(ours)
            assert (type(values), descriptors) == (dict, [])

    asyncio.run(read())


@pytest.mark.parametrize(
    "message", [b"", b"{", b"[]", b'{"event": "failed", "reasons": ["No."]}', b'{"event": "ready"}']
)
def test_a_start_that_fails_leaves_no_descriptor(message: bytes, tmp_path: Path):
    """What came with the first message is closed; a process that says no more has ended with its channel."""
    script = tmp_path / "zygote.py"
    attached = "[]" if b"ready" in message else "[0]"
    script.write_text(
        "import socket, sys\nchannel = socket.socket(fileno=int(sys.argv[-1]))\nchannel.recv(9_999)\n"
        f"socket.send_fds(channel, [{message!r}], {attached})\n",
        encoding="utf-8",
    )
    starter = tmp_path / "start"
    starter.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n', encoding="utf-8")
    starter.chmod(0o700)

    async def scene() -> None:
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(SandboxUnavailable):
            await ZygoteProcess.start([str(starter)], {}, tmp_path)
        assert len(os.listdir("/proc/self/fd")) == before

    asyncio.run(scene())


def test_an_interpreter_that_is_none():
    """A program that starts and speaks another language is named."""

    async def scene() -> None:
        with pytest.raises(SandboxUnavailable, match="ended at once"):
            await ZygoteProcess.start(["/bin/echo"], {}, Path("/nonexistent"))

    asyncio.run(scene())


@pytest.mark.parametrize(
    "request_",
    [
        b"{",
        # Each costs a restart, and a longer pause before it.
        pytest.param(b"[]", marks=pytest.mark.nightly),
        pytest.param(b'{"event": "spawn", "child": "x"}', marks=pytest.mark.nightly),
        pytest.param(b"\xff" * 99, marks=pytest.mark.nightly, id="bytes"),
    ],
)
def test_a_real_zygote_that_cannot_read_its_parent(full_sandbox: Sandbox, request_: bytes):
    """It goes on or ends; the next job is rendered either way."""

    async def send() -> None:
        full_sandbox.renderer._supervisor.zygote._channel.send(request_)

    full_sandbox.assert_well()
    full_sandbox.run(send())
    assert isinstance(full_sandbox.attack(LINE), (RenderResult, Unavailable))
    full_sandbox.assert_well()
