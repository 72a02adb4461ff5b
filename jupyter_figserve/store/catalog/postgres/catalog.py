"""The catalog in PostgreSQL: reads and writes in threads, on a pool of connections. Server process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar, Concatenate, ParamSpec, Self, TypeVar

import sqlalchemy as sa
from cachetools import TTLCache
from sqlalchemy.engine import Connection

from ....errors import InvalidInput, Unavailable
from ...databases import PostgresSettings, describe_url, parse_url
from .. import events, tables, transactions
from ..database import Catalog
from ..dialects import SECONDS
from ..writer import Writer
from .connections import SLOW_SECONDS, make_engine
from .errors import describe_failed_start, down, is_disconnect, is_interference, reason, translate
from .listener import Listener
from .liveness import Liveness
from .preparing import describe_server, prepare, read_id
from .shared_read import SharedRead

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger("jupyter_figserve")
_MAX_ANNOUNCEMENT_BYTES = 7_900
"""PostgreSQL takes less than 8,000."""
_MAX_READS = 1_000
_ATTEMPTS = 6
_PAUSE = 0.01
_MAX_CHANGED_LINKS, _CHANGED_LINK_SECONDS = 65_536, 900.0
_SNAPSHOT = sa.text("select cast(pg_current_snapshot() as text)")
_TAKE_TURN = sa.text("select pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
_FAILURES = (sa.exc.DBAPIError, sa.exc.PendingRollbackError, sa.exc.TimeoutError)
"""What SQLAlchemy raises for the database, the second when a connection was lost before its transaction ended."""
_TURN_SECONDS = sa.text("set local idle_in_transaction_session_timeout = '15min'")


class PostgresCatalog(Catalog):
    """A database that several servers share; all requests fail until it is opened and admitted."""

    kind: ClassVar[str] = "postgresql"
    poll_seconds: ClassVar[float] = 2.0

    def __init__(self, settings: PostgresSettings) -> None:
        super().__init__()
        url = parse_url(settings.url)
        self._name = describe_url(url)
        self._timeout = settings.timeout
        self._engine = make_engine(url, settings.connections)
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._version, self._id = "PostgreSQL", ""
        self._refusal: Callable[[], Unavailable] | None = down
        self._liveness = Liveness(self._engine, self._name, settings.timeout)
        writers = max(1, settings.connections // 4)
        self._writer = Writer(writers)
        self._readers = ThreadPoolExecutor(max(1, settings.connections - writers - 1), "figserve-reader")
        self._slow_reader = ThreadPoolExecutor(1, "figserve-slow-reader")
        self._reader: Connection | None = None
        self._listeners: list[Listener] = []
        self._changed_links: TTLCache[str, bool] = TTLCache(_MAX_CHANGED_LINKS, _CHANGED_LINK_SECONDS)
        self._reads = 0
        self._version_read = SharedRead(lambda: self.read(_read_snapshot))

    @classmethod
    def opened(cls, settings: PostgresSettings) -> Self:
        """Return a catalog that is open, for a command.

        Raises
        ------
        FigServeError
            When the database cannot be reached or used; the message says why, without the password.
        """
        catalog = cls(settings)
        try:
            catalog.open()
        except BaseException:
            catalog.close()
            raise
        catalog.admit()
        return catalog

    def open(self) -> None:
        """Connect and prepare the tables.

        Raises
        ------
        UnreachableDatabase
            When the database does not answer, so that it can be tried again.
        FigServeError
            When it cannot be used; the message says why, without the password.
        """
        try:
            self.schema = prepare(self._engine, self._name)
            self._version = describe_server(self._engine)
            self._id = read_id(self._engine)
        except sa.exc.DBAPIError as error:
            raise describe_failed_start(error, self._name) from error

    def admit(self) -> None:
        """Let requests in."""
        self._refusal = None

    def refuse(self, refusal: Callable[[], Unavailable]) -> None:
        """Let requests fail with what ``refusal`` returns."""
        self._refusal = refusal

    @property
    def label(self) -> str:
        return f"{self._version} at {self._name}"

    @property
    def id(self) -> str:
        return self._id

    @property
    def reader(self) -> Connection:
        if self._reader is None:
            self._reader = self._reading.connect().execution_options(**{SECONDS: SLOW_SECONDS})
        return self._reader

    def is_empty(self) -> bool:
        with self._reading.connect() as connection:
            return connection.execute(sa.select(tables.figures.c.id).limit(1)).first() is None

    async def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._check()
        if self._reads >= _MAX_READS:
            raise Unavailable("The server is busy; try again in a few seconds.", retry_after=5)
        self._reads += 1
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(
                    self._readers.submit(self._read, self._timeout, lambda c: query(c, *args, **kwargs))
                )
        except TimeoutError:
            self._liveness.suspect()
            raise down() from None
        finally:
            self._reads -= 1

    def read_in_thread(self, work: Callable[[Connection], T]) -> Future[T]:
        self._check()
        return self._slow_reader.submit(self._read, SLOW_SECONDS, work)

    async def data_version(self) -> str:
        """Return which transactions are visible; the same value means that nothing has changed, in any process.

        Requests that come at the same time share a query, which begins after them.

        Source: postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT.
        """
        return await self._version_read.get()

    def transact(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            self._check()
            is_committing = False
            try:
                with self._engine.connect() as connection, connection.begin():
                    changes = transactions.begin(connection)
                    done = work(connection, *args, **kwargs)
                    events.write_pending(connection)
                    is_committing = True
                self._changed_links.update(dict.fromkeys(changes.links, True))
                return done
            except (*_FAILURES, UnicodeEncodeError) as error:
                if attempt == _ATTEMPTS or not self._can_try_again(error, is_committing):
                    raise self._fail(error, is_committing) from error
            time.sleep(random.uniform(0, _PAUSE * 2**attempt))
        raise AssertionError

    def has_changed_link(self, link_id: str) -> bool:
        return link_id in self._changed_links

    def announce(self, text: str) -> None:
        if len(text.encode()) <= _MAX_ANNOUNCEMENT_BYTES:
            self.submit(lambda: self.transact(events.notify, text)).add_done_callback(_ignore)

    def watch(self, on_change: Callable[[], Any], on_announcement: Callable[[str], Any]) -> Callable[[], None]:
        listener = Listener(self._engine, on_change, on_announcement)
        self._listeners.append(listener)

        def stop() -> None:
            self._listeners.remove(listener)
            listener.close()

        return stop

    @contextlib.contextmanager
    def taking_turns(self, task: str) -> Iterator[bool]:
        self._check()
        try:
            with self._engine.connect() as connection, connection.begin():
                connection.execute(_TURN_SECONDS)
                yield bool(connection.execute(_TAKE_TURN, {"name": f"figserve task {task}"}).scalar())
        except _FAILURES as error:
            raise self._fail(error) from error

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        self._writer.close()
        self._readers.shutdown(cancel_futures=True)
        self._slow_reader.shutdown(cancel_futures=True)
        if self._reader is not None:
            self._reader.close()
        self._liveness.close()
        self._engine.dispose()

    def _check(self) -> None:
        """Raise while the database does not answer, or must not be used."""
        if self._refusal is not None:
            raise self._refusal()
        self._liveness.check()

    def _read(self, seconds: float, query: Callable[[Connection], T]) -> T:
        """Run a query in this thread; again, when the connection was lost since its last use."""
        for is_last in (False, True):
            self._check()
            try:
                with self._reading.connect().execution_options(**{SECONDS: seconds}) as connection:
                    return query(connection)
            except (*_FAILURES, UnicodeEncodeError) as error:
                if is_last or not _is_lost(error):
                    raise self._fail(error) from error
        raise AssertionError

    def _can_try_again(self, error: Exception, is_committing: bool) -> bool:
        is_interfered = isinstance(error, sa.exc.DBAPIError) and is_interference(error)
        return is_interfered or (_is_lost(error) and not is_committing)

    def _fail(self, error: Exception, is_committing: bool = False) -> Exception:
        """Return the error for the caller; one of the connection also means that the database may be down."""
        if isinstance(error, sa.exc.TimeoutError):
            return Unavailable("The server's connections to the database are busy; try again.", retry_after=5)
        if isinstance(error, UnicodeEncodeError):
            return InvalidInput("The text contains an unpaired surrogate, which is not a character; remove it.")
        if _is_lost(error):
            self._liveness.suspect()
            if is_committing:
                unknown = "The database stopped answering; whether the change was made is unknown. Look, or repeat it."
                return Unavailable(unknown, code="database_unavailable", retry_after=5)
            return down()
        assert isinstance(error, sa.exc.DBAPIError)
        _log.warning("The database %s: %s", self._name, reason(error))
        return translate(error)


def _ignore(announced: Future[None]) -> None:
    """Retrieve a failure, which asyncio would log: what an outage loses here does not matter."""
    if not announced.cancelled():
        announced.exception()


def _is_lost(error: Exception) -> bool:
    """Whether the connection is lost."""
    is_left = isinstance(error, sa.exc.PendingRollbackError)
    return is_left or (isinstance(error, sa.exc.DBAPIError) and is_disconnect(error))


def _read_snapshot(connection: Connection) -> str:
    return str(connection.execute(_SNAPSHOT).scalar_one())
