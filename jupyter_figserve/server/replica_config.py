"""Settings of servers that serve the same figures side by side. Server process."""

from __future__ import annotations

from traitlets import Unicode
from traitlets.config import Configurable

from .services.auth.rate_limits import RateStorage


class ReplicaConfig(Configurable):
    """What several servers behind one address share beside the catalog and the blobs."""

    rate_storage = Unicode(
        "",
        help="Where rates are counted, if several servers share one address: redis://host:6379 counts for all of them"
        " together (pip install jupyter_figserve[redis]). Empty: each server counts on its own, so that N servers allow"
        " N times the rate.",
    ).tag(config=True)

    def make_rate_storage(self) -> RateStorage:
        return RateStorage(self.rate_storage)
