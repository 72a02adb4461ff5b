"""Two servers on one catalog, in many orders: nothing that was acknowledged is lost, and nothing refused is left."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from jupyter_figserve.errors import Conflict, FigServeError, NotFound, QuotaExceeded
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.queries import FigureQuery
from jupyter_figserve.model.quotas import PublishLimits, Quota
from jupyter_figserve.store.admin.opening import CATALOG
from jupyter_figserve.store.lifecycle.garbage_collection import BLOB_GRACE
from jupyter_figserve.store.repositories import blob_writer

from ..catalogs import make_data_directory
from .making import FakeClock, assert_sound, draft
from .schedules import Schedule, Server

pytestmark = pytest.mark.sqlite
DAY = 86_400.0
QUICK, SLOW = b"one", b"large one"
"""Written while the transaction runs, and before it."""
LIMITS = PublishLimits(owner_quota=Quota(figures=2, bytes=20))
ROUNDS, STEPS = 4, 25
_KINDS = "publish publish publish delete delete restore clean clean clean leave wait".split()


class Clients:
    """Requests of several clients, and what they were told."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.acknowledged: dict[tuple[str, int], str] = {}
        """Digests by figure and version."""
        self.figures: set[str] = set()
        self.deleted: set[str] = set()
        """Figures that somebody wanted to delete."""

    def request(self, server: Server) -> None:
        """Begin something, or leave, or let time go by."""
        random, figures = self.schedule.random, sorted(self.figures)
        kind = random.choice(_KINDS)
        if kind == "publish":
            server.start(self._publish(server, random.choice("abc"), random.choice((QUICK, SLOW))))
        elif kind in ("delete", "restore") and figures:
            server.start(getattr(self, f"_{kind}")(server, random.choice(figures)))
        elif kind == "clean":
            server.start(self._clean(server, random.choice((QUICK, SLOW))))
        elif kind == "leave" and server.tasks:
            random.choice(list(server.tasks)).cancel()
        elif kind == "wait":
            # No publish takes as long as the grace.
            self.schedule.clock.turn(BLOB_GRACE / 100)

    def leave_garbage(self, server: Server) -> None:
        """Have figures published and deleted long ago: others publish the same while it is cleaned away."""
        for data in (QUICK, SLOW):
            server.start(self._publish(server, "garbage", data))
            self.schedule.finish()
        for figure in sorted(self.figures - self.deleted):
            server.start(self._delete(server, figure))
        self.schedule.finish()
        self.schedule.clock.turn(BLOB_GRACE + 1)

    def begin_round(self, servers: list[Server]) -> None:
        """Have cleaning meet publishes of what it removes."""
        random = self.schedule.random
        works = [(server, self._clean(server, random.choice((QUICK, SLOW)))) for server in servers]
        for name, data in (("a", QUICK), ("b", SLOW)):
            server = random.choice(servers)
            works.append((server, self._publish(server, name, data)))
        random.shuffle(works)
        for server, work in works:
            server.start(work)

    async def _publish(self, server: Server, name: str, data: bytes) -> None:
        with contextlib.suppress(FigServeError):
            record = await server.store.figures.publish(draft(name, data))
            self.acknowledged[record.id, record.version.number] = sha256_hex(data)
            self.figures.add(record.id)

    async def _delete(self, server: Server, figure: str) -> None:
        self.deleted.add(figure)
        with contextlib.suppress(FigServeError):
            await server.store.figures.delete([figure])

    async def _restore(self, server: Server, figure: str) -> None:
        with contextlib.suppress(NotFound, Conflict, QuotaExceeded, FigServeError):
            await server.store.figures.restore(figure)

    async def _clean(self, server: Server, data: bytes) -> None:
        server.store._shard = int(sha256_hex(data)[:2], 16)
        with contextlib.suppress(FigServeError):
            await server.store.collect_garbage()


def _run(seed: int, directory: Path) -> None:
    """Let clients do all they want on two servers, one of which may be killed, and check what is left."""
    schedule = Schedule(seed, FakeClock())
    clients = Clients(schedule)
    # Without undo, cleaning has more to do.
    is_undoable = seed % 4 == 3
    settings = {"limits": LIMITS, "keep_deleted": 30 * DAY if is_undoable else None}
    servers = [schedule.open(directory, **settings) for _ in range(2)]
    with contextlib.closing(schedule), contextlib.closing(sqlite3.connect(directory / CATALOG)) as catalog:
        for _ in range(ROUNDS):
            clients.leave_garbage(schedule.random.choice(servers))
            clients.begin_round(servers)
            for _ in range(STEPS):
                if schedule.random.random() < 0.5:
                    clients.request(schedule.random.choice(servers))
                if schedule.random.random() < 0.01:
                    servers[0].kill()
                    servers[0] = schedule.open(directory, **settings)
                schedule.step()
                _check_blobs(schedule, catalog)
            schedule.finish()
            _check_blobs(schedule, catalog)
        schedule.trouble = 0.0
        _check_end(schedule, clients, servers[1], is_undoable=is_undoable)


def _check_blobs(schedule: Schedule, catalog: sqlite3.Connection) -> None:
    """Whatever the catalog refers to is there at any time."""
    referenced = {digest for (digest,) in catalog.execute("select digest from blobs where refs > 0")}
    assert referenced <= schedule.held.keys()
    [(figures, size)] = catalog.execute(
        "select coalesce(sum(figures), 0), coalesce(sum(bytes), 0) from usage where kind = 'owner'"
    )
    assert figures <= LIMITS.owner_quota.figures
    assert size <= LIMITS.owner_quota.bytes


def _check_end(schedule: Schedule, clients: Clients, server: Server, *, is_undoable: bool) -> None:
    """The books are sound, each acknowledged version is there or comes back, and nothing is left once all has gone."""
    store = server.store

    async def check_versions(figure: str) -> None:
        versions = {one.number: one.representations[0].digest for one in await store.figures.list_versions(figure)}
        told = {number: digest for (one, number), digest in clients.acknowledged.items() if one == figure}
        assert told.items() <= versions.items()

    async def check_figures() -> None:
        for figure in sorted(clients.figures - clients.deleted):
            await check_versions(figure)
        await store.figures.delete(await store.figures.list_ids(FigureQuery("ann")))
        for figure in sorted(clients.figures) if is_undoable else ():
            await store.figures.restore(figure)
            await check_versions(figure)
            await store.figures.delete([figure])

    async def clean() -> None:
        for data in (QUICK, SLOW) * 2:
            store._shard = int(sha256_hex(data)[:2], 16)
            await store.collect_garbage()

    assert_sound(store)
    for work in (check_figures(), clean()):
        server.start(work)
        [task] = server.tasks
        schedule.finish()
        task.result()
        schedule.clock.turn(31 * DAY)
    assert schedule.held == {}
    assert_sound(store)


def _run_all(seeds: range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob_writer, "_QUICK_BYTES", len(QUICK))
    monkeypatch.setattr(blob_writer, "_MAX_HOLD_SECONDS", 0.0)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    for seed in seeds:
        directory = tmp_path / str(seed)
        make_data_directory(directory)
        try:
            _run(seed, directory)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


def test_nothing_acknowledged_is_lost_in_any_order(tmp_path, monkeypatch):
    """Publishes, deletions, undos and cleaning by clients that may leave, on servers that may be killed."""
    _run_all(range(6), tmp_path, monkeypatch)


@pytest.mark.nightly
def test_nothing_acknowledged_is_lost_in_many_orders(tmp_path, monkeypatch):
    """The same with other seeds."""
    _run_all(range(6, 400), tmp_path, monkeypatch)
