"""Whether PostgreSQL answers: watches statements, ends those that hang, and probes during an outage. Server process.

A database that is frozen, or behind a network that drops packets, keeps its connections open and does not answer; its
own timeouts do not help then. So a thread looks at the statements that run. When one takes long, it asks the server on
another connection. While the database is down, requests fail at once instead of waiting, until a probe succeeds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ..dialects import LOCK_SECONDS, SECONDS
from . import connections
from .errors import down

_STEPS = 5
"""Looks within the timeout: after two of them a statement is suspect, and a probe has two for its answer."""
_IDLE = "select pid from pg_stat_activity where pid = any(%s) and state <> 'active'"
_log = logging.getLogger("jupyter_figserve")


@dataclass(eq=False)
class _Statement:
    driver: Any
    since: float
    seconds: float
    was_idle: bool = False
    """Whether its server process was idle at the last probe: frozen, or its answer had just been sent."""


class Liveness:
    """Knows whether a database answers.

    Parameters
    ----------
    name
        Of the database, in messages.
    timeout
        Time in seconds within which the database must answer.
    """

    def __init__(self, engine: Engine, name: str, timeout: float) -> None:
        self._engine = engine
        self._name = name
        self._timeout = timeout
        self._step = timeout / _STEPS
        self._statements: dict[int, _Statement] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._is_suspect = False
        self._is_down = False
        self._probe: _Probe | None = None
        self._follow(engine)
        self._thread = threading.Thread(target=self._run, name="figserve-liveness", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise ``DatabaseDown`` while the database does not answer."""
        if self._is_down:
            raise down()

    def suspect(self) -> None:
        """Ask for a probe: something has failed, or taken long."""
        self._is_suspect = True

    def report_down(self) -> None:
        """Record that a new connection was refused."""
        if not self._is_down:
            _log.warning("The database %s does not answer; figserve serves what it has cached.", self._name)
        self._is_down = True
        with self._lock:
            for statement in self._statements.values():
                connections.shut(statement.driver)

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _follow(self, engine: Engine) -> None:
        """Record which statements run; a commit and a rollback run until the connection returns to the pool."""

        @sa.event.listens_for(engine, "before_cursor_execute")
        def before(connection: Connection, *rest: Any) -> None:
            options = rest[3].execution_options if rest[3] is not None else {}
            self._begin(connection, options.get(SECONDS, self._timeout))

        @sa.event.listens_for(engine, "after_cursor_execute")
        def after(connection: Connection, *_: Any) -> None:
            self._end(connection.connection.driver_connection)

        @sa.event.listens_for(engine, "commit")
        @sa.event.listens_for(engine, "rollback")
        def finish(connection: Connection) -> None:
            self._begin(connection, LOCK_SECONDS)

        @sa.event.listens_for(engine, "checkin")
        def checkin(driver: Any, _: object) -> None:
            self._end(driver)

    def _begin(self, connection: Connection, seconds: float) -> None:
        if connection.invalidated:
            # It was lost; nothing is sent for its rollback.
            return
        driver = connection.connection.driver_connection
        with self._lock:
            self._statements[id(driver)] = _Statement(driver, time.monotonic(), seconds)

    def _end(self, driver: Any) -> None:
        # With the lock, so that the connection is not closed while another thread ends it.
        with self._lock:
            self._statements.pop(id(driver), None)

    def _run(self) -> None:
        while not self._closed.wait(self._step):
            try:
                self._look()
            except Exception:
                _log.exception("figserve could not look after the database")

    def _look(self) -> None:
        now = time.monotonic()
        with self._lock:
            running = list(self._statements.values())
        for statement in running:
            if now - statement.since >= statement.seconds:
                self._end_hanging(statement)
        late = [statement for statement in running if now - statement.since >= self._step]
        if late or self._is_suspect or self._is_down:
            self._is_suspect = False
            self._ask(late)

    def _ask(self, late: Collection[_Statement]) -> None:
        """Probe the database; end statements of which it has not heard twice: their server process is frozen."""
        if self._probe is None or self._probe.done.is_set():
            self._probe = _Probe(self._engine, [pid for s in late if (pid := _find_process(s.driver)) is not None])
        probe = self._probe
        if not probe.done.wait(2 * self._step) or probe.idle is None:
            self.report_down()
            return
        if self._is_down:
            _log.warning("The database %s answers again.", self._name)
        self._is_down = False
        for statement in late:
            is_idle = _find_process(statement.driver) in probe.idle
            if is_idle and statement.was_idle:
                self._end_hanging(statement)
            statement.was_idle = is_idle

    def _end_hanging(self, statement: _Statement) -> None:
        with self._lock:
            if self._statements.get(id(statement.driver)) is statement:
                connections.shut(statement.driver)


def _find_process(driver: Any) -> int | None:
    """Return the id of the server's process for a connection, None when it has been closed meanwhile."""
    try:
        pid: int = driver.info.backend_pid
    except Exception:
        return None
    return pid


class _Probe:
    """One question on a new connection, in a thread: a frozen server lets even that hang.

    Attributes
    ----------
    idle
        Those of the server's processes that wait for a statement; None when the database does not answer.
    """

    def __init__(self, engine: Engine, pids: Collection[int]) -> None:
        self.done = threading.Event()
        self.idle: set[int] | None = None
        self._engine = engine
        self._pids = list(pids)
        threading.Thread(target=self._run, name="figserve-probe", daemon=True).start()

    def _run(self) -> None:
        try:
            with connections.connect(self._engine) as driver:
                self.idle = {pid for (pid,) in driver.execute(_IDLE, (self._pids,)).fetchall()}
        except Exception as error:
            _log.debug("The probe of the database failed: %s", error)
        finally:
            self.done.set()
