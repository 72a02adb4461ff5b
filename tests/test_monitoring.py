"""Grafana's dashboard, Prometheus' rules: they are valid, and ask for metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from jupyter_figserve.server.services.monitoring.metrics import Metrics
from jupyter_figserve.server.services.monitoring.work_meter import OUTCOMES
from jupyter_figserve.server.web.routes import label_routes
from jupyter_figserve.server.web.system.metrics import connect_metrics

DEPLOY = Path(__file__).parent.parent / "deploy"


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """Names of samples with the names of their labels, of a server whose services are connected."""
    cache = SimpleNamespace(hits=0, misses=0, calls=SimpleNamespace())
    context: Any = SimpleNamespace(
        monitoring=SimpleNamespace(metrics=Metrics()),
        rendering=SimpleNamespace(
            queue=SimpleNamespace(meter=SimpleNamespace(), running=0, waiting=0), hits=0, misses=0
        ),
        live=SimpleNamespace(meter=SimpleNamespace(), registry=SimpleNamespace(connected=0), hits=0, misses=0),
        store=SimpleNamespace(catalog=SimpleNamespace(calls=SimpleNamespace())),
        traffic=SimpleNamespace(loop=SimpleNamespace()),
        blob_cache=cache,
        links=cache,
    )
    connect_metrics(context, label_routes())
    metrics: Metrics = context.monitoring.metrics
    metrics.record_request("FiguresHandler", "GET", 200, 0.1, 1)
    metrics.record_render("ok", 0.1, 0.1)
    metrics.record_live_call("ok", 0.1, 0.1)
    metrics.record_store_call("read", 0.1, True)
    lines = metrics.expose()[0].decode().splitlines()
    found = [re.match(r"(\w+)(?:\{(.*)\})? ", line) for line in lines if not line.startswith("#")]
    return {one[1]: set(re.findall(r"(\w+)=", one[2] or "")) for one in found if one}


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DEPLOY / "grafana" / "figserve.json").read_text(encoding="utf-8"))
    return document


def expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (one["definition"] for one in dashboard["templating"]["list"] if one["type"] == "query")


def check_expression(text: str, labels: dict[str, set[str]]) -> None:
    """Check that each metric exists and that each label is one of the metrics or of Prometheus' targets."""
    names = set(re.findall(r"figserve_\w+", text))
    assert names, text
    assert names <= labels.keys(), text
    used = {label for inside in re.findall(r"\{([^}]*)\}", text) for label in re.findall(r"(\w+)\s*[=!]", inside)}
    used |= {one.strip() for group in re.findall(r"by \(([^)]*)\)", text) for one in group.split(",")}
    known = set().union(*(labels[name] for name in names)) | {"job", "instance"}
    assert used <= known, text


def test_every_panel_asks_for_metrics_that_exist(dashboard, labels):
    """With labels that they have."""
    asked = list(expressions(dashboard))
    assert len(asked) > 20
    for text in asked:
        check_expression(text, labels)


def test_every_metric_is_shown(dashboard, labels):
    """No number is collected that nobody sees."""
    text = " ".join(expressions(dashboard))
    shown = {re.sub(r"_(bucket|total|sum|count|created)$", "", name) for name in re.findall(r"figserve_\w+", text)}
    assert {re.sub(r"_(bucket|total|sum|count|created)$", "", name) for name in labels} - shown == set()


def test_the_dashboard_is_valid(dashboard):
    """Panels of known kinds with ids of their own, that do not overlap, and a data source to choose."""
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["type"] for panel in panels} == {"row", "timeseries", "stat"}
    assert 36 <= dashboard["schemaVersion"] <= 41
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        own = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not own & cells
        assert max(x for x, _ in own) < 24
        cells |= own
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    (source,) = [one for one in dashboard["templating"]["list"] if one["type"] == "datasource"]
    assert (source["name"], source["query"]) == ("datasource", "prometheus")
    assert json.dumps(dashboard).count("uid") == json.dumps(dashboard).count('"${datasource}"') + 1


def test_alerts_ask_for_metrics_that_exist(labels):
    """With labels and outcomes that they have, and words for who is woken."""
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    for rule in rules:
        if not rule["expr"].startswith("up"):
            check_expression(rule["expr"], labels)
        assert set(re.findall(r'outcome="(\w+)"', rule["expr"])) <= set(OUTCOMES)
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_prometheus_asks_for_our_route():
    """With a key from a file, each replica at its own address."""
    document = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    (job,) = document["scrape_configs"]
    assert label_routes()["MetricsHandler"] == "/metrics"
    assert job["metrics_path"] == "/figserve/metrics"
    assert job["authorization"].keys() == {"type", "credentials_file"}
    assert len(job["static_configs"][0]["targets"]) == 2
    assert (DEPLOY / "prometheus" / document["rule_files"][0]).exists()
