"""The events of a JupyterHub's service at the server of one of its users, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from jupyter_figserve.server.services.events.service_events import CONNECTED, ServiceEvents
from jupyter_figserve.server.services.events.subscriber import MAX_PENDING, Subscriber
from tests.waiting import until

PUBLISHED = {"figure": "abcdefghijklmnop", "name": "sales"}


class Service:
    """A service whose streams are written by hand."""

    def __init__(self) -> None:
        self.status, self.kind = 200, "text/event-stream; charset=utf-8"
        self.opened: list[dict[str, str]] = []
        """Headers of each request."""
        self.blocks: asyncio.Queue[str | None] = asyncio.Queue()
        service = self

        class Handler(web.RequestHandler):
            async def get(self) -> None:
                service.opened.append(dict(self.request.headers))
                is_stream = service.status == 200 and service.kind.startswith("text/event-stream")
                self.set_status(service.status)
                self.set_header("Content-Type", service.kind)
                await self.flush()
                while is_stream and (block := await service.blocks.get()) is not None:
                    self.write(block)
                    await self.flush()

        socket, port = bind_unused_port("127.0.0.1")
        self.url = f"http://127.0.0.1:{port}/services/figserve"
        self.server = HTTPServer(web.Application([("/services/figserve/api/events", Handler)]))
        self.server.add_socket(socket)

    def say(self, kind: str, data: object, id: int | None = None) -> None:
        self.blocks.put_nowait(f"event: {kind}\ndata: {json.dumps(data)}\n\n")
        if id is not None:
            self.blocks.put_nowait(f"id: {id}\n\n")


@pytest.fixture
def service(jp_asyncio_loop) -> Iterator[Service]:
    async def start() -> Service:
        return Service()

    async def stop() -> None:
        made.blocks.put_nowait(None)
        made.server.stop()
        await made.server.close_all_connections()

    made = jp_asyncio_loop.run_until_complete(start())
    yield made
    jp_asyncio_loop.run_until_complete(stop())


@pytest.fixture
def events(service, jp_asyncio_loop) -> Iterator[ServiceEvents]:
    async def stop() -> None:
        made.close()

    made = ServiceEvents(service.url, {"Authorization": "token t"}, None, lambda _seconds: asyncio.sleep(0))
    yield made
    jp_asyncio_loop.run_until_complete(stop())


async def take(subscriber: Subscriber, count: int = 1) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            await subscriber.wait(20)
            found += [(event.kind, event.data) for event in subscriber.pop_all()]
    return found


async def test_events_of_figures_are_passed_on(service, events):
    """As the user's; what sessions and captured plots do there, and what is no event, are not."""
    subscriber = Subscriber()
    with events.passed_on_to(subscriber):
        service.blocks.put_nowait("retry: 2000\nid: 7\n\n: heartbeat\n\n")
        service.say("session.started", {})
        service.say("figure.published", [])
        service.blocks.put_nowait("event: figure.changed\ndata: {\n\nevent: figure.deleted\n\n")
        service.blocks.put_nowait("event: figure.published\nda")
        service.blocks.put_nowait(f"ta: {json.dumps(PUBLISHED)}\n\n")
        service.say("dashboard.deleted", PUBLISHED)
        assert await take(subscriber, 3) == [
            (CONNECTED, {}), ("figure.published", PUBLISHED), ("dashboard.deleted", PUBLISHED),
        ]  # fmt: skip
    assert service.opened[0]["Authorization"] == "token t"
    assert "Last-Event-Id" not in service.opened[0]


async def test_many_streams_are_one_at_the_service(service, events):
    """Each gets every event, a later one first the sign that the service answers; the last one ends it."""
    first, second = Subscriber(), Subscriber()
    with events.passed_on_to(first):
        service.blocks.put_nowait(": heartbeat\n\n")
        await take(first)
        with events.passed_on_to(second):
            service.say("figure.deleted", PUBLISHED)
            assert await take(second, 2) == [(CONNECTED, {}), ("figure.deleted", PUBLISHED)]
            assert await take(first) == [("figure.deleted", PUBLISHED)]
    assert len(service.opened) == 1
    service.blocks.put_nowait(None)
    await until(lambda: events._following.done())
    assert len(service.opened) == 1


async def test_a_connection_that_ends_is_continued(service, events):
    """The service replays what was missed, so that nobody has to ask again."""
    subscriber = Subscriber()
    with events.passed_on_to(subscriber):
        service.say("figure.published", PUBLISHED, id=41)
        service.blocks.put_nowait(None)
        await take(subscriber, 2)
        await until(lambda: len(service.opened) == 2)
        service.say("figure.changed", PUBLISHED)
        assert await take(subscriber) == [("figure.changed", PUBLISHED)]
    assert service.opened[1]["Last-Event-Id"] == "41"


@pytest.mark.parametrize(("status", "kind"), [(503, "text/event-stream"), (200, "text/html"), (302, "text/html")])
async def test_a_service_that_is_away_is_asked_less_and_less(service, events, status, kind, monkeypatch):
    """The pauses double up to a limit; once it answers, open streams are told."""
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(events, "_sleep", note)
    subscriber = Subscriber()
    service.status, service.kind = status, kind
    with events.passed_on_to(subscriber):
        await until(lambda: len(pauses) >= 8)
        assert pauses[:8] == [2, 4, 8, 16, 32, 60, 60, 60]
        assert subscriber.pop_all() == []
        service.status, service.kind = 200, "text/event-stream"
        service.blocks.put_nowait(": heartbeat\n\n")
        assert await take(subscriber) == [(CONNECTED, {})]


async def test_an_endless_block_ends_the_connection(service, events):
    """What the service sends without an end is not kept."""
    subscriber = Subscriber()
    with events.passed_on_to(subscriber):
        service.blocks.put_nowait("data: " + "x" * 70_000)
        service.say("figure.published", PUBLISHED)
        service.blocks.put_nowait(None)
        await until(lambda: len(service.opened) == 2)
        service.say("figure.changed", PUBLISHED)
        assert ("figure.changed", PUBLISHED) in await take(subscriber, 2)
        assert not subscriber.is_closed


async def test_a_slow_stream_loses_events_and_stays_open(service, events):
    """They cannot be replayed to it, and are only a sign to look again."""
    subscriber = Subscriber()
    with events.passed_on_to(subscriber):
        for _ in range(2 * MAX_PENDING):
            service.blocks.put_nowait("event: figure.published\ndata: {}\n\n")
        await until(lambda: service.blocks.empty())
        await until(lambda: subscriber.is_half_full)
        assert not subscriber.is_closed
