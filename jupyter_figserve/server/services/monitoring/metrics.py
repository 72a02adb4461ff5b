"""The metrics of this process, in the format of Prometheus: the one place where services report. Server process.

Labels have few values: never names, ids, addresses or tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from .... import __version__

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""Stands for unknown routes and methods, of which a client could make up any number."""
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_WORK_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_CALL_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class CountedCache(Protocol):
    """Something that counts its look-ups itself."""

    hits: int
    misses: int


class Metrics:
    """Counters, histograms and gauges in a registry of their own."""

    def __init__(self) -> None:
        self.routes: dict[str, str] = {}
        """Labels of requests by the names of their handlers' classes."""
        self._registry = CollectorRegistry()
        self._caches = _CacheCollector()
        self._registry.register(self._caches)
        self._requests = self._counter("requests", "HTTP requests.", "route", "method", "status")
        self._request_seconds = self._histogram(
            "request_duration_seconds",
            "Time from the head of a request to the end of its response, without event streams.",
            _REQUEST_SECONDS,
            "route",
        )
        self._sent = self._counter("sent_bytes", "Bytes in the bodies of responses.", "route")
        self._renders = self._counter(
            "renders", "Renders of posted code, stored figures and detached live figures.", "outcome"
        )
        self._render_wait = self._histogram("render_wait_seconds", "Time of a render in the queue.", _WORK_SECONDS)
        self._render_seconds = self._histogram(
            "render_duration_seconds", "Time of a render in the sandbox.", _WORK_SECONDS
        )
        self._live_calls = self._counter("live_calls", "Requests that call a live figure.", "outcome")
        self._live_seconds = self._histogram(
            "live_call_duration_seconds", "Time of a call of a live figure, with its wait.", _WORK_SECONDS
        )
        self._store_seconds = self._histogram(
            "store_call_duration_seconds", "Time of a call of the catalog or the blob store.", _CALL_SECONDS, "kind"
        )
        self._store_errors = self._counter("store_errors", "Failed calls of the catalog or the blob store.", "kind")
        lag = self._histogram(
            "event_loop_lag_seconds", "How late the event loop runs a timer that is due.", _REQUEST_SECONDS
        )
        self.record_lag: Callable[[float], None] = lag.observe
        self._streams = Gauge("figserve_event_streams", "Open event streams.", registry=self._registry)
        build = Gauge("figserve_build_info", "The version of this package.", ("version",), registry=self._registry)
        build.labels(__version__).set(1)
        # Looking a child up by its labels takes longer than counting.
        self._by_request: dict[tuple[str, str, int], Callable[[], None]] = {}
        self._by_route: dict[str, tuple[Histogram, Counter]] = {}

    def record_request(self, handler: str, method: str | None, status: int, seconds: float | None, size: int) -> None:
        """Count a request.

        Parameters
        ----------
        handler
            Name of the class of its handler.
        seconds
            Its time; None for an event stream, which ends when its page is closed.
        size
            Of the body that was sent, in bytes.
        """
        route = self.routes.get(handler, OTHER)
        method = method if method in METHODS else OTHER
        count = self._by_request.get((route, method, status))
        if count is None:
            count = self._by_request[route, method, status] = self._requests.labels(route, method, str(status)).inc
        count()
        found = self._by_route.get(route)
        if found is None:
            found = self._by_route[route] = self._request_seconds.labels(route), self._sent.labels(route)
        if seconds is not None:
            found[0].observe(seconds)
        if size:
            found[1].inc(size)

    def record_render(self, outcome: str, waited: float, took: float | None) -> None:
        """Count a render; ``took`` is None if it never began."""
        self._renders.labels(outcome).inc()
        self._render_wait.observe(waited)
        if took is not None:
            self._render_seconds.observe(took)

    def record_live_call(self, outcome: str, waited: float, took: float | None) -> None:
        """Count a request that called a live figure."""
        self._live_calls.labels(outcome).inc()
        self._live_seconds.observe(waited + (took or 0.0))

    def record_store_call(self, kind: str, seconds: float, is_failed: bool) -> None:
        """Count a call of the store; in any thread."""
        self._store_seconds.labels(kind).observe(seconds)
        if is_failed:
            self._store_errors.labels(kind).inc()

    def open_stream(self) -> AbstractContextManager[None]:
        """Return a context manager that counts an event stream while it is open."""
        return self._streams.track_inprogress()

    def add_gauge(self, name: str, help: str, read: Callable[[], float]) -> None:
        """Add a number that a service keeps anyway, which is read when the metrics are."""
        Gauge(f"figserve_{name}", help, registry=self._registry).set_function(read)

    def add_cache(self, name: str, cache: CountedCache) -> None:
        """Add a cache, whose hits and misses are read when the metrics are."""
        self._caches.caches[name] = cache

    def expose(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics as text, and its media type: OpenMetrics for a client that accepts it."""
        if "application/openmetrics-text" in accept:
            encode: Callable[[CollectorRegistry], bytes] = openmetrics.generate_latest
            return encode(self._registry), openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(f"figserve_{name}", help, labels, registry=self._registry)

    def _histogram(self, name: str, help: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"figserve_{name}", help, labels, buckets=buckets, registry=self._registry)


class _CacheCollector(Collector):
    """Reads the hits and misses that the caches count themselves."""

    def __init__(self) -> None:
        self.caches: dict[str, CountedCache] = {}

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily("figserve_cache_requests", "Look-ups in a cache.", labels=("cache", "result"))
        for name, cache in self.caches.items():
            family.add_metric((name, "hit"), cache.hits)
            family.add_metric((name, "miss"), cache.misses)
        yield family
