"""Several servers on one catalog, without handlers, over real HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from jupyter_figserve.model.live import LiveDeclaration, LiveFigureRecord, LiveRequest
from jupyter_figserve.sandbox.host.job_limits import JobLimits
from jupyter_figserve.server.services.auth.signing import QuerySigner
from jupyter_figserve.server.services.events.event_broker import EventBroker
from jupyter_figserve.server.services.live.backends.backend import KernelBackend
from jupyter_figserve.server.services.live.backends.replica_messages import ROUTE
from jupyter_figserve.server.services.live.backends.replica_signer import ReplicaSigner
from jupyter_figserve.server.services.live.image_cache import StaleImageCache
from jupyter_figserve.server.services.live.kernel_redraws import KernelRedraws, RedrawLimits
from jupyter_figserve.server.services.live.limits import LiveLimits
from jupyter_figserve.server.services.live.registry import LiveRegistry, LiveTarget
from jupyter_figserve.server.services.live.replicas import Replicas
from jupyter_figserve.server.services.live.service import LiveService
from jupyter_figserve.server.services.live.watchers import LiveWatchers
from tests.waiting import until

ANIMAL = LiveDeclaration("animal", digest="d", revision="r")
PNG = LiveRequest({}, "png")


class Kernels:
    """Kernels without notebooks."""

    def has(self, kernel: str) -> bool:
        return False

    async def follow_all(self) -> None: ...

    async def follow_notebook(self, kernel: str) -> str:
        return ""

    async def find_scope(self, kernel: str) -> str:
        return ""


class CallHandler(RequestHandler):
    def initialize(self, replicas: Replicas) -> None:
        self.replicas = replicas

    async def post(self) -> None:
        self.replicas.signer.check(self.request.headers, self.request.body)
        self.finish(await self.replicas.answer(self.request.body))


class Server:
    """What one of several servers on a catalog has."""

    def __init__(self, context, secret: str) -> None:
        self.store, self.kernels = context.store, {}
        events = EventBroker(context.store)

        async def find_detached(record: LiveFigureRecord) -> LiveTarget | None:
            return None

        registry = LiveRegistry(context.store, Kernels(), find_detached, events.announce)
        images, limits = StaleImageCache(context.store, 2**20), LiveLimits(3, 20.0, None, 1, 2)
        self.live = LiveService(registry, images, LiveWatchers(events), limits, "ann", context.store.clock)
        signer = ReplicaSigner(QuerySigner([secret]), lambda: context.store.clock())
        socket, port = bind_unused_port("127.0.0.1")
        limits = RedrawLimits(JobLimits(1_000_000, 2**20, 10), 2**20)
        self.redraws = KernelRedraws(self.live, limits, self.live.meter, is_enabled=True)
        self.replicas = Replicas(
            context.store, self.redraws, events, signer, f"http://127.0.0.1:{port}", max_bytes=2**20
        )
        self.http = HTTPServer(Application([(ROUTE, CallHandler, {"replicas": self.replicas})]))
        self.http.add_socket(socket)

    async def connect(self, kernel: str, backend: KernelBackend, *declarations: LiveDeclaration) -> None:
        """Let a kernel connect to this server, and wait until the others can know."""
        await self.live.registry.register("ann", kernel, backend, declarations or [ANIMAL])
        await until(lambda: kernel in self.replicas._recorded)

    async def render(self, kernel: str, request: LiveRequest = PNG, **options):
        await self.replicas.synchronize()
        target = await self.live.registry.find(kernel, "animal")
        assert target is not None
        return await self.live.render(target, request, **options)

    async def stop(self) -> None:
        await self.replicas.close()
        self.http.stop()
        await self.http.close_all_connections()


MakeServer = Callable[..., Awaitable[Server]]


@pytest.fixture
def make_server(context, clock, jp_asyncio_loop) -> Iterator[MakeServer]:
    servers: list[Server] = []

    async def make(secret: str = "s" * 32) -> Server:
        server = Server(context, secret)
        servers.append(server)
        await server.replicas.open()
        return server

    yield make
    for server in servers:
        jp_asyncio_loop.run_until_complete(server.stop())
