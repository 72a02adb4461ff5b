"""The data of Vega-Lite and Vega charts, from their specifications."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import Conflict
from jupyter_figserve.server.services.figures.data.vega_tables import read_vega

VALUES = [{"a": 1, "b": "x", "secret": "s"}, {"a": None, "b": "y", "secret": "t"}]
X, Y = {"field": "a", "type": "quantitative"}, {"field": "b", "title": "Kind"}


def read(spec, limit=100):
    (only,) = read_vega(spec, limit).tables
    return only.name, only.columns, list(only.rows)


def test_only_the_fields_of_encodings_are_read():
    """Other columns of the data are not shown by the chart."""
    spec = {"title": "Sales", "data": {"values": VALUES}, "encoding": {"x": X, "y": Y}}
    assert read(spec) == ("Sales", ("a", "Kind"), [(1, "x"), (None, "y")])


def test_views_inherit_data_and_encodings():
    """Layers, facets and named data sets, as Altair writes them, are one table."""
    spec = {
        "datasets": {"d": VALUES},
        "data": {"name": "d"},
        "encoding": {"x": X},
        "layer": [{"encoding": {"y": Y}}, {"encoding": {"color": {"condition": {"field": "b"}}}}],
    }
    assert read(spec)[1:] == (("a", "b"), [(1, "x"), (None, "y")])


def test_text_and_nested_fields():
    """Inline CSV is parsed, and fields may be inside of objects."""
    csv = {"data": {"values": "a,b\n1,x", "format": {"type": "csv"}}, "encoding": {"x": X, "y": Y}}
    assert read(csv)[2] == [("1", "x")]
    nested = {
        "data": {"values": [{"p": {"q": 3}, "a.b": 4}]},
        "encoding": {"x": {"field": "p.q"}, "y": {"field": "a\\.b"}},
    }
    assert read(nested)[1:] == (("p.q", "a.b"), [(3, 4)])


def test_vega_has_all_its_inline_data():
    """A Vega specification has its data sets by name."""
    schema = "https://vega.github.io/schema/vega/v6.json"
    spec = {"$schema": schema, "data": [{"name": "t", "values": [{"u": 1}, 5]}, {"name": "url", "url": "a.csv"}]}
    assert read(spec) == ("t", ("u",), [(1,), (None,)])


DEEP: dict = {"encoding": {"x": X}}
for _ in range(300):
    DEEP = {"layer": [DEEP, DEEP], "facet": [DEEP]}
GARBAGE = [
    {}, {"data": {"url": "https://example.org"}, "encoding": {"x": X}}, {"data": {"values": 5}, "encoding": []},
    {"data": {"values": [[1], None, "x"]}, "encoding": {"x": X}},
    {"data": {"values": VALUES}, "encoding": {"x": {"field": {}}}},
    {"data": {"name": {}}, "datasets": [], "layer": {"a": 1}, "encoding": {"x": X}}, DEEP,
    {"$schema": "vega/v5", "data": {"values": VALUES}},
]  # fmt: skip


@pytest.mark.parametrize("spec", GARBAGE)
def test_garbage_is_no_data(spec):
    """Whatever somebody published as a chart, the answer is that it has no data, and soon."""
    with pytest.raises(Conflict, match="no data"):
        read_vega(spec, 10)
