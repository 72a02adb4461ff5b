"""Live figures of kernels that are connected to another server on the same catalog, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from jupyter_figserve.errors import CodeFailed, DeadlineExceeded, Forbidden, TooManyRequests, Unavailable
from jupyter_figserve.model.live import LiveDeclaration, LiveRequest
from jupyter_figserve.server.services.auth.signing import QuerySigner
from jupyter_figserve.server.services.callers import OWNER, visitor_caller
from jupyter_figserve.server.services.live import replicas
from jupyter_figserve.server.services.live.backends.backend import KernelUnavailable
from jupyter_figserve.server.services.live.backends.replica_signer import (
    MAX_SKEW_SECONDS,
    SIGNATURE_HEADER,
    TIME_HEADER,
    ReplicaSigner,
)
from jupyter_figserve.server.services.live.call_queue import CallQueue
from jupyter_figserve.server.services.live.replicas import LEASE_SECONDS
from tests.waiting import PATIENCE, until

from ...making import FakeKernel
from .conftest import ANIMAL


async def test_kernel_of_another_server_answers(make_server):
    """Its live figure is in the list, under the same id; its image is the kernel's."""
    one, two = await make_server(), await make_server()
    kernel = FakeKernel()
    await one.connect("k", kernel)
    request = LiveRequest({"n": 1}, "png")
    there = await two.render("k", request)
    assert [asked for _, asked in kernel.asked] == [request]
    assert there.image.content.mimetype == "image/png"
    assert [target.record.id for target in two.live.registry.list_offered()] == [
        target.record.id for target in one.live.registry.list_offered()
    ]
    assert there.image.content == (await one.live.images.find_last(there.image.live, request)).content


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CodeFailed("ValueError: no", kind="ValueError", line=3, traceback="t", output="o"), CodeFailed),
        (KernelUnavailable(), KernelUnavailable),
        (TooManyRequests("Too many.", code="live_link_rate", retry_after=7), TooManyRequests),
        (DeadlineExceeded("Too slow.", retry_after=2), DeadlineExceeded),
    ],
)
async def test_errors_are_the_kernels(make_server, error, kind):
    """With the same status, code and details."""
    one, two = await make_server(), await make_server()
    kernel = FakeKernel()
    kernel.error = error
    await one.connect("k", kernel)
    with pytest.raises(kind) as raised:
        await two.render("k")
    assert (raised.value.status, raised.value.code, raised.value.message) == (error.status, error.code, error.message)
    for name in ("kind", "line", "traceback", "output", "retry_after"):
        assert getattr(raised.value, name, None) == getattr(error, name, None)


async def test_unchanged_data_is_not_sent_again(make_server, clock):
    """The kernel draws once for each version, whichever server is asked."""
    one, two = await make_server(), await make_server()
    kernel = FakeKernel("1")
    await one.connect("k", kernel, LiveDeclaration("animal", revision="r", is_versioned=True))
    first, again = [await two.render("k") for _ in range(2)]
    assert (first.etag, first.image.content) == (again.etag, again.image.content)
    kernel.version = "2"
    assert (await two.render("k")).etag != first.etag


async def test_one_call_at_a_time_in_a_kernel(make_server):
    """Calls of both servers take turns in the queue of the kernel's server, the owner's before a stranger's."""
    one, two = await make_server(), await make_server()
    kernel = FakeKernel()
    kernel.gate.clear()
    await one.connect("k", kernel)
    queue = one.live._get_queue((await one.live.registry.find("k", "animal")).queue_key)
    calls = []
    for waiting, (server, number, caller) in enumerate(
        [(one, 0, visitor_caller("a")), (two, 1, visitor_caller("b")), (one, 2, OWNER)]
    ):
        calls.append(asyncio.create_task(server.render("k", LiveRequest({"n": number}, "png"), caller=caller)))
        await until(partial(_has, kernel, queue, waiting))
    kernel.gate.set()
    await asyncio.gather(*calls)
    assert [request.arguments["n"] for _, request in kernel.asked] == [0, 2, 1]


async def test_full_queue_refuses(make_server):
    """With the reason and the time of the kernel's server."""
    one, two = await make_server(), await make_server()
    kernel = FakeKernel()
    kernel.gate.clear()
    await one.connect("k", kernel)
    queue = one.live._get_queue((await one.live.registry.find("k", "animal")).queue_key)
    calls = []
    for number in range(3):
        calls.append(asyncio.create_task(one.render("k", LiveRequest({"n": number}, "png"))))
        await until(partial(_has, kernel, queue, number))
    with pytest.raises(Unavailable, match="3 calls are already waiting") as refused:
        await two.render("k", LiveRequest({"n": 3}, "png"))
    assert (refused.value.code, refused.value.retry_after) == ("kernel_busy", 2)
    kernel.gate.set()
    await asyncio.gather(*calls)


async def test_the_newest_connection_counts(make_server, clock):
    """A kernel that connects to another server is called there; the first one closes its end."""
    one, two = await make_server(), await make_server()
    old, new = FakeKernel(), FakeKernel()
    await one.connect("k", old)
    await two.replicas.synchronize()
    clock.advance(1)
    await two.connect("k", new)
    await one.render("k")
    assert (old.is_closed, len(old.asked), len(new.asked)) == (True, 0, 1)
    await two.render("k", LiveRequest({"n": 1}, "png"))
    assert len(new.asked) == 2
    assert not new.is_closed


