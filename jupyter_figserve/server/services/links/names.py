"""Whether the people whom a link names exist, where a directory tells. Server process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from ....errors import InvalidInput
from ..auth.directory import Directory, Lookup

_HINTS = {
    "user": "Check the spelling; a user who has never logged in there is not known yet.",
    "group": "Check the spelling, or name the people in users.",
}


async def check_names(directory: Directory, users: Iterable[str], groups: Iterable[str]) -> None:
    """Require that users and groups exist; names about which the directory cannot tell are accepted.

    Raises
    ------
    InvalidInput
        When one does not exist; the message names it.
    """
    for kind, names, find in (("user", users, directory.find_user), ("group", groups, directory.find_group)):
        for name in names:
            if (await find(name)).is_known is False:
                hint = await _suggest(name, find) or _HINTS[kind]
                raise InvalidInput(f"The JupyterHub knows no {kind} {name!r}. {hint}", code=f"unknown_{kind}")


async def _suggest(name: str, find: Callable[[str], Awaitable[Lookup]]) -> str:
    """Return a hint where the same name exists in lower case, or without the domain of a mail address."""
    for other in dict.fromkeys((name.strip().lower(), name.strip().lower().partition("@")[0])):
        if other not in ("", name) and (await find(other)).is_known:
            return f"Did you mean {other!r}?"
    return ""
