"""Who waits for a turn: the owner, programs with a key, visitors with a link. Server process."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Priority(IntEnum):
    """Classes of callers; a lower number goes first."""

    OWNER = 0
    KEY = 1
    VISITOR = 2
    BACKGROUND = 3


@dataclass(frozen=True)
class Caller:
    """A caller's class, and the share of the queue that it uses within this class.

    Parameters
    ----------
    share
        Id of a key or link, or an owner's name. The shares of a class take turns, so that none waits for all calls of
        another.
    """

    priority: Priority
    share: str = ""

    @property
    def is_visitor(self) -> bool:
        return self.priority is Priority.VISITOR

    @property
    def uses_reserved(self) -> bool:
        """Whether it may take the slots that are kept free of visitors and of background work."""
        return self.priority < Priority.VISITOR


OWNER = Caller(Priority.OWNER)
BACKGROUND = Caller(Priority.BACKGROUND)
"""Work of the server itself, which goes last and is never refused."""


def owner_caller(owner: str) -> Caller:
    """Return the caller that an owner is; the owners who use one server take turns."""
    return Caller(Priority.OWNER, owner)


def key_holder(key_id: str) -> Caller:
    return Caller(Priority.KEY, key_id)


def visitor_caller(share: str) -> Caller:
    """Return the caller behind a link or a signed URL; all its viewers share one part of the queue."""
    return Caller(Priority.VISITOR, share)
