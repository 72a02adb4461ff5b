"""Figures drawn again by kernels that are connected to another server on the same catalog, over real HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_figserve.errors import FigServeError, NotFound, TooLarge, Unavailable
from jupyter_figserve.model.figures import Source, sha256_hex
from jupyter_figserve.model.formats import TABLES
from jupyter_figserve.model.rendering import DrawOptions, RenderJob, RenderResult
from jupyter_figserve.server.services.live import kernel_redraws
from jupyter_figserve.server.services.live.backends.agent_backend import AgentBackend
from jupyter_figserve.server.services.live.backends.kernel_answer import KERNEL_ENDING
from jupyter_figserve.server.services.live.backends.replica_messages import ReplicaRedraw
from jupyter_figserve.server.services.rendering.executor import NoKernelError
from tests.waiting import until

from ...sample_images import png

PICKLE = b"pickled by the kernel"
SOURCE = Source("figure", sha256_hex(PICKLE), len(PICKLE), {"matplotlib": "3.11.2"})
WIDE = DrawOptions("png", width=400)


class Agent:
    """A kernel that is connected to one of the servers and has published ``SOURCE``."""

    def __init__(self) -> None:
        self.backend = AgentBackend(self._send, 2**20, lambda: None, "ann")
        self.asked: list[tuple[dict[str, Any], bytes | None]] = []
        self.head: dict[str, Any] | None = {"mimetype": "image/png"}
        self.body = png(400, 300)

    def answer(self) -> None:
        self.backend.receive({"op": "answer", "rid": self.asked[-1][0]["rid"]} | (self.head or {}), self.body)

    def _send(self, message: dict[str, Any], body: bytes | None) -> None:
        self.asked.append((message, body))
        if self.head is not None:
            self.answer()


@pytest.fixture
def agent(context) -> Agent:
    context.store.blobs.put(SOURCE.digest, PICKLE)
    return Agent()


async def connect(server, agent: Agent, *digests: str) -> None:
    """Let the kernel connect and announce its sources, without any live figure."""
    await server.live.registry.register("ann", "k", agent.backend, [])
    agent.backend.receive_sources({"digests": list(digests or [SOURCE.digest]), "unsupported": ["avif"]})
    server.live.registry.report_change("k")
    await written(server)


async def written(server) -> None:
    """Wait until the others can know."""
    await until(lambda: not server.replicas._unwritten and not server.replicas._writing.locked())


async def draw(server, options: DrawOptions = WIDE, owner: str = "ann") -> RenderResult:
    await server.replicas.synchronize()

    async def compose() -> RenderJob:
        raise AssertionError("The source is read by the server of the kernel.")

    return await server.redraws.get_executor(owner, SOURCE, options).render_composed(compose)


async def test_the_kernel_of_another_server_draws(make_server, agent):
    """Its server reads the source; the formats are those that the kernel can write."""
    one, two = await make_server(), await make_server()
    await connect(one, agent)
    (image,) = (await draw(two)).images
    assert (image.mimetype, image.width, image.height, image.data) == ("image/png", 400, 300, agent.body)
    ((request, source),) = agent.asked
    assert (request["op"], request["options"]["width"], source) == ("redraw", 400, PICKLE)
    assert two.redraws.find_unsupported("ann", SOURCE) == ("avif",)


async def test_it_reads_the_data_too(make_server, agent):
    """As lines of JSON, like a format."""
    one, two = await make_server(), await make_server()
    await connect(one, agent)
    agent.head, agent.body = {"mimetype": TABLES.mimetype}, b"{}\n"
    assert (await draw(two, DrawOptions(TABLES.name, rows=20))).images[0].data == b"{}\n"
    assert agent.asked[0][0]["options"]["rows"] == 20


async def test_what_the_kernel_no_longer_draws(make_server, agent):
    """After a restart it has made nothing; when it ends, it is gone from the other servers, too."""
    one, two = await make_server(), await make_server()
    await connect(one, agent)
    await two.replicas.synchronize()
    assert two.redraws.find_kernel("ann", SOURCE) is not None
    await connect(one, agent, "0" * 64)
    with pytest.raises(NoKernelError):
        await draw(two)
    await connect(one, agent)
    await two.replicas.synchronize()
    assert two.redraws.find_kernel("ann", SOURCE) is not None
    one.live.unregister("k", agent.backend)
    await written(one)
    with pytest.raises(NoKernelError):
        await draw(two)
    assert agent.asked == []


async def test_only_kernels_of_the_owner_are_asked(make_server, agent):
    """Neither for another owner's figure, nor for a source that the kernel has not announced."""
    one, two = await make_server(), await make_server()
    await connect(one, agent)
    with pytest.raises(NoKernelError):
        await draw(two, owner="bob")
    (line,) = await one.store.kernel_lines.find_many(["k"])
    (backend,) = [backend for _, backend in two.live.registry.list_backends()]
    assert line.owner == backend.owner == "ann"
    for owner, source in (("bob", SOURCE), ("ann", Source("figure", "0" * 64, 1))):
        with pytest.raises(NotFound):
            await backend.redraw(ReplicaRedraw("k", owner, source, WIDE), two.redraws.limits.jobs)
    assert agent.asked == []


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        ({"type": "NotFound", "message": "not mine", "code": "not_own"}, NoKernelError, None),
        ({"type": "TooLarge", "message": "It is too large.", "code": "too_many_pixels"}, TooLarge, "too_many_pixels"),
        ({"type": KERNEL_ENDING}, Unavailable, "kernel_gone"),
        ({"type": "Unavailable", "message": "Busy."}, Unavailable, "kernel_busy"),
    ],
)
async def test_errors_are_the_kernels(make_server, agent, error, kind, code):
    """With the same meaning as at the server of the kernel."""
    one, two = await make_server(), await make_server()
    await connect(one, agent)
    agent.head, agent.body = {"error": error}, b""
    for server in (one, two):
        with pytest.raises(kind) as raised:
            await draw_own_or_other(server)
        assert getattr(raised.value, "code", None) == code


