"""The catalog's interface, which SQLite and PostgreSQL implement. Server process."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

from sqlalchemy.engine import Connection

from ...errors import ReadOnly
from ..call_observer import CallObserver
from ..databases import DataVersion
from .writer import Writer

P = ParamSpec("P")
T = TypeVar("T")
DISK_FULL = "The server's disk is full; nothing was changed. Free some space and try again."


class Catalog(ABC):
    """A database of figures, links and so on.

    Reads are coroutines. Changes run in threads of the catalog's own, and are durable when their future is done.

    Attributes
    ----------
    kind
        ``"sqlite"`` or ``"postgresql"``.
    has_one_writer
        Whether a transaction excludes all others, those of other processes too.
    path
        SQLite's file; None elsewhere.
    read_only_because
        Reason why the catalog cannot be written, None when it can.
    poll_seconds
        How often to compare ``data_version`` to learn about the changes of other processes, in seconds.
    """

    kind: ClassVar[str]
    has_one_writer: ClassVar[bool] = False
    path: Path | None = None
    read_only_because: str | None = None
    poll_seconds: ClassVar[float] = 0.2
    _writer: Writer

    def __init__(self) -> None:
        self.calls = CallObserver()

    @property
    @abstractmethod
    def label(self) -> str:
        """Name of the database for people, without any password."""

    @property
    @abstractmethod
    def id(self) -> str:
        """Id of the catalog, which its copies have too; for threads that may wait."""

    @abstractmethod
    def is_empty(self) -> bool:
        """Whether there are no figures, on a thread that may wait."""

    @property
    @abstractmethod
    def reader(self) -> Connection:
        """Connection for reading on the thread that opened the catalog; each statement sees the newest commit."""

    @abstractmethod
    async def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a quick query.

        Raises
        ------
        Unavailable
            When the database does not answer.
        """

    @abstractmethod
    def read_in_thread(self, work: Callable[[Connection], T]) -> Future[T]:
        """Run slow ``work`` in another thread, on a separate connection, so that it does not block the event loop."""

    @abstractmethod
    async def data_version(self) -> DataVersion:
        """Return a value that changes whenever any process commits, so that caches know when they are stale."""

    def peek_data_version(self) -> DataVersion | None:
        """Return what ``data_version`` does where the database says it at once, else None."""
        return None

    @abstractmethod
    def transact(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work`` in a transaction; called from a writer's thread. It may run again when another one interferes.

        Raises
        ------
        ReadOnly
            When the database does not accept changes.
        Unavailable
            When it does not answer.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish all changes and close the database."""

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Run ``work`` in a writer's thread; it writes by ``transact``.

        Raises
        ------
        ReadOnly
            When the catalog cannot be written; the message says why.
        """
        self.check_writable()
        return self._writer.submit(work)

    def check_writable(self) -> None:
        """Raise ``ReadOnly`` with the reason when the catalog cannot be written, ``Unavailable`` when it is closed."""
        if self.read_only_because is not None:
            raise ReadOnly(f"The store is read-only: {self.read_only_because}.")
        self._writer.check_open()

    def write(self, work: Callable[[Connection], T]) -> Future[T]:
        """Run ``work`` in a transaction of a writer's thread; the future is done after the fsync."""
        return self.submit(lambda: self.transact(work))

    def defer(self, work: Callable[[], None]) -> None:
        """Run ``work`` in a writer's thread once its queue is empty; called from such a thread."""
        self._writer.defer(work)

    def finish_deferred(self) -> None:
        """Run all deferred work now; called from a writer's thread."""
        self._writer.finish_deferred()

    def has_changed_link(self, link_id: str) -> bool:
        """Whether this process has changed or revoked a link lately, for caches that are used in an outage."""
        return False

    def announce(self, text: str) -> None:  # noqa: B027 - nothing to do where the database cannot
        """Send a text to the other processes without storing it, where the database can do so; it may be lost."""

    def watch(self, on_change: Callable[[], Any], on_announcement: Callable[[str], Any]) -> Callable[[], None]:
        """Call back, in any thread, where the database tells what other processes do.

        Parameters
        ----------
        on_change
            Called soon after another process has added events.
        on_announcement
            Called with each text that any process announces, this one too.

        Returns
        -------
        callable
            Ends it.
        """
        return lambda: None

    @contextlib.contextmanager
    def taking_turns(self, task: str) -> Iterator[bool]:
        """Claim a task while the block runs; False while another process does it."""
        yield True
