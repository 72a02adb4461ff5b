"""Translates errors of PostgreSQL. Server process.

Source of the codes: postgresql.org/docs/current/errcodes-appendix.html.
"""

from __future__ import annotations

import sqlalchemy as sa

from ....errors import Conflict, FigServeError, InvalidInput, QuotaExceeded, ReadOnly, Unavailable

RETRY_SECONDS = 5
_INTERFERENCE = frozenset({"40001", "40P01", "23505", "23503"})
"""Serialization failure, deadlock; a row that another transaction has added, or removed, at the same time."""
_BUSY = frozenset({"55P03", "57014", "53300", "53400"})
"""Lock not available, statement cancelled by its timeout, too many connections, a limit of the configuration."""
_NO_SPACE = frozenset({"53100", "53200"})
_READ_ONLY = "25006"
_DENIED = "42501"
_REFUSALS = ("authentication failed", "does not exist", "pg_hba.conf", "no password supplied", "not permitted", "SSL")
"""Parts of the messages of connections refused because of the configuration; psycopg gives no code."""


class DatabaseDown(Unavailable):
    """The database does not answer."""

    code = "database_unavailable"


class UnusableDatabase(FigServeError):
    """The database is not one that figserve can use, or does not let it in."""

    code = "database_unusable"


class UnreachableDatabase(UnusableDatabase):
    """The database does not answer yet; it may later."""


def _code_of(error: BaseException) -> str:
    """Return the five characters of an error of PostgreSQL, "" for one of the connection."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) or ""


def is_interference(error: sa.exc.DBAPIError) -> bool:
    """Whether another transaction was in the way, so that the same work may succeed now."""
    return _code_of(error) in _INTERFERENCE


def is_disconnect(error: sa.exc.DBAPIError) -> bool:
    """Whether the connection is lost: the server has ended it, or does not answer."""
    code = _code_of(error)
    is_of_connection = isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) and not code
    return error.connection_invalidated or code.startswith(("08", "57P")) or is_of_connection


def describe_failed_start(error: sa.exc.DBAPIError, name: str) -> UnusableDatabase:
    """Return why a database cannot be used when a server starts."""
    text = reason(error)
    is_refused = any(part in text for part in _REFUSALS) or not is_disconnect(error)
    kind = UnusableDatabase if is_refused else UnreachableDatabase
    return kind(f"the database {name} cannot be used: {text}.")


def translate(error: sa.exc.DBAPIError) -> FigServeError:
    """Return an error of ours with advice. Visitors see it too, so it does not name the database."""
    code = _code_of(error)
    if is_disconnect(error):
        return down()
    if code in _BUSY:
        return Unavailable("The database is busy; nothing was changed. Try again.", retry_after=RETRY_SECONDS)
    if code in _INTERFERENCE:
        return Conflict("Something else changed this at the same time; nothing was changed. Try again.")
    if code in _NO_SPACE:
        return QuotaExceeded("The database's disk is full; nothing was changed. Free some space and try again.")
    if code in (_READ_ONLY, _DENIED):
        return ReadOnly("The database does not accept changes; nothing was changed. The server's log has the reason.")
    if isinstance(error, sa.exc.DataError):
        return InvalidInput(
            "The database cannot store this text or number: NUL characters and numbers of more than 64"
            " bits are not allowed."
        )
    return Unavailable("The database could not do this; nothing was changed. The server's log has the reason.")


def down() -> DatabaseDown:
    return DatabaseDown("The database does not answer; try again in a few seconds.", retry_after=RETRY_SECONDS)


def reason(error: BaseException) -> str:
    """Return the first line of an error's message; it names neither statements nor values."""
    text = str(getattr(error, "orig", error)).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
