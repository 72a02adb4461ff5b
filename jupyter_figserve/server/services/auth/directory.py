"""The users and groups that exist besides those who have logged in: a JupyterHub's. Server process.

``server/hub/directory.py`` asks a Hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Lookup:
    """What a directory says about a name.

    Parameters
    ----------
    is_known
        Whether a user or group has the name; None when the directory may not say, or does not answer.
    created
        When the user was created, as the directory writes it: another user of the same name has another one. "" when
        unknown.
    """

    is_known: bool | None
    created: str = ""


CANNOT_TELL = Lookup(None)


class Directory(Protocol):
    """Looks up users and groups by name."""

    async def find_user(self, name: str) -> Lookup: ...

    async def find_group(self, name: str) -> Lookup: ...

    async def find_abilities(self) -> dict[str, bool]:
        """Return whether it can tell about users, about groups, and when users were created."""


class NoDirectory:
    """The directory of a server without one: it knows nothing about any name."""

    async def find_user(self, name: str) -> Lookup:
        return CANNOT_TELL

    async def find_group(self, name: str) -> Lookup:
        return CANNOT_TELL

    async def find_abilities(self) -> dict[str, bool]:
        return {"users": False, "groups": False, "created": False}
