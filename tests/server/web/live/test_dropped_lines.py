"""A thousand dropped connections of agents under load: every request is answered, and in the end by the kernel."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace

import pytest
from tornado.websocket import WebSocketClosedError

from jupyter_figserve.server.services.live.backends.control_channels import ControlChannels

from ....waiting import until
from ...sample_images import png
from ...services.live.backends import test_control_channels as control
from ...services.live.backends.test_control_channels import FakeClient
from .conftest import HELLO, Connection, frame

pytestmark = pytest.mark.soak
DROPS = 1_000
NAMES = ("animal", "large")
FROM_AGENT, FROM_CONTROL_CHANNEL = png(grey=1), png(grey=2)


@pytest.fixture
def figserve_config() -> dict[str, object]:
    return {"live_bytes": 1_000, "live_timeout": 2}


@pytest.fixture
def channel(context, jp_serverapp, monkeypatch) -> Iterator[FakeClient]:
    """The control channel of ``k1``, whose kernel lists ``animal``; ``k2`` has none."""
    monkeypatch.setattr(control, "ROW", HELLO | {"timeout": 2})
    client = FakeClient()
    client.body = FROM_CONTROL_CHANNEL

    def start(**_channels: bool) -> None:
        client.fault = None

    client.start_channels = start
    kernels = SimpleNamespace(
        list_kernel_ids=lambda: ["k1"], get_kernel=lambda kernel: SimpleNamespace(client=lambda **_: client)
    )
    channels = ControlChannels(SimpleNamespace(kernel_manager=kernels, gateway_config=None), 1_000)
    channels.on_close = context.live.unregister
    monkeypatch.setattr(context.live._discovery, "_channels", channels)
    with pytest.MonkeyPatch.context() as patch:
        # Else the sweep, which comes each minute, would revoke the keys of kernels that Jupyter does not know.
        patch.setattr(jp_serverapp.kernel_manager, "list_kernel_ids", lambda: ["k1", "k2"])
        yield client


async def answer_calls(connection: Connection) -> None:
    """Answer as a kernel does, until the connection ends; ``large`` ignores the limit of the server."""
    with suppress(WebSocketClosedError):
        while (message := await connection.receive()) is not None:
            if message["op"] == "call":
                await connection.answer(message, bytes(5_000) if message["name"] == "large" else FROM_AGENT)


async def test_a_thousand_drops(context, owner, dial, channel):
    """Whoever asks meanwhile gets an image, the last good one, or a sentence; an agent is never replaced by less."""
    chance, outcomes, is_over = random.Random(7), Counter(), asyncio.Event()
    rows = [{**HELLO, "name": name, "timeout": 2} for name in NAMES]

    async def poll(kernel: str, name: str) -> None:
        while not is_over.is_set():
            answer = await owner.get(f"/live/{kernel}/{name}.png", width=chance.randrange(1, 20))
            stale = "stale" in answer.headers.get("Cache-Status", "")
            outcomes[answer.status, "" if answer.status == 200 else answer.code, stale] += 1

    async def drop(kernel: str, number: int) -> None:
        slow = kernel == "k1" and chance.random() < 0.5
        if slow:
            channel.gate.clear()
        async with dial(kernel) as connection:
            for _ in range(chance.randrange(5)):
                await asyncio.sleep(0)
            await connection.send(frame({"op": "hello", "protocol": 1, "announcement": number, "live": rows}))
            answering = asyncio.ensure_future(answer_calls(connection))
            await until(lambda: not getattr(context.live.registry.find_backend(kernel), "is_stand_in", True))
            channel.gate.set()
            for _ in range(chance.randrange(50)):
                await asyncio.sleep(0)
            backend = context.live.registry.find_backend(kernel)
            assert backend is not None
            assert not backend.is_stand_in
            if number % 10 == 3:
                await connection.send(chance.choice((b"", "text", frame([]), frame({"op": "answer", "rid": []}))))
        await answering

    pollers = [asyncio.ensure_future(poll(kernel, name)) for kernel in ("k1", "k2") for name in NAMES]
    try:
        for number in range(DROPS):
            await drop(chance.choice(("k1", "k2")), number)
            if number % 25 == 1:
                context.live.on_kernel_restarted("k1")
            if number % 50 == 2:
                context.live.on_kernel_ended(chance.choice(("k1", "k2")))
    finally:
        is_over.set()
        await asyncio.gather(*pollers)
    statuses = {status for status, _, _ in outcomes}
    assert statuses <= {200, 404, 413, 422, 503, 504}, outcomes
    assert {(200, "", False), (200, "", True), (413, "result_too_large", False)} <= outcomes.keys(), outcomes
    for kernel in ("k1", "k2"):
        async with dial(kernel) as connection:
            await connection.offer(*rows)
            answering = asyncio.ensure_future(answer_calls(connection))
            for n in range(20):
                answer = await owner.get(f"/live/{kernel}/animal.png", {"Cache-Control": "no-cache"}, width=n + 1)
                assert (answer.status, answer.body, answer.headers["Cache-Status"]) == (
                    200,
                    FROM_AGENT,
                    "figserve; fwd=miss",
                )
            assert (await owner.get(f"/live/{kernel}/large.png")).status == 413
        await answering
