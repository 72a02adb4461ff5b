"""The catalog in SQLite: reads on the event loop, writes in one thread. Server process."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ...errors import FigServeError, QuotaExceeded, ReadOnly
from ...model.open_flags import PRIVATE_FILE
from . import events, tables, transactions
from .catalog_id import find_or_make_id
from .database import DISK_FULL, Catalog
from .schema import find_schema, migrate, read_schema
from .tables import SCHEMA
from .writer import Writer

P = ParamSpec("P")
T = TypeVar("T")
MAX_CHECKED_BYTES = 256 * 2**20
"""Size up to which all pages are checked, which takes about a second per gigabyte."""
_BUSY_SECONDS = 30
_FULL_DISK = "database or disk is full"


class CatalogBroken(FigServeError):
    """The database file is damaged."""

    code = "catalog_broken"


class SqliteCatalog(Catalog):
    """A database with one connection for reading and, in the writer thread, one for writing.

    Parameters
    ----------
    path
        The SQLite file; None for a read-only catalog in memory, which stands in for a damaged one.
    shared_memory
        False on network file systems, where WAL does not work and the server holds an exclusive lock instead.
    """

    kind: ClassVar[str] = "sqlite"
    has_one_writer: ClassVar[bool] = True

    def __init__(self, path: Path | None, *, shared_memory: bool = True, read_only: bool = False) -> None:
        super().__init__()
        self.path = path
        self._engine = _make_engine(path, shared_memory=shared_memory, read_only=read_only)
        with contextlib.ExitStack() as undo:
            undo.callback(self._engine.dispose)
            try:
                self._reader = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                undo.callback(self._reader.close)
                self.schema = find_schema(self._reader, str(path)) if read_only else _prepare(self._engine, path)
                _check_pages(self._reader, path)
            except sa.exc.DatabaseError as error:
                if _is_damaged(error):
                    raise CatalogBroken(f"{path} is damaged: {error.orig}") from error
                raise
            undo.pop_all()
        driver = self._reader.connection.dbapi_connection
        assert driver is not None
        self._raw_reader: Any = driver
        self._reader_thread = ThreadPoolExecutor(1, "figserve-reader")
        self._writer = Writer()
        self._write_connection: Connection | None = None
        if read_only:
            self.read_only_because = f"{path} cannot be written"

    @property
    def label(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    @property
    def id(self) -> str:
        return self.write(find_or_make_id).result()

    @property
    def reader(self) -> Connection:
        return self._reader

    def is_empty(self) -> bool:
        return self._reader.execute(sa.select(tables.figures.c.id).limit(1)).first() is None

    async def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return query(self._reader, *args, **kwargs)

    def read_in_thread(self, work: Callable[[Connection], T]) -> Future[T]:
        if self.path is None:
            done: Future[T] = Future()
            done.set_result(work(self._reader))
            return done
        return self._reader_thread.submit(self._read, work)

    async def data_version(self) -> int:
        """Return a number that changes whenever any process commits.

        Source: sqlite.org/pragma.html#pragma_data_version.
        """
        return self._read_data_version()

    def peek_data_version(self) -> int | None:
        try:
            return self._read_data_version()
        except sqlite3.Error:
            return None

    def _read_data_version(self) -> int:
        version: int = self._raw_reader.execute("PRAGMA data_version").fetchone()[0]
        return version

    def transact(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._write_connection is None:
            self._write_connection = self._engine.connect()
        try:
            with self._write_connection.begin():
                transactions.begin(self._write_connection)
                done = work(self._write_connection, *args, **kwargs)
                events.write_pending(self._write_connection)
                return done
        except sa.exc.OperationalError as error:
            raise _translate(error) from error

    def close(self) -> None:
        self._reader_thread.shutdown(cancel_futures=True)
        self._writer.close()
        if self._write_connection is not None:
            self._write_connection.close()
        self._reader.close()
        self._engine.dispose()

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return work(connection)


def _make_engine(path: Path | None, *, shared_memory: bool, read_only: bool) -> Engine:
    if path is None:
        engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False})
        return _with_pragmas(engine, ["PRAGMA foreign_keys = ON"])
    if not read_only and not path.exists():
        # Created here with mode 0600: SQLite gives its journal files the mode of the database.
        os.close(os.open(path, PRIVATE_FILE, 0o600))
    mode = "mode=rw"
    if read_only:
        # An immutable database needs no journal, which a read-only directory cannot hold. But a journal left by a
        # killed server contains the newest figures.
        mode = "mode=ro" if _has_journal(path) else "mode=ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?{mode}"
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False),
        poolclass=sa.pool.NullPool,
    )
    pragmas = ["PRAGMA foreign_keys = ON"]
    if not read_only:
        pragmas += [f"PRAGMA journal_mode = {'WAL' if shared_memory else 'DELETE'}", "PRAGMA synchronous = FULL"]
    return _with_pragmas(engine, pragmas)


def _with_pragmas(engine: Engine, pragmas: list[str]) -> Engine:
    """Begin every transaction with the write lock: two that start by reading would deadlock."""

    @sa.event.listens_for(engine, "connect")
    def connect(driver: sqlite3.Connection, _: object) -> None:
        driver.isolation_level = None
        for pragma in pragmas:
            driver.execute(pragma).close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _prepare(engine: Engine, path: Path | None) -> int:
    """Migrate the database to this schema, or accept a newer one that supports this version; other servers wait."""
    with engine.connect() as connection, connection.begin():
        schema = read_schema(connection)
        if schema >= SCHEMA:
            return find_schema(connection, str(path))
        if schema:
            _keep_copy(path, schema)
        migrate(connection)
    return SCHEMA


def _check_pages(connection: Connection, path: Path | None) -> None:
    """Check every page, except of a very large catalog."""
    if path is None or path.stat().st_size > MAX_CHECKED_BYTES:
        return
    found = connection.execute(sa.text("PRAGMA quick_check(1)")).scalar()
    if found != "ok":
        raise CatalogBroken(f"{path} is damaged: {found}")


def _has_journal(path: Path) -> bool:
    journal = Path(f"{path}-wal")
    return journal.exists() and journal.stat().st_size > 0


def _keep_copy(path: Path | None, schema: int) -> None:
    """Copy the catalog before migrating it, by SQLite's online backup."""
    if path is None:
        return
    copy = path.with_name(f"{path.stem}-before-schema-{schema + 1}.db")
    os.close(os.open(copy, PRIVATE_FILE, 0o600))
    with contextlib.closing(sqlite3.connect(path)) as old, contextlib.closing(sqlite3.connect(copy)) as new:
        old.backup(new)


def _is_damaged(error: sa.exc.DatabaseError) -> bool:
    text = str(error.orig)
    return "malformed" in text or "not a database" in text


def _translate(error: sa.exc.OperationalError) -> FigServeError:
    text = str(error.orig)
    if _FULL_DISK in text:
        return QuotaExceeded(DISK_FULL)
    return ReadOnly(f"The store could not be written ({text}); nothing was changed. Try again.", retry_after=5)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[SqliteCatalog]:
    """Open a catalog while the block runs."""
    catalog = SqliteCatalog(path)
    try:
        yield catalog
    finally:
        catalog.close()
