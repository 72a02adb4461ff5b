"""The zygote's messages, read without trust: a child that has escaped might send them in its place. Server process."""

from __future__ import annotations

import errno
import json
import signal
from dataclasses import dataclass
from typing import Any

SPAWNED = "spawned"
_ENDED = ("ended", "failed")


@dataclass(frozen=True)
class ChildEvent:
    """What the zygote says about one child.

    Parameters
    ----------
    kind
        ``"spawned"``, ``"ended"``, or ``"failed"`` if there is no child.
    child
        Its number.
    status
        The exit status, negative for a signal; None where there is none.
    """

    kind: str
    child: int
    status: int | None = None


def parse_child_event(message: bytes) -> ChildEvent:
    """Return the event in a message.

    Raises
    ------
    ValueError
        It is not a message of a zygote.
    """
    values = parse_message(message)
    kind, child, status = values.get("event"), values.get("child"), values.get("status")
    if kind != SPAWNED and kind not in _ENDED:
        raise ValueError("its kind is unknown")
    if type(child) is not int or not (status is None or type(status) is int):
        raise ValueError("it has no numbers")
    return ChildEvent(kind, child, status)


def parse_message(message: bytes) -> dict[str, Any]:
    """Return the fields of a message.

    Raises
    ------
    ValueError
        It is not a JSON object.
    """
    try:
        values = json.loads(message)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(values, dict):
        raise ValueError("it is not an object")
    return values


def take_pidfd(descriptors: list[int]) -> int:
    """Take the one descriptor out of a message.

    Raises
    ------
    ValueError
        It is missing, or refers to something else than a process.
    """
    if len(descriptors) != 1:
        raise ValueError("it has no descriptor")
    try:
        signal.pidfd_send_signal(descriptors[0], 0)
    except OSError as error:
        # Others mean that the process has ended, or is another user's.
        if error.errno == errno.EBADF:
            raise ValueError("its descriptor is none of a process") from error
    return descriptors.pop()
