"""Servers on one SQLite catalog whose threads do one thing at a time, in an order that a seed decides.

Blobs are a dictionary; transactions, writes of blobs and steps of the cleaning wait until the schedule comes to them.
A transaction may fail at its end, or be undone and run again, as with PostgreSQL.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.store.admin import opening
from jupyter_figserve.store.files.blobs import SHARDS, BlobStore
from jupyter_figserve.store.files.manifest_formats import Manifests
from jupyter_figserve.store.store import Store, StoreSettings

from .making import FakeClock

Job = Callable[[], None]
_HOPS = 20
"""Turns of the event loop in which everything that can go on has gone on."""


class Undone(Exception):
    """The first run of a transaction is undone."""


class Step(threading.Thread):
    """Work in a thread, which runs only while the schedule waits for it: until it waits itself, or has ended."""

    def __init__(self, work: Callable[[], Any], result: Future[Any]) -> None:
        super().__init__(daemon=True)
        self._work, self._result, self._outcome = work, result, Future[Any]()
        self._is_still = threading.Event()

    def run(self) -> None:
        try:
            self._outcome.set_result(self._work())
        except Exception as error:
            self._outcome.set_exception(error)
        self._is_still.set()

    def begin(self) -> None:
        self.start()
        self._await()

    def wait(self) -> None:
        """Note, in this thread, that it is about to wait."""
        self._is_still.set()

    def go_on(self, complete: Job) -> None:
        """Give it what it waits for."""
        self._is_still.clear()
        complete()
        self._await()

    def _await(self) -> None:
        self._is_still.wait()
        if self._outcome.done() and not self._result.done():
            error = self._outcome.exception()
            if error is None:
                self._result.set_result(self._outcome.result())
            else:
                self._result.set_exception(error)


class Server:
    """One of the servers, with its own writer and its own view of the blobs."""

    def __init__(self, schedule: Schedule, directory: Path, settings: StoreSettings) -> None:
        self.schedule = schedule
        self.writes: deque[Job] = deque()
        self.jobs: list[Job] = []
        self.deferred: list[Job] = []
        self.tasks: dict[asyncio.Task[None], None] = {}
        self.waiting: dict[Future[Any], Step] = {}
        self.is_dead = False
        self.blobs = ScheduledBlobs(self)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(opening, "open_files", lambda *_: (self.blobs, Manifests.below(directory)))
            self.store: Store = opening.open_store(directory, clock=schedule.clock, **settings)
        self.store.catalog._writer.close()
        self.store.catalog._writer = ScheduledWriter(self)
        # Nothing that is killed here loses power.
        self.store.catalog._write_connection.connection.driver_connection.execute("pragma synchronous = off")
        self._really_transact = self.store.catalog.transact
        self.store.catalog.transact = self._transact

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin something that a client has requested."""
        task = self.schedule.loop.create_task(work)
        self.tasks[task] = None
        task.add_done_callback(self.tasks.pop)
        self.schedule.loop.servers[task] = self

    def choices(self) -> list[Job]:
        """What can be done next: the writer keeps the order, and defers some work until it has nothing else."""
        found = list(self.jobs)
        if self.writes:
            found.append(self.writes[0])
        elif self.deferred:
            found.append(self.deferred[0])
        return found

    def do(self, job: Job) -> None:
        if self.writes and self.writes[0] is job:
            self.writes.popleft()
        else:
            (self.deferred if job in self.deferred else self.jobs).remove(job)
        job()

    def kill(self) -> None:
        """End it without any cleaning up."""
        self.is_dead = True
        for work in (self.writes, self.jobs, self.deferred):
            work.clear()
        while self.waiting:
            future, step = self.waiting.popitem()
            step.go_on(partial(future.set_exception, Unavailable("The server was killed.")))
        for task in list(self.tasks):
            task.cancel()

    def _transact(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        def run_and_fail(*arguments: Any) -> None:
            work(*arguments, **kwargs)
            raise Undone

        fate = self.schedule.random.random()
        if fate < self.schedule.trouble:
            try:
                self._really_transact(run_and_fail, *args)
            except Undone:
                if fate < self.schedule.trouble / 2:
                    raise Unavailable("The commit failed.") from None
            self.schedule.write_blobs()
        return self._really_transact(work, *args, **kwargs)


class ScheduledWriter:
    """A writer whose thread is the schedule."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def submit(self, work: Callable[[], Any]) -> Future[Any]:
        self.check_open()
        future: Future[Any] = Future()
        thread = threading.current_thread()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                complete = partial(future.set_result, work())
            except Exception as error:
                complete = partial(future.set_exception, error)
            if isinstance(thread, Step):
                del self._server.waiting[future]
                thread.go_on(complete)
            else:
                complete()

        self._server.writes.append(run)
        if isinstance(thread, Step):
            self._server.waiting[future] = thread
            thread.wait()
        return future

    def check_open(self) -> None:
        if self._server.is_dead:
            raise Unavailable("The server was killed.")

    def defer(self, work: Job) -> None:
        def run() -> None:
            try:
                work()
            except Unavailable:
                self.defer(work)

        self._server.deferred.append(run)

    def finish_deferred(self) -> None:
        while self._server.deferred:
            self._server.do(self._server.deferred[0])

    def close(self) -> None:
        """Nothing has to end."""


class ScheduledBlobs(BlobStore):
    """A dictionary that all servers have; what one writes is there when the schedule comes to it, or at once."""

    location = "memory"
    is_local = True

    def __init__(self, server: Server) -> None:
        self._server, self._schedule = server, server.schedule

    def start_put(self, digest: str, data: bytes) -> Future[bool]:
        future: Future[bool] = Future()
        if self._server.is_dead:
            future.set_exception(Unavailable("The server was killed."))
            return future

        def run() -> None:
            if future.set_running_or_notify_cancel():
                is_new = digest not in self._schedule.held
                if is_new:
                    self._schedule.held[digest] = data, self._schedule.clock()
                future.set_result(is_new)

        if self._schedule.random.random() < 0.5:
            run()
        else:
            self._server.jobs.append(run)
            self._schedule.puts.append((self._server, run))
        return future

    def start_find(self, digest: str, start: int = 0, end: int | None = None) -> Future[bytes | None]:
        future: Future[bytes | None] = Future()
        found = self._schedule.held.get(digest)
        future.set_result(None if found is None else found[0][start:end])
        return future

    def find_missing(self, digests: Collection[str]) -> set[str]:
        return set(digests) - self._schedule.held.keys()

    def delete(self, *digests: str) -> None:
        self._schedule.write_blobs()
        for digest in digests:
            self._schedule.held.pop(digest, None)
        self._schedule.write_blobs()

    def delete_old(self, digests: Collection[str], before: float) -> None:
        held = self._schedule.held
        self._schedule.write_blobs()
        self.delete(*(digest for digest in digests if digest in held and held[digest][1] < before))

    def list_shard(self, shard: int) -> Iterator[tuple[str, float]]:
        return iter(
            [(d, written) for d, (_, written) in self._schedule.held.items() if int(d[:2], 16) == shard % SHARDS]
        )

    def prepare(self) -> None:
        """Nothing has to be there."""

    def close(self) -> None:
        """There are no threads."""


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose threads wait for the schedule."""

    def __init__(self) -> None:
        super().__init__()
        self.servers: dict[asyncio.Task[Any] | None, Server] = {}

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        result: Future[Any] = Future()
        step = Step(lambda: func(*args), result)
        self.servers[asyncio.current_task(self)].jobs.append(lambda: step.begin())
        return asyncio.wrap_future(result, loop=self)


class Schedule:
    """Chooses what happens next.

    Parameters
    ----------
    trouble
        Part of the transactions that fail, or run twice.
    """

    def __init__(self, seed: int, clock: FakeClock, trouble: float = 0.2) -> None:
        self.random = random.Random(seed)
        self.clock = clock
        self.trouble = trouble
        self.held: dict[str, tuple[bytes, float]] = {}
        self.puts: list[tuple[Server, Job]] = []
        self.servers: list[Server] = []
        self._haste: dict[Job, float] = {}
        """How likely each thing is done next: some wait until much else has been done."""
        self.loop = Loop()

    def open(self, directory: Path, **settings: Any) -> Server:
        server = Server(self, directory, settings)
        self.servers.append(server)
        return server

    def step(self) -> bool:
        """Do one thing, and all that follows at once on the event loop; return False when nothing is left."""
        found = [(server, job) for server in self.servers for job in server.choices()]
        if found:
            weights = [self._haste.setdefault(job, 1_000.0 ** self.random.random()) for _, job in found]
            [(server, job)] = self.random.choices(found, weights)
            del self._haste[job]
            server.do(job)
        self.turn()
        return bool(found)

    def finish(self) -> None:
        """Do all that is left."""
        self.turn()
        while self.step():
            pass

    def turn(self) -> None:
        async def wait() -> None:
            for _ in range(_HOPS):
                await asyncio.sleep(0)

        self.loop.run_until_complete(wait())

    def write_blobs(self) -> None:
        """Do some of what other threads write in the middle of a transaction."""
        for server, run in list(self.puts):
            if run in server.jobs and self.random.random() < 0.3:
                server.do(run)
        self.puts = [(server, run) for server, run in self.puts if run in server.jobs]

    def close(self) -> None:
        for server in self.servers:
            server.kill()
        self.turn()
        for server in self.servers:
            server.store.close()
        self.loop.close()
