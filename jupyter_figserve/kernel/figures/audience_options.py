"""Whom a link is for, as the arguments of ``share()``. Kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...errors import InvalidInput
from ...model.audiences import parse_audience


def audience_options(audience: str | None, users: Iterable[str], groups: Iterable[str]) -> dict[str, Any]:
    """Return whom a link is for, as fields of the request for it.

    Raises
    ------
    InvalidInput
        When there is no such audience, or a name is given in place of a list of names.
    """
    if audience is not None:
        parse_audience(audience)
    return {"audience": audience, "users": list_names(users, "users"), "groups": list_names(groups, "groups")}


def list_names(names: Iterable[str], argument: str) -> list[str]:
    """Return the names of users or groups.

    Raises
    ------
    InvalidInput
        ``names`` is a string; its characters are not names.
    """
    if isinstance(names, str):
        raise InvalidInput(f"{argument} must be a list of names, such as [{names!r:.60}].")
    return list(names)