async def test_what_a_kernel_no_longer_offers(make_server):
    """Is gone from the other servers' lists, and so is all of a kernel that has left."""
    one, two = await make_server(), await make_server()
    kernel = FakeKernel()
    await one.connect("k", kernel, ANIMAL, LiveDeclaration("other"))
    await two.replicas.synchronize()
    assert {target.record.name for target in two.live.registry.list_offered()} == {"animal", "other"}
    await one.live.registry.register("ann", "k", kernel, [ANIMAL])

    async def offered() -> int:
        await two.replicas.synchronize()
        return len(two.live.registry.list_offered())

    await _until_equal(offered, 1)
    one.live.unregister("k", kernel)
    await _until_equal(offered, 0)


async def test_end_of_a_session_reaches_the_server_of_its_kernel(make_server):
    """Whichever server notices it: the connection is closed."""
    one, two = await make_server(), await make_server()
    kernel = FakeKernel()
    await one.connect("k", kernel)
    await two.replicas.synchronize()
    two.live.on_kernel_ended("k")

    async def is_closed() -> bool:
        await one.replicas.synchronize()
        return kernel.is_closed

    await _until_equal(is_closed, True)
    # A list of the catalog that was read before the end, and is taken over after it, is followed by another one.
    await until(lambda: not (one.live.registry.list_offered() or two.live.registry.list_offered()))


async def test_server_that_is_gone(make_server, clock):
    """The last picture answers, or an error that says to try again; after the lease nothing is offered."""
    one, two = await make_server(), await make_server()
    await one.connect("k", FakeKernel())
    good = await two.render("k")
    one.http.stop()
    await one.http.close_all_connections()
    stale = await two.render("k", no_cache=True)
    assert (stale.image.content, stale.cache_status) == (good.image.content, "figserve; hit; detail=stale")
    with pytest.raises(KernelUnavailable):
        await two.render("k", LiveRequest({"n": 1}, "png"))
    clock.advance(LEASE_SECONDS + 1)
    await two.replicas._renew()
    await two.replicas.synchronize()
    assert two.live.registry.list_offered() == []


async def test_server_that_starts_again(make_server, context):
    """Lines that a killed server left behind are not offered by it any more."""
    one = await make_server()
    await one.connect("k", FakeKernel())
    one.replicas._own.clear()
    await one.replicas.open()
    assert await context.store.kernel_lines.list_heads() == {}


async def test_calls_are_not_passed_on_twice(make_server):
    """A server that the kernel has left answers that it is gone, rather than ask the one that has asked it."""
    one, two = await make_server(), await make_server()
    kernel = FakeKernel()
    await one.connect("k", kernel)
    await two.replicas.synchronize()
    one.live.registry._backends["k"] = two.live.registry._backends["k"]
    with pytest.raises(KernelUnavailable):
        await two.render("k")


async def test_other_secrets_are_refused(make_server):
    """Without the signing secret nobody calls a kernel."""
    one, two = await make_server(), await make_server("t" * 32)
    kernel = FakeKernel()
    await one.connect("k", kernel)
    with pytest.raises(KernelUnavailable):
        await two.render("k")
    assert kernel.asked == []


def test_forged_requests():
    """The signature holds for this body and this time only."""
    now = 1_000_000.0
    signer = ReplicaSigner(QuerySigner(["s" * 32]), lambda: now)
    good = signer.make_headers(b"body")
    signer.check(good, b"body")
    wrong = [
        ({}, b"body"),
        (good, b"bodY"),
        (good | {TIME_HEADER: str(int(now) + 1)}, b"body"),
        (good | {TIME_HEADER: "\u0661"}, b"body"),
        # Beyond what a float holds, and beyond what Python reads.
        (good | {TIME_HEADER: "9" * 400}, b"body"),
        (good | {TIME_HEADER: "9" * 5_000}, b"body"),
        (good | {SIGNATURE_HEADER: "\u00e9"}, b"body"),
        (ReplicaSigner(QuerySigner(["t" * 32]), lambda: now).make_headers(b"body"), b"body"),
        (ReplicaSigner(QuerySigner(["s" * 32]), lambda: now - MAX_SKEW_SECONDS - 1).make_headers(b"body"), b"body"),
    ]
    for headers, body in wrong:
        with pytest.raises(Forbidden):
            signer.check(headers, body)


def _has(kernel: FakeKernel, queue: CallQueue, waiting: int) -> bool:
    """Whether the kernel runs a call and so many others wait."""
    return bool(kernel.asked) and queue._turns.waiting == waiting


async def _until_equal(get: Callable[[], Awaitable[object]], value: object) -> None:
    async with asyncio.timeout(PATIENCE):
        while await get() != value:
            await asyncio.sleep(0.01)


async def test_database_that_is_down_at_first(make_server, context, monkeypatch):
    """Sharing begins once it answers; a kernel that connected before it, or while it was down again, is offered too."""
    really, failures = context.store.kernel_lines.put, [Unavailable("down")] * 3

    async def fail(*arguments):
        if failures:
            raise failures.pop()
        return await really(*arguments)

    monkeypatch.setattr(replicas, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(context.store.kernel_lines, "remove_all", first := Failing(2))
    one, two = await make_server(), await make_server()
    assert first.left == 0
    monkeypatch.setattr(context.store.kernel_lines, "put", fail)
    await one.live.registry.register("ann", "k", FakeKernel(), [ANIMAL])
    await until(lambda: len(failures) < 3)
    for _ in range(3):
        await one.replicas.synchronize()
    assert failures == []
    assert (await two.render("k")).image.content.mimetype == "image/png"


class Failing:
    """Fails some times, then does nothing."""

    def __init__(self, left: int) -> None:
        self.left = left

    async def __call__(self, *_: object) -> None:
        if self.left:
            self.left -= 1
            raise Unavailable("down")
