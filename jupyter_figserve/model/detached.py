"""A detached live function as the store keeps it. Any process."""

from __future__ import annotations

from dataclasses import dataclass

from .figures import Source
from .live import LiveDeclaration

KIND = "function"
"""The kind of its source."""


@dataclass(frozen=True)
class DetachedFunction:
    """The function that answers for a live figure when no kernel does.

    Parameters
    ----------
    live
        Id of the live figure.
    declaration
        Of this function; a kernel may have declared another one since.
    """

    live: str
    source: Source
    declaration: LiveDeclaration
