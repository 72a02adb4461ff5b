"""Reads metrics in the text format of Prometheus."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


def read_samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return the values by name, and the values of labels in the order of the labels' names."""
    return {
        (one.name, tuple(one.labels[name] for name in sorted(one.labels))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }
