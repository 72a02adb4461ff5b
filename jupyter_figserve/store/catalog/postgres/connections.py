"""Connections to PostgreSQL: the pool, and single ones for probes and notifications. Server process."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ....errors import FigServeError
from ..dialects import LOCK_SECONDS

SLOW_SECONDS = 30.0
"""Time that the database may take for a slow query or a step of cleaning."""
_SPARE = 3
"""Connections beyond those of the threads: of a cleaner that takes turns, and of the thread that opened the catalog."""
# Seconds after which the server itself ends what a client has left: a statement, waiting for a lock, a transaction.
_SERVER_LIMITS = {
    "statement_timeout": SLOW_SECONDS,
    "lock_timeout": LOCK_SECONDS,
    "idle_in_transaction_session_timeout": 60.0,
}
_OF_DRIVER = {
    "connect_timeout": "2",  # libpq's minimum
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",  # milliseconds
}


class DriverMissing(FigServeError):
    """psycopg is not installed."""

    code = "driver_missing"


def make_engine(url: sa.URL, connections: int) -> Engine:
    """Return the pool of ``connections`` connections, none of which is open yet.

    Raises
    ------
    DriverMissing
        When psycopg is not installed.
    """
    _import_psycopg()
    engine = sa.create_engine(
        url,
        pool_size=connections,
        max_overflow=_SPARE,
        pool_timeout=LOCK_SECONDS,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args=_driver_options(url),
    )

    @sa.event.listens_for(engine, "connect")
    def set_limits(driver: Any, _: object) -> None:
        driver.autocommit = True
        for name, seconds in _SERVER_LIMITS.items():
            driver.execute("select set_config(%s, %s, false)", (name, f"{seconds:.0f}s"))
        driver.autocommit = False

    return engine


def connect(engine: Engine) -> Any:
    """Open a connection of psycopg beside the pool, in autocommit mode."""
    arguments, options = engine.dialect.create_connect_args(engine.url)
    own: dict[str, Any] = {**options, **_driver_options(engine.url), "autocommit": True}
    return _import_psycopg().connect(*arguments, **own)


def shut(driver: Any) -> None:
    """End a connection from another thread than the one that waits for it, which then gets an error at once."""
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(driver.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _driver_options(url: sa.URL) -> dict[str, str]:
    named = {"application_name": "jupyter_figserve", **_OF_DRIVER}
    return {name: value for name, value in named.items() if name not in url.query}


def _import_psycopg() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise DriverMissing(
            "PostgreSQL needs psycopg 3, which is not installed. Run: pip install 'jupyter_figserve[postgres]'"
        ) from error
    return psycopg
