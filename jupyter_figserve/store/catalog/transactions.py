"""What a transaction has to tell others when it is committed. Server process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Connection

_KEY = "figserve_transaction"


@dataclass
class Changes:
    """Changes of the transaction that runs on a connection.

    Parameters
    ----------
    events
        Rows of events, which are written last.
    links
        Ids of links that were changed or revoked.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    links: set[str] = field(default_factory=set)


def begin(connection: Connection) -> Changes:
    """Forget the changes of an earlier transaction, which may have been rolled back."""
    changes = connection.info[_KEY] = Changes()
    return changes


def changes_of(connection: Connection) -> Changes:
    found: Changes | None = connection.info.get(_KEY)
    return begin(connection) if found is None else found
