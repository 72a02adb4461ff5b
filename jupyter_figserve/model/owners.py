"""Owners as administrators see them: what they have, and their own quotas. Any process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidInput
from .quotas import Quota

_MAX_LIMIT = 2**62


@dataclass(frozen=True)
class OwnQuota:
    """What an administrator set for one owner.

    Parameters
    ----------
    figures, bytes
        None leaves the quota of all owners in force; 0 is unlimited.
    """

    figures: int | None = None
    bytes: int | None = None

    def apply(self, default: Quota) -> Quota:
        """Return the quota in force where ``default`` is that of all owners."""
        return Quota(_choose(self.figures, default.figures), _choose(self.bytes, default.bytes))

    @classmethod
    def from_json(cls, value: Any) -> OwnQuota:
        """Read ``{"figures": …, "bytes": …}``; null sets nothing.

        Raises
        ------
        InvalidInput
            When it is anything else.
        """
        if value is None:
            return cls()
        if not isinstance(value, Mapping) or not set(value) <= {"figures", "bytes"}:
            raise InvalidInput('quota must be null, or an object with "figures" and "bytes".')
        for name, number in value.items():
            is_number = isinstance(number, int) and not isinstance(number, bool)
            if number is not None and not (is_number and 0 <= number <= _MAX_LIMIT):
                raise InvalidInput(
                    f"quota.{name} must be a whole number, 0 for unlimited, or null for the quota of all owners."
                )
        return cls(value.get("figures"), value.get("bytes"))


@dataclass(frozen=True)
class OwnerUsage:
    """What one owner has.

    Parameters
    ----------
    bytes
        Of all versions of the figures, and of detached functions.
    updated
        When the owner last published or ran a kernel, in seconds since the epoch; None when unknown.
    departed
        When the JupyterHub was found not to know the owner any more, in seconds since the epoch; None when it does.
    """

    owner: str
    figures: int
    bytes: int
    dashboards: int
    links: int
    updated: float | None = None
    own_quota: OwnQuota = OwnQuota()
    departed: float | None = None


@dataclass(frozen=True)
class OwnerPerson:
    """Who an owner is to a JupyterHub.

    Parameters
    ----------
    created
        When the Hub created the user, as it writes the time; "" when it did not say, and None for an owner whom it
        was never seen to know.
    departed
        When the Hub was found not to know the user any more, in seconds since the epoch; None when it does.
    """

    created: str | None = None
    departed: float | None = None

    def is_same(self, created: str) -> bool:
        """Whether a user of this name, whom the Hub created then, is this person, as far as known."""
        if self.created is None:
            return True
        if self.created and created:
            return self.created == created
        return self.departed is None


def _choose(own: int | None, default: int | None) -> int | None:
    return default if own is None else own or None
