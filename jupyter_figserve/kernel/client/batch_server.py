"""The server of a batch run, found as the command line finds it: the user's only running one. Kernel."""

from __future__ import annotations

import logging
import os
import sys

from ...errors import FigServeError, NotConnected
from ...model.environment_variables import KERNEL_CA_VARIABLE, READ_ONLY_VARIABLE
from .client import FigServeClient
from .connection import Connection, check
from .discovery import HOW_TO_CONNECT, find_connection, find_team_connection
from .front_end import is_batch_run
from .running_servers import RunningServer, find_running_servers

_log = logging.getLogger(__name__)
_Known = tuple[tuple[RunningServer, ...], Connection | None]
_known: _Known | None = None


def get_connection() -> Connection:
    """Return the connection to publish to.

    Raises
    ------
    NotConnected
        There is none; the message says what to do.
    """
    connection = find_any_connection()
    if connection is None:
        reason = os.environ.get(READ_ONLY_VARIABLE)
        if reason:
            raise NotConnected(f"The figures of this server are read-only: {reason}", code="store_read_only")
        raise NotConnected(HOW_TO_CONNECT)
    return connection


def find_any_connection() -> Connection | None:
    """Return the connection to publish to, None if there is none.

    The first of: ``connect()``, ``FIGSERVE_URL``, the kernel's server, the server that started it, a JupyterHub's
    service; in a batch run, the user's only running server; the server of `jupyter figserve connect`.
    """
    return find_connection() or find_batch_connection() or find_team_connection()


def find_batch_connection() -> Connection | None:
    """Return the connection of a batch run to the user's only running server; None without one, or at a front end.

    Raises
    ------
    NotConnected
        There are several servers to choose from.
    """
    global _known
    if not is_batch_run():
        return None
    running = tuple(find_running_servers())
    known = _known
    if known is None or known[0] != running:
        # Without a lock, which a fork could leave locked: two threads at once would only ask twice.
        known = _known = running, _select(running)
    return known[1]


def _select(running: tuple[RunningServer, ...]) -> Connection | None:
    usable = [found for found in map(_connect, running) if found is not None]
    if len(usable) > 1:
        urls = " and ".join(connection.url for connection in usable)
        raise NotConnected(
            f"You have {len(usable)} servers running, {urls}. Set FIGSERVE_URL to the one to publish to.",
            code="several_servers",
        )
    if not usable:
        return None
    sys.stderr.write(f"figserve publishes to {usable[0].url}, {usable[0].found}.\n")
    return usable[0]


def _connect(server: RunningServer) -> Connection | None:
    """Return the connection to a server with the extension that accepts the token of its runtime file, else None."""
    if not server.token:
        return None
    ca_file = os.environ.get(KERNEL_CA_VARIABLE)
    client = FigServeClient(server.address, server.token, ca_file=ca_file)
    connection = Connection(client, f"your running server (process {server.process})")
    try:
        check(connection)
    except FigServeError as error:
        _log.debug("Your server at %s is not used: %s", server.url, error)
        return None
    return connection
