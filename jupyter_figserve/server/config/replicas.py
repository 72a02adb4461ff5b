"""Settings of servers that serve the same figures side by side. Server process."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tornado.ioloop import IOLoop
from traitlets import TraitError, Unicode, validate
from traitlets.config import Configurable

from ...store.store import Store
from ..services.auth.rate_limits import FailedAttempts, RateLimiter, RateLimiters, RateStorage
from ..services.auth.signing import QuerySigner
from ..services.auth.signing_secrets import MIN_LENGTH, read_secrets
from ..services.events.event_broker import EventBroker
from ..services.live.backends.replica_signer import ReplicaSigner
from ..services.live.kernel_redraws import KernelRedraws
from ..services.live.replicas import Replicas


class ReplicaConfig(Configurable):
    """What several servers behind one address share beside the catalog and the blobs."""

    rate_storage = Unicode(
        "",
        help="Where rates are counted, if several servers share one address: redis://host:6379 counts for all of them"
        " together (pip install 'jupyter_figserve[redis]'). Empty: each server counts on its own, so that N servers"
        " allow N times the rate.",
    ).tag(config=True)

    replica_url = Unicode(
        "",
        help="Address at which the other servers on the same catalog reach this one, such as"
        " http://10.0.0.5:8890/services/figserve; they pass on requests for live figures and redraws whose kernels are"
        " connected here. Empty: this is the only server.",
    ).tag(config=True)

    live_bytes: int
    failed_secret_rate: str
    live_link_rate: str
    rate_limit: str
    on_stop: Any
    log: Any

    @validate("replica_url")
    def _check_replica_url(self, proposal: Any) -> str:
        url = str(proposal["value"]).rstrip("/")
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query):
            raise TraitError(f"FigServe.replica_url must be an http or https URL, not {url!r}.")
        return url

    def read_signing_secrets(self, store: Store) -> list[str]:
        """Return the secrets, newest first, with a warning where one may be guessed."""
        found = read_secrets(store.directory)
        if min(map(len, found)) < MIN_LENGTH:
            self.log.warning(
                "A signing secret of figserve has fewer than %d characters and may be guessed. Make one with"
                " `openssl rand -hex 32`.",
                MIN_LENGTH,
            )
        return found

    def make_replicas(
        self, store: Store, redraws: KernelRedraws, events: EventBroker, signer: QuerySigner
    ) -> Replicas | None:
        """Return what shares the kernels' lines with the other servers; None where there are none."""
        if not self.replica_url:
            return None
        url = self.replica_url
        replicas = Replicas(store, redraws, events, ReplicaSigner(signer, lambda: store.clock()), url, self.live_bytes)
        IOLoop.current().add_callback(replicas.open)
        self.on_stop(replicas.close)
        return replicas

    def make_rate_limiters(self) -> RateLimiters:
        storage = RateStorage(self.rate_storage)
        return RateLimiters(
            FailedAttempts(self.failed_secret_rate, storage),
            RateLimiter(self.live_link_rate, "This link has reached its rate limit", "live_link_rate", storage),
            RateLimiter(self.rate_limit, "Too many renders (FigServe.rate_limit)", "too_many_renders", storage),
        )
