"""Control channels of kernels: one question at a time, and every failure of a channel is one of our errors."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_figserve.errors import TooLarge
from jupyter_figserve.model.live import LiveDeclaration, LiveRequest
from jupyter_figserve.server.services.live.backends import control_channel_backend as module
from jupyter_figserve.server.services.live.backends.backend import KernelUnavailable
from jupyter_figserve.server.services.live.backends.control_channels import ControlChannels
from tests.waiting import until

from ....making import FakeKernel
from ....sample_images import png

ROW = {
    "name": "animal", "description": "", "parameters": [], "sizes": [], "cache": 0, "timeout": 20, "version": None,
    "is_versioned": False, "digest": "d", "revision": "slow",
}  # fmt: skip


class FakeClient:
    """A ``KernelClient`` whose kernel lists ``animal`` once the gate is open, and answers calls with ``body``."""

    def __init__(self) -> None:
        self.session = SimpleNamespace(msg=self._make_message)
        self.control_channel = self
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked: list[dict[str, Any]] = []
        self.informed = 0
        self.info: dict[str, Any] = {"status": "ok", "figserve": {"control": 1}}
        self.body = png()
        self.fault: Exception | None = None
        self.started = self.stopped = 0
        self._answers: asyncio.Queue[Any] = asyncio.Queue()

    def _make_message(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        return {"header": {"msg_id": f"{kind} {len(self.asked)}", "msg_type": kind}, "content": content}

    def start_channels(self, **_channels: bool) -> None:
        self.started += 1

    def send(self, message: dict[str, Any]) -> None:
        if self.fault is not None:
            raise self.fault
        if message["header"]["msg_type"] == "kernel_info_request":
            self.informed += 1
            self._answers.put_nowait({"parent_header": message["header"], "content": self.info})
            return
        self.asked.append(message["content"])
        is_list = message["content"]["op"] == "list"
        content = {"live": [ROW]} if is_list else {"op": "answer", "mimetype": "image/png", "revision": "slow"}
        buffers = [] if is_list else [self.body]
        self._answers.put_nowait({"parent_header": message["header"], "content": content, "buffers": buffers})

    async def get_msg(self, timeout: None = None) -> Any:
        answer = await self._answers.get()
        if isinstance(answer, Exception):
            raise answer
        await self.gate.wait()
        return answer

    def deliver(self, answer: Any) -> None:
        self._answers.put_nowait(answer)

    def stop_channels(self) -> None:
        self.stopped += 1
        self.fault = AssertionError()


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def channels(context, client, monkeypatch) -> ControlChannels:
    """The channels of the live service, whose only kernel is ``k1``; no deadline of theirs passes on a busy machine."""
    monkeypatch.setattr(module, "_LIST_SECONDS", 600)
    kernels = SimpleNamespace(
        list_kernel_ids=lambda: ["k1"], get_kernel=lambda kernel: SimpleNamespace(client=lambda **_: client)
    )
    channels = ControlChannels(SimpleNamespace(kernel_manager=kernels, gateway_config=None), 1_000)
    channels.on_close = context.live.unregister
    monkeypatch.setattr(context.live._discovery, "_channels", channels)
    return channels


async def call(target: Any) -> Any:
    return await target.backend.call("animal", LiveRequest({}, "png"), (), lambda done, total: None)


async def test_many_requests_ask_once(context, channels, client):
    """The channel is opened once, and one list answers all requests that wait for it."""
    targets = await asyncio.gather(*(context.live.find("k1", "animal") for _ in range(50)))
    assert (client.started, len(client.asked), {target.kernel for target in targets}) == (1, 1, {"k1"})
    assert (await call(targets[0])).content.data == png()


async def test_slow_answer_does_not_replace_the_agents(context, channels, client):
    """The agent connects while the kernel is asked: its declaration and its connection stay, the channel is closed."""
    client.gate.clear()
    asking = asyncio.ensure_future(context.live.find("k1", "animal"))
    await until(lambda: client.informed)
    agent, owner = FakeKernel(), context.config.owner
    await context.live.registry.register(owner, "k1", agent, [LiveDeclaration("animal", revision="agent")])
    client.gate.set()
    target = await asking
    assert (target.backend, target.declaration.revision, client.stopped) == (agent, "agent", 1)
    assert (await context.live.find("k1", "other"), client.informed) == (None, 1)


async def test_call_of_a_cut_connection_goes_on_over_the_channel(context, channels, client):
    """Whoever waits for it does not notice; when nothing else reaches the kernel, the call fails."""
    agent, owner, declared = FakeKernel(), context.config.owner, [LiveDeclaration("animal", revision="slow")]
    await context.live.registry.register(owner, "k1", agent, declared)
    target = await context.live.find("k1", "animal")
    agent.gate.clear()
    for is_reachable in (True, False):
        rendering = asyncio.ensure_future(context.live.render(target, LiveRequest({"n": is_reachable}, "png")))
        await until(lambda agent=agent: agent.asked)
        if is_reachable:
            context.live.unregister("k1", agent)
            assert (await rendering).stale is None
            agent = FakeKernel()
            agent.gate.clear()
            await context.live.registry.register(owner, "k1", agent, declared)
            target = await context.live.find("k1", "animal")
            client.fault = OSError("ended")
    context.live.unregister("k1", agent)
    with pytest.raises(KernelUnavailable):
        await rendering


async def test_kernel_is_asked_at_once_when_its_agent_is_cut_off(context, channels, client):
    """Also where it was silent before its agent connected, or its agent overtook an earlier question."""
    owner, declared = context.config.owner, [LiveDeclaration("animal", revision="agent")]
    for _ in range(3):
        client.fault = None
        client.gate.clear()
        before = client.started
        asking = asyncio.ensure_future(context.live.find("k1", "animal"))
        await until(lambda before=before: client.started != before)
        agent = FakeKernel()
        await context.live.registry.register(owner, "k1", agent, declared)
        client.gate.set()
        assert (await asking).backend is agent
        context.live.unregister("k1", agent)
    client.fault = OSError("starting")
    await context.live.find("k1", "animal")
    client.fault, agent = None, FakeKernel()
    await context.live.registry.register(owner, "k1", agent, declared)
    context.live.unregister("k1", agent)
    assert (await context.live.find("k1", "animal")).kernel == "k1"


async def test_late_agent_takes_over(context, channels, client):
    """The channel that stood in is closed at once, and its call under way goes on over the agent."""
    target = await context.live.find("k1", "animal")
    client.gate.clear()
    rendering = asyncio.ensure_future(context.live.render(target, LiveRequest({}, "png")))
    await until(lambda: len(client.asked) >= 2)
    agent, owner = FakeKernel(), context.config.owner
    await context.live.registry.register(owner, "k1", agent, [target.declaration])
    result = await rendering
    assert (result.stale, client.stopped, len(agent.asked)) == (None, 1, 1)
    with pytest.raises(KernelUnavailable):
        await call(target)


@pytest.mark.parametrize("fault", [AssertionError(), OSError("socket"), KernelUnavailable()])
async def test_broken_channel_is_our_error_and_is_never_found(context, channels, client, fault):
    """Whether sending fails or reading; the next request opens another channel."""
    target = await context.live.find("k1", "animal")
    client.fault = fault
    with pytest.raises(KernelUnavailable):
        await call(target)
    assert (target.backend.is_closed, context.live.registry.list_offered(), client.stopped) == (True, [], 1)
    client.fault = None
    again = await context.live.find("k1", "animal")
    client.deliver(KernelUnavailable())
    await until(lambda: again.backend.is_closed)
    assert context.live.registry.list_offered() == []
    client.fault = None
    assert (await call(await context.live.find("k1", "animal"))).content.data == png()


async def test_unreadable_messages_are_skipped(context, channels, client):
    """Calls around them are answered."""
    target = await context.live.find("k1", "animal")
    for broken in (ValueError("Invalid Signature"), {}, {"parent_header": {}, "content": None}, None):
        client.deliver(broken)
        assert (await call(target)).content.data == png()


async def test_kernel_that_is_too_busy_to_list_keeps_its_channel(context, channels, client, monkeypatch):
    """What it offered is offered still, and it is not asked again for a while."""
    target = await context.live.find("k1", "animal")
    monkeypatch.setattr(module, "_LIST_SECONDS", 0)
    again = await context.live.find("k1", "animal")
    assert (again.backend, target.backend.is_closed, client.stopped) == (target.backend, False, 0)


async def test_image_that_is_too_large_fails_its_call_only(context, channels, client):
    """The kernel is told the limit; one that ignores it gets 413 for this call."""
    target = await context.live.find("k1", "animal")
    client.body = png() + bytes(1_000)
    with pytest.raises(TooLarge, match="live_bytes"):
        await call(target)
    assert client.asked[-1]["max_bytes"] == 1_000
    client.body = png()
    assert (await call(target)).content.data == png()


async def test_restarted_kernel_is_asked_at_once(context, channels, client):
    """Its old channel is closed; its successor does not wait for the pause after a failure."""
    client.fault = OSError("starting")
    assert await context.live.find("k1", "animal") is None
    client.fault = None
    assert await context.live.find("k1", "animal") is None
    context.live.on_kernel_restarted("k1")
    assert (await context.live.find("k1", "animal")).kernel == "k1"


async def test_kernel_of_another_language_is_not_asked(context, channels, client):
    """It cannot have the package, and would log the message as unknown."""
    kernel = SimpleNamespace(client=lambda **_: client, kernel_spec=SimpleNamespace(language="R"))
    channels._app.kernel_manager.get_kernel = lambda _: kernel
    assert await channels.discover("k1") is None
    assert client.asked == []


async def test_kernel_without_the_package_is_asked_what_all_kernels_know(context, channels, client):
    """It gets no message that it would log as unknown; once it has the package, it offers its live figures."""
    now, announced = 0.0, client.info
    channels._clock, client.info = lambda: now, {"status": "ok"}
    assert [await context.live.find("k1", "animal") for _ in range(3)] == [None, None, None]
    assert (client.informed, client.asked, client.started, client.stopped) == (1, [], 1, 1)
    now, client.info, client.fault = 1.0, announced, None
    assert (await context.live.find("k1", "animal")).kernel == "k1"


async def test_silent_kernel_is_asked_less_and_less(context, channels, client, monkeypatch):
    """Each time that it does not answer doubles the pause before the next message, up to a bound."""
    monkeypatch.setattr(module, "_LIST_SECONDS", 0)
    now, asked = 0.0, []
    channels._clock = lambda: now
    while now < 100:
        before = client.started
        await channels.discover("k1")
        asked += [now] if client.started > before else []
        now += 1
    assert asked == [0, 10, 30, 70]
