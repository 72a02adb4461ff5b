"""Usage of owners and sessions, and the quotas that bound it. Any process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Quota:
    """Maximum number of figures and bytes of one owner or session; None is unlimited."""

    figures: int | None = None
    bytes: int | None = None

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, int]) -> Quota:
        """Read a trait's ``{"figures": …, "bytes": …}``; missing or 0 is unlimited."""
        return cls(mapping.get("figures") or None, mapping.get("bytes") or None)


UNLIMITED = Quota()


@dataclass(frozen=True)
class Usage:
    """Number of figures, and the bytes of all that is stored for them."""

    figures: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class PublishLimits:
    """Limits on publishing.

    Parameters
    ----------
    keep_versions
        Maximum number of versions of one figure, not counting those that a link or a dashboard shows; 0 keeps all.
    """

    owner_quota: Quota = UNLIMITED
    session_quota: Quota = UNLIMITED
    keep_versions: int = 20
