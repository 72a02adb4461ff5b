"""The metrics: what is counted, under which names and with how many labels."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from jupyter_figserve.server.services.monitoring.metrics import Metrics

from ....samples import read_samples


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return the values by name, and the values of labels in the order of the labels' names."""
    return read_samples(metrics.expose()[0].decode())


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics()
    made.routes["FiguresHandler"] = "/api/figures"
    return made


def test_requests_are_counted_by_route_method_and_status(metrics):
    """With their time and bytes by route; an event stream has no time."""
    metrics.record_request("FiguresHandler", "GET", 200, 0.004, 100)
    metrics.record_request("FiguresHandler", "GET", 200, None, 50)
    metrics.record_request("FiguresHandler", "POST", 201, 0.2, 0)
    found = samples(metrics)
    assert found["figserve_requests_total", ("GET", "/api/figures", "200")] == 2
    assert found["figserve_requests_total", ("POST", "/api/figures", "201")] == 1
    assert found["figserve_request_duration_seconds_count", ("/api/figures",)] == 2
    assert found["figserve_request_duration_seconds_bucket", ("0.005", "/api/figures")] == 1
    assert found["figserve_sent_bytes_total", ("/api/figures",)] == 150


def test_clients_cannot_add_labels(metrics):
    """Methods and routes that do not exist share one label."""
    for number in range(50):
        metrics.record_request(f"Made{number}", f"METHOD{number}", 405, 0.1, 0)
    counted = [labels for name, labels in samples(metrics) if name == "figserve_requests_total"]
    assert counted == [("other", "other", "405")]


def test_work_is_counted_by_outcome(metrics):
    """Work that never began has waited, and took no time."""
    metrics.record_render("ok", 0.5, 0.125)
    metrics.record_render("refused", 0.0, None)
    metrics.record_live_call("timeout", 2.0, None)
    metrics.record_store_call("write", 0.003, True)
    found = samples(metrics)
    assert found["figserve_renders_total", ("ok",)] == found["figserve_renders_total", ("refused",)] == 1
    assert (found["figserve_render_wait_seconds_sum", ()], found["figserve_render_wait_seconds_count", ()]) == (0.5, 2)
    assert found["figserve_render_duration_seconds_sum", ()] == 0.125
    assert found["figserve_render_duration_seconds_count", ()] == 1
    assert found["figserve_live_calls_total", ("timeout",)] == 1
    assert found["figserve_live_call_duration_seconds_sum", ()] == 2.0
    assert found["figserve_store_errors_total", ("write",)] == 1


def test_numbers_of_services_are_read_when_asked(metrics):
    """Gauges and caches report what they are at the time of the request."""

    class Cache:
        hits, misses = 3, 1

    waiting = [1, 2]
    metrics.add_gauge("renders_waiting", "Waiting.", lambda: len(waiting))
    metrics.add_cache("blob", Cache())
    waiting.append(3)
    with metrics.open_stream():
        found = samples(metrics)
    assert found["figserve_renders_waiting", ()] == 3
    assert found["figserve_cache_requests_total", ("blob", "hit")] == 3
    assert found["figserve_event_streams", ()] == 1
    assert samples(metrics)["figserve_event_streams", ()] == 0


def test_names_follow_the_conventions(metrics):
    """Our prefix, base units and a help text, as prometheus.io/docs/practices/naming demands."""
    families = list(text_string_to_metric_families(metrics.expose()[0].decode()))
    assert len(families) > 12
    for family in families:
        assert re.fullmatch(r"figserve_[a-z_]+", family.name)
        assert not re.search(r"milli|micro|minutes|kilo|mega", family.name)
        # The text format gives the time of a counter's creation as a gauge of its own.
        if not family.name.endswith("_created"):
            assert family.documentation.endswith(".")
        if family.type == "histogram":
            assert family.name.endswith("_seconds")


def test_format_is_what_the_client_accepts(metrics):
    """OpenMetrics where it is named, else Prometheus' text."""
    body, kind = metrics.expose("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    assert metrics.expose("*/*")[1].startswith("text/plain")
