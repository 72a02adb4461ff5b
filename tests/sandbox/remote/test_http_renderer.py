"""The HTTP renderer against scripted workers: what is sent again, what is not, and answers that deserve no trust."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import (
    CodeFailed,
    DeadlineExceeded,
    FigServeError,
    OutputInvalid,
    SandboxUnavailable,
    Unavailable,
)
from jupyter_figserve.model.rendering import RenderJob
from jupyter_figserve.sandbox import wire
from jupyter_figserve.sandbox.host.job_frames import ChildAnswer, read_job_frame
from jupyter_figserve.sandbox.remote import http_renderer as protocol
from jupyter_figserve.sandbox.remote.answers import PROTOCOL, pack_answer, pack_error
from jupyter_figserve.sandbox.remote.http_renderer import HttpRenderer

from ...ports import free_port
from .fleets import make_http_renderer
from .processes import KEY

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x02\x00\x00\x00\x03\x08\x06\x00\x00\x00" + b"\x00" * 30
RENDERED = pack_answer(
    ChildAnswer(b"".join(wire.pack_frame({"status": "rendered", "images": [{}]}, [PNG])), "printed\n", None)
)
REPORT = {
    "worker": "w1", "protocol": PROTOCOL, "state": "ready", "slots": 3, "tier": "FULL", "is_unsandboxed": False,
    "why": [], "libraries": {"matplotlib": "3.11.2"}, "unsupported": [],
}  # fmt: skip
JOB = RenderJob("code", b"draw", timeout=5)
Answer = bytes | Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]]


def http(body: bytes, status: str = "200 OK", marker: str = f"{protocol.WORKER_HEADER}: 1\r\n") -> bytes:
    return f"HTTP/1.1 {status}\r\n{marker}Content-Length: {len(body)}\r\n\r\n".encode() + body


def refusal(code: str, status: str = "503 Service Unavailable", **more: object) -> bytes:
    return http(json.dumps({"code": code, "message": f"It is {code}.", **more}).encode(), status)


def framed(header: dict[str, object], *parts: bytes) -> bytes:
    return http(b"".join(wire.pack_frame(header, parts)))


BUSY = refusal("worker_busy", retry_after=1)
BEGUN = f"HTTP/1.1 200 OK\r\n{protocol.WORKER_HEADER}: 1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


HEADS = st.sampled_from(
    (
        b"HTTP/1.1 200 OK\r\n",
        BEGUN,
        BEGUN[:-2],
        f"HTTP/1.1 503 Busy\r\n{protocol.WORKER_HEADER}: 1\r\nRetry-After: 9e9\r\n".encode(),
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 999 ?\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    )
)


@dataclass
class ScriptedWorker:
    """Answers jobs in order, the last answer again and again; b"" closes the connection."""

    answers: list[Answer]
    reports: list[object] = field(default_factory=lambda: [REPORT])
    jobs: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    asked: int = 0
    connections: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            if first.startswith("GET"):
                report = self.reports[min(self.asked, len(self.reports) - 1)]
                self.asked += 1
                answer: Answer = report if isinstance(report, bytes) else http(json.dumps(report).encode())
            else:
                body = await reader.readexactly(int(headers["content-length"]))
                answer = self.answers[min(len(self.jobs), len(self.answers) - 1)]
                self.jobs.append((headers, body))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        writer.close()

    async def close(self) -> None:
        """End all connections, also those of answers that nobody has read to their end."""
        for writer in self.connections:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


_ROUNDS_OF_AN_ACCEPT = 5
"""Rounds of the event loop after which a connection that was just accepted has reached the worker."""


async def stop_serving(server: asyncio.Server) -> None:
    """Close a server after the connections that it has accepted have reached the worker.

    asyncio's own ``close`` leaves a connection open that was accepted in the same round of the event loop.
    """
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening)
    for _ in range(_ROUNDS_OF_AN_ACCEPT):
        await asyncio.sleep(0)
    server.close()


@contextlib.asynccontextmanager
async def scripted(
    *answers: Answer, reports: list[object] | None = None, **settings: Any
) -> AsyncIterator[tuple[HttpRenderer, ScriptedWorker]]:
    worker = ScriptedWorker(list(answers), **({} if reports is None else {"reports": reports}))
    server = await asyncio.start_server(worker.serve, "127.0.0.1", 0)
    renderer = make_http_renderer(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fleet/", **settings)
    try:
        await renderer.start()
        yield renderer, worker
    finally:
        await renderer.close()
        await stop_serving(server)
        await worker.close()


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 60))


def test_the_childs_frame_travels_unchanged():
    """With the key, the timeout and the protocol; the result is the child's."""

    async def scene() -> None:
        async with scripted(http(b"\n\n" + RENDERED)) as (renderer, worker):
            result = await renderer.render(JOB)
            ((headers, body),) = worker.jobs
            job = read_job_frame(body, 5.0)
            assert (job.kind, job.source, job.packed.niceness) == ("code", b"draw", 0)
            assert headers["authorization"] == f"Bearer {KEY}"
            assert (headers["x-figserve-timeout"], headers["x-figserve-protocol"]) == ("5.0", str(PROTOCOL))
            assert headers["x-figserve-allow-unsandboxed"] == "0"
            assert (result.images[0].data, result.images[0].width, result.output) == (PNG, 2, "printed\n")

    run(scene())


