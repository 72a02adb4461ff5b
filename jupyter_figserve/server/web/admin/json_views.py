"""Owners and their links as JSON for administrators. Server process."""

from __future__ import annotations

from typing import Any

from ....model.owners import OwnerUsage, OwnQuota
from ....model.quotas import Quota
from ....model.times import rfc3339
from ...services.links.listing import DescribedLink
from ..links.json_views import listed_link_json


def owner_json(usage: OwnerUsage, default: Quota) -> dict[str, Any]:
    """Return an owner; ``quota`` is the one in force, ``own_quota`` what an administrator set."""
    own = usage.own_quota
    return {
        "owner": usage.owner,
        "figures": usage.figures,
        "bytes": usage.bytes,
        "dashboards": usage.dashboards,
        "links": usage.links,
        "updated": rfc3339(usage.updated),
        "quota": dict(own.apply(default).__dict__),
        "departed": rfc3339(usage.departed),
        "own_quota": None if own == OwnQuota() else dict(own.__dict__),
    }


def described_link_json(item: DescribedLink) -> dict[str, Any]:
    return listed_link_json(item) | {"owner": item.owner}