async def draw_own_or_other(server) -> RenderResult:
    async def compose() -> RenderJob:
        return RenderJob("figure", PICKLE, WIDE)

    await server.replicas.synchronize()
    return await server.redraws.get_executor("ann", SOURCE, WIDE).render_composed(compose)


async def test_a_source_that_was_changed_in_the_store_is_not_sent(make_server, agent, context):
    """The kernel hears nothing of it; the error is that of a damaged source."""
    one, two = await make_server(), await make_server()
    await connect(one, agent)
    (context.store.directory / "blobs" / SOURCE.digest[:2] / SOURCE.digest).write_bytes(b"evil")
    with pytest.raises(FigServeError) as raised:
        await draw(two)
    assert (raised.value.status, raised.value.code, agent.asked) == (500, "source_damaged", [])


async def test_a_busy_kernel_is_a_temporary_error(make_server, agent, put_forward):
    """Its late answer serves those who ask again, at either server."""
    one, two = await make_server(), await make_server()
    await connect(one, agent)
    agent.head = None
    asking = asyncio.ensure_future(draw(two))
    await until(lambda: agent.asked)
    put_forward(kernel_redraws._SECONDS)
    with pytest.raises(Unavailable) as raised:
        await asking
    assert (raised.value.code, raised.value.retry_after) == ("kernel_busy", 2)
    agent.head = {"mimetype": "image/png"}
    agent.answer()
    # The other server's call goes on until it is answered, and one that came before its end would join it.
    await until(lambda: (one.redraws.late or two.redraws.late) and not two.live._get_queue("k").is_busy)
    assert (await draw(two)).images[0].data == agent.body
    assert len(agent.asked) == 1


async def test_requests_are_not_passed_on_twice(make_server, agent):
    """A server that the kernel has left answers that it has none, rather than ask the one that has asked it."""
    one, two = await make_server(), await make_server()
    await connect(one, agent)
    await two.replicas.synchronize()
    one.live.registry._backends["k"] = two.live.registry._backends["k"]
    with pytest.raises(NoKernelError):
        await draw(two)


async def test_a_server_that_asks_no_kernels(make_server, agent):
    """Tells the others of none."""
    one, two = await make_server(), await make_server()
    one.redraws.is_enabled = False
    await one.live.registry.register("ann", "k", agent.backend, [])
    agent.backend.receive_sources({"digests": [SOURCE.digest], "unsupported": []})
    one.live.registry.report_change("k")
    await written(one)
    with pytest.raises(NoKernelError):
        await draw(two)
    assert await one.store.kernel_lines.list_heads() == {}