@pytest.mark.parametrize("lost", [b"", http(b"", "502 Bad Gateway", "")])
def test_a_job_that_did_not_begin_is_sent_once_more(lost: bytes):
    """A connection that is lost before the answer, or a proxy's 502; the second time it is an error."""

    async def scene() -> None:
        async with scripted(lost, http(RENDERED)) as (renderer, worker):
            await renderer.render(JOB)
            assert len(worker.jobs) == 2
        async with scripted(lost) as (renderer, worker):
            with pytest.raises(Unavailable, match="connection lost"):
                await renderer.render(JOB)
            assert len(worker.jobs) == 2

    run(scene())


@pytest.mark.parametrize("rest", [b"", b"1\r\n\n\r\n", b"5\r\n\x00\x00"])
def test_a_job_that_began_is_never_sent_again(rest: bytes):
    """It may be what ended the worker."""

    async def scene() -> None:
        async with scripted(BEGUN + rest, http(RENDERED)) as (renderer, worker):
            with pytest.raises(Unavailable) as caught:
                await renderer.render(JOB)
            assert caught.value.code == "worker_lost"
            assert len(worker.jobs) == 1
            await renderer.render(JOB)

    run(scene())


def test_busy_workers_are_asked_again_for_a_while():
    """Behind a load balancer without a queue; then the caller is told when to come back."""

    async def scene() -> None:
        async with scripted(BUSY, BUSY, BUSY, http(RENDERED)) as (renderer, worker):
            await renderer.render(JOB)
            assert len(worker.jobs) == 4
        async with scripted(BUSY, queue_timeout=0.1) as (renderer, _):
            with pytest.raises(Unavailable) as caught:
                await renderer.render(JOB)
            assert (caught.value.code, caught.value.retry_after) == ("worker_busy", 1)

    run(scene())


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (refusal("sandbox_unavailable"), SandboxUnavailable, "sandbox_unavailable"),
        (refusal("worker_key", "401 Unauthorized"), Unavailable, "worker_key"),
        (refusal("__class__", "500 Internal"), Unavailable, "unavailable"),
        (http(b"null", "500 Internal"), Unavailable, "unavailable"),
        (http(b"[" * 9_000, "500 Internal"), Unavailable, "worker_invalid"),
        (http(b"<html>", "503 Service Unavailable", ""), Unavailable, "workers_busy"),
        (http(b"<html>", "504 Gateway Timeout", ""), Unavailable, "workers_busy"),
        (http(b"<html>", "404 Not Found", ""), Unavailable, "no_workers"),
        (http(b"<html>", marker=""), Unavailable, "no_workers"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Unavailable, "not_reached"),
        (http(RENDERED[:-1]), Unavailable, "worker_invalid"),
        (http(b""), Unavailable, "worker_invalid"),
        (http(b"\x00" * 12), Unavailable, "worker_invalid"),
        (framed({"has_frame": True, "status": 1.5}, b"", b""), Unavailable, "worker_invalid"),
        (framed({"has_frame": True, "status": None}, b""), Unavailable, "worker_invalid"),
        (http(pack_answer(ChildAnswer(b"", "", None))), OutputInvalid, "output_invalid"),
        (http(pack_answer(ChildAnswer(b"\xff" * 20, "", None))), OutputInvalid, "output_invalid"),
        (http(pack_answer(ChildAnswer(None, "", -11))), OutputInvalid, "crashed"),
        (http(pack_error(DeadlineExceeded("It took too long."))), DeadlineExceeded, "deadline_exceeded"),
        (http(pack_error(OutputInvalid("Large.", code="output_too_large"))), OutputInvalid, "output_too_large"),
        (http(bytes(5 * 2**20)), OutputInvalid, "output_too_large"),
        (BEGUN + b"fffffffffffff\r\n" + b"x" * 99, Unavailable, "worker_lost"),
    ],
)  # fmt: skip
def test_bad_answers_are_errors(answer: bytes, error: type[FigServeError], code: str):
    """Of workers, proxies and strangers; each is one sentence without control characters."""

    async def scene() -> None:
        async with scripted(answer) as (renderer, _):
            with pytest.raises(error) as caught:
                await renderer.render(JOB)
            assert caught.value.code == code
            assert caught.value.message.isprintable()
            assert type(caught.value) is error

    run(scene())


