"""The metrics for Prometheus, and where they come from. Server process."""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....model.keys import ADMIN
from ...services.timings import STORE, add_timing
from ..context import AppContext
from ..http.private_handler import AuthenticatedHandler


class MetricsHandler(AuthenticatedHandler):
    """``/metrics``: of this process; an administrator's login, or a key with the scope ``admin``."""

    scopes = {"GET": ADMIN, "HEAD": ADMIN}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        body, content_type = self.context.monitoring.metrics.expose(self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", content_type)
        self.set_header("Vary", "Accept")
        self.finish(body)

    head = get


def connect_metrics(context: AppContext, routes: Mapping[str, str]) -> None:
    """Have the services report to the metrics.

    Parameters
    ----------
    routes
        Labels of requests by the names of the handlers' classes.
    """
    metrics, queue, live = context.monitoring.metrics, context.rendering.queue, context.live
    metrics.routes.update(routes)
    queue.meter.listener = metrics.record_render
    live.meter.listener = metrics.record_live_call

    def record_store_call(kind: str, seconds: float, is_failed: bool) -> None:
        metrics.record_store_call(kind, seconds, is_failed)
        add_timing(STORE, seconds)

    context.store.catalog.calls.listener = context.blob_cache.calls.listener = record_store_call
    context.traffic.loop.listener = metrics.record_lag
    metrics.add_gauge("renders_running", "Renders under way.", lambda: queue.running)
    metrics.add_gauge("renders_waiting", "Renders that wait for their turn.", lambda: queue.waiting)
    metrics.add_gauge("live_agents", "Kernels whose agents are connected.", lambda: live.registry.connected)
    for name, cache in (
        ("blob", context.blob_cache),
        ("link", context.links),
        ("live", live),
        ("render", context.rendering),
    ):
        metrics.add_cache(name, cache)
