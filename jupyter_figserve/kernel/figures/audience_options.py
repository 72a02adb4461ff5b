"""Whom a link is for, as the arguments of ``share()``. Kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...model.audiences import parse_audience
from ..arguments import list_names


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
