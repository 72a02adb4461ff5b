"""Audiences of links: the people that a link is for, from the narrowest to the widest. Any process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import InvalidInput
from .texts import validate_single_line

ME, PEOPLE, HUB, LINK = AUDIENCES = ("me", "people", "hub", "link")
"""Only the owner; named users and groups; everyone who may log in to the JupyterHub; anyone with the address."""
USER, GROUP = "user", "group"
MAX_PEOPLE = 500
"""Maximum number of users, and of groups, that one link names."""
MAX_PERSON_LENGTH = 255
"""Maximum length of the name of a user or group, which is that of a JupyterHub."""
_NAMES = ", ".join(f'"{name}"' for name in AUDIENCES[:-1]) + f' or "{LINK}"'


def narrower(one: str, other: str) -> str:
    """Return the narrower of two audiences; an unknown one, of a newer version of this package, is ``ME``."""
    return min(one, other, key=_rank)


def is_wider(one: str, other: str) -> bool:
    """Whether an audience reaches more people than another."""
    return _rank(one) > _rank(other)


def parse_audience(value: object) -> str:
    """Return an audience, or raise ``InvalidInput``."""
    if not isinstance(value, str) or value not in AUDIENCES:
        raise InvalidInput(f"audience must be {_NAMES}.")
    return str(value)


def parse_people(value: object, field: str) -> tuple[str, ...]:
    """Return the names of users or groups in order; None is an empty list.

    Parameters
    ----------
    field
        ``"users"`` or ``"groups"``, for the message.

    Raises
    ------
    InvalidInput
        When it is not a list of names, or one too long.
    """
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise InvalidInput(f'{field} must be a list of names, such as ["ada"].')
    if len(value) > MAX_PEOPLE:
        raise InvalidInput(f"{field} has {len(value):,} names; at most {MAX_PEOPLE} are possible.")
    return tuple(sorted({_parse_person(name, field) for name in value}))


def describe_audience(audience: str, users: Sequence[str], groups: Sequence[str]) -> str:
    """Return whom a link is for, as a phrase that follows "for"."""
    if audience == PEOPLE:
        return _join_names([*users, *(f"group {name}" for name in groups)]) or "nobody yet"
    return {HUB: "everyone on this hub", LINK: "anyone with the link"}.get(audience, "you only")


def _join_names(names: Iterable[str]) -> str:
    *rest, last = list(names) or [""]
    return f"{', '.join(rest)} and {last}" if rest else last


def _parse_person(value: Any, field: str) -> str:
    name = validate_single_line(value, field, MAX_PERSON_LENGTH).strip()
    if not name:
        raise InvalidInput(f"{field} contains an empty name.")
    return name


def _rank(audience: str) -> int:
    return AUDIENCES.index(audience) if audience in AUDIENCES else 0
