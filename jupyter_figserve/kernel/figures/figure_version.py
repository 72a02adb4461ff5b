"""A version in a figure's history. Kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class FigureVersion:
    """A version of a figure, as ``Published.versions`` lists them.

    Parameters
    ----------
    number
        Counted from 1.
    created
        Time of its publication, in UTC.
    title, alt, caption
        Its texts; ``""`` for none.
    session
        Id of the kernel that published it; None for another program.
    """

    number: int
    created: datetime
    title: str
    alt: str
    caption: str
    session: str | None

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> FigureVersion:
        """Read an entry of the server's list."""
        created = datetime.fromisoformat(entry["created"])
        texts = {name: entry.get(name) or "" for name in ("title", "alt", "caption")}
        return cls(entry["version"], created, **texts, session=entry.get("session"))
