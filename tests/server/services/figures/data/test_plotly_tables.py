"""The data of Plotly figures, from their JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from jupyter_figserve.errors import Conflict
from jupyter_figserve.server.services.figures.data.plotly_tables import read_plotly


def read(*traces: Any, limit: int = 1_000, **layout: Any):
    """Read the tables of a figure, as Plotly writes it."""
    return read_plotly(json.loads(go.Figure(traces, layout).to_json()), limit)


def rows(*traces: Any, **layout: Any):
    (only,) = read(*traces, **layout).tables
    return only.columns, list(only.rows)


TRACES = {
    "lists": ([go.Scatter(x=["a", "b"], y=[1, None])], ("x", "y"), [("a", 1), ("b", None)]),
    "binary arrays": ([go.Scatter(x=np.arange(2), y=np.array([0.5, np.nan]))], ("x", "y"), [(0, 0.5), (1, None)]),
    "dates": ([go.Bar(x=np.array(["2024-01-01"], "datetime64[ns]"), y=[1])], ("x", "y"), [("2024-01-01", 1)]),
    "no places": ([go.Scatter(y=[5, 6], x0=2, dx=3)], ("x", "y"), [(2, 5), (5, 6)]),
    "two of one kind": (
        [go.Bar(x=["a"], y=[1], name="m"), go.Bar(x=["a"], y=[2], name="w")], ("x", "m", "w"), [("a", 1, 2)]
    ),
    "across": ([go.Bar(x=[1], y=["a"], orientation="h")], ("y", "x"), [("a", 1)]),
    "histograms": (
        [go.Histogram(x=[1.5, 2], name="m"), go.Histogram(x=[3], name="w")],
        ("series", "x"),
        [("m", 1.5), ("m", 2), ("w", 3)],
    ),
    "pie": ([go.Pie(labels=["a"], values=[3])], ("labels", "values"), [("a", 3)]),
    "grid": ([go.Heatmap(z=np.eye(2), x=["p", "q"])], ("y \\ x", "p", "q"), [(0, 1, 0), (1, 0, 1)]),
    "table": ([go.Table(header={"values": ["<b>a</b>"]}, cells={"values": [["1", "2"]]})], ("a",), [("1",), ("2",)]),
    "sizes": (
        [go.Scatter(x=[1], y=[2], marker={"size": [9]}, text=["t"])], ("x", "y", "size", "text"), [(1, 2, 9, "t")]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TRACES)
def test_the_data_of_traces(name):
    """What was given to a trace comes back, from lists as from binary arrays."""
    traces, columns, expected = TRACES[name]
    assert rows(*traces) == (columns, expected)


def test_titles_are_columns():
    """Titles of axes are the names of columns, without markup; that of the figure names the table."""
    (only,) = read(go.Scatter(x=[1], y=[2]), title="Growth", xaxis={"title": "<i>t</i> &amp; u"}).tables
    assert (only.name, only.columns) == ("Growth", ("t & u", "y"))


def test_traces_of_other_axes_are_other_tables():
    """Facets have a table each, named by their axes."""
    data = read(
        go.Scatter(y=[1]), go.Scatter(y=[2], xaxis="x2", yaxis="y2"), yaxis={"title": "v"}, yaxis2={"matches": "y"}
    )
    assert [one.name for one in data.tables] == ["axes 1", "axes 2"]
    assert data.tables[1].columns == ("x", "v")


def test_hidden_traces_are_left_out_and_rows_are_cut():
    """A trace that is not visible is no data; further rows are counted."""
    (only,) = read(go.Scatter(y=list(range(9))), go.Scatter(y=[1], visible=False), limit=3).tables
    assert (len(only.rows), only.total) == (3, 9)


NESTED: Any = []
for _ in range(500):
    NESTED = [NESTED, {"x": NESTED}]
GARBAGE = [
    {}, {"data": 3}, {"data": [3, None, "x", []]}, {"data": [{"type": {}, "x": 5, "y": {"bdata": "!", "dtype": "f8"}}]},
    {"data": [{"x": {"bdata": "AAAA", "dtype": "f8"}}], "layout": 5},
    {"data": [{"z": {"bdata": "", "dtype": "zz", "shape": "9, 9"}}]},
    {"data": [{"type": "heatmap", "z": [[]]}, {"type": "table", "cells": {"values": 4}}, {"type": "sankey"}]},
    {"data": [{"type": "parcoords", "dimensions": [NESTED, {"values": {}}]}], "layout": {"title": NESTED}},
]  # fmt: skip


@pytest.mark.parametrize("figure", GARBAGE)
def test_garbage_is_no_data(figure):
    """Whatever somebody published as a figure, the answer is that it has no data."""
    with pytest.raises(Conflict, match="no data"):
        read_plotly(figure, 10)


def test_nested_cells_are_empty():
    """A value that is no scalar is an empty cell."""
    (only,) = read_plotly({"data": [{"x": [NESTED, 1], "y": [{"a": 1}, 10**5000]}]}, 10).tables
    assert only.rows == ((None, None), (1, None))


def test_a_false_shape_costs_nothing():
    """A binary array that says it is larger than it is has the values that it has."""
    trace = {"type": "heatmap", "z": {"bdata": "AQ==", "dtype": "i1", "shape": "1000000000, 1000000000"}}
    (only,) = read_plotly({"data": [trace]}, 10).tables
    assert only.rows == ((0, 1),)