def test_any_bytes_of_a_worker_are_errors_of_ours():
    """As an answer and as its report, with each head; the next honest answer is an image."""

    @given(st.binary(max_size=80) | st.builds(bytes.__add__, HEADS, st.binary(max_size=80)))
    def check(data: bytes) -> None:
        async def scene() -> None:
            async with scripted(data, data, http(RENDERED), queue_timeout=0.01) as (renderer, worker):
                with pytest.raises(FigServeError) as caught:
                    await renderer.render(JOB)
                assert caught.value.message.isprintable()
                worker.answers = [http(RENDERED)]
                assert (await renderer.render(JOB)).images[0].data == PNG
            async with scripted(http(RENDERED), reports=[data, REPORT]) as (renderer, worker):
                with contextlib.suppress(FigServeError):
                    await renderer.render(JOB)
                assert (await renderer.render(JOB)).images[0].data == PNG

        run(scene())

    check()


def test_a_workers_words_are_cleaned():
    """A worker that has been taken over cannot write into a terminal or a log."""

    async def scene() -> None:
        evil = "\x1b]0;evil\x07" + "x" * 5_000
        failed = b"".join(wire.pack_frame({"status": "failed", "kind": evil, "message": evil, "traceback": evil}))
        async with scripted(
            refusal("sandbox_unavailable", message=evil), http(pack_answer(ChildAnswer(failed, "", None)))
        ) as (renderer, _):
            for error in (SandboxUnavailable, CodeFailed):
                with pytest.raises(error) as caught:
                    await renderer.render(JOB)
                assert "\x1b" not in caught.value.message
                assert len(caught.value.message) < 4_000

    run(scene())


def test_an_answer_that_does_not_end(monkeypatch: pytest.MonkeyPatch):
    """It is given up a little after the job's own deadline."""

    async def scene() -> None:
        async def stall(writer: asyncio.StreamWriter) -> None:
            writer.write(BEGUN)
            await asyncio.Event().wait()

        async with scripted(stall) as (renderer, _):
            monkeypatch.setattr(protocol, "GRACE", 0.1)
            with pytest.raises(DeadlineExceeded, match="longer than"):
                await renderer.render(RenderJob("code", b"", timeout=0.1))

    run(scene())


def test_a_cancelled_job_closes_its_connection():
    """That is how its worker learns of it."""

    async def scene() -> None:
        closed, begun = asyncio.Event(), asyncio.Event()

        async def wait(writer: asyncio.StreamWriter) -> None:
            writer.write(BEGUN)
            begun.set()
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"1\r\n\n\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            closed.set()

        async with scripted(wait) as (renderer, _):
            task = asyncio.create_task(renderer.render(JOB))
            await begun.wait()
            task.cancel()
            await closed.wait()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(scene())


def test_the_fleet_is_counted_through_a_load_balancer():
    """Each answer shows one worker; the weakest tier and the sum of the slots are the fleet's."""

    async def scene() -> None:
        other = REPORT | {"worker": "w2", "slots": 1, "tier": "STRICT", "libraries": {"matplotlib": "3.10.0"}}
        async with scripted(http(RENDERED), reports=[REPORT, other, REPORT, other]) as (renderer, _):
            status = renderer.status
            assert (status.name, status.tier, status.slots) == ("http", "STRICT", 4)
            assert sorted(status.workers) == [("FULL", 3), ("STRICT", 1)]
            assert any("different versions of matplotlib" in reason for reason in status.reasons)

    run(scene())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tier": "none", "why": ["No seccomp."], "is_unsandboxed": True}, "has no sandbox"),
        ({"tier": "none", "state": "unavailable", "why": ["No seccomp."]}, "No seccomp"),
        ({"protocol": 99}, "another version"),
        ({"state": "draining"}, "draining"),
    ],
)
def test_workers_that_cannot_be_used(change: dict[str, object], reason: str):
    """A fleet without a jail is refused as this machine would be, and so is one of another version."""

    async def scene() -> None:
        async with scripted(http(RENDERED), reports=[REPORT | change]) as (renderer, worker):
            assert (renderer.status.tier, renderer.status.slots) == ("none", 0)
            assert reason in " ".join(renderer.status.reasons)
            with pytest.raises(SandboxUnavailable, match=reason):
                await renderer.render(JOB)
            assert worker.jobs == []

    run(scene())


def test_unsandboxed_workers_need_permission_on_both_sides():
    """With FigServe.allow_unsandboxed here as well, the fleet counts, and says so."""

    async def scene() -> None:
        report = REPORT | {"tier": "none", "is_unsandboxed": True}
        async with scripted(http(RENDERED), reports=[report], allow_unsandboxed=True) as (renderer, worker):
            assert renderer.status.is_unsandboxed
            await renderer.render(JOB)
            assert worker.jobs[0][0]["x-figserve-allow-unsandboxed"] == "1"

    run(scene())


@pytest.mark.parametrize(
    "report",
    [b"", b"no HTTP", http(b"{}", marker=""), http(b"[]"), http(b"{"), {}, REPORT | {"slots": 10**9}, {"worker": []}],
)
def test_what_is_not_a_fleet(report: object):
    """One sentence within the time of one attempt, and the next job asks again."""

    async def scene() -> None:
        async with scripted(http(RENDERED), reports=[report] * 2 + [REPORT]) as (renderer, worker):
            assert renderer.status.tier == "none"
            with pytest.raises(Unavailable, match=r"No render worker can be reached .*FigServe\.renderer_url"):
                await renderer.render(JOB)
            await renderer.render(JOB)
            assert len(worker.jobs) == 1

    run(scene())


def test_nobody_listens():
    """503 at once; a worker that comes is used without a restart."""

    async def scene() -> None:
        port = free_port()
        renderer = make_http_renderer(f"http://127.0.0.1:{port}")
        await renderer.start()
        with pytest.raises(Unavailable, match="connection refused") as caught:
            await renderer.render(JOB)
        assert caught.value.code == "no_workers"
        worker = ScriptedWorker([http(RENDERED)])
        server = await asyncio.start_server(worker.serve, "127.0.0.1", port)
        await renderer.render(JOB)
        await renderer.close()
        with pytest.raises(Unavailable, match="stopping"):
            await renderer.render(JOB)
        await stop_serving(server)
        await worker.close()

    run(scene())
