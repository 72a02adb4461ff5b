"""Titles of figures from the JSON of their library."""

from __future__ import annotations

import json

import pytest

from jupyter_figserve.server.services.script_figures.titles import find_script_title


@pytest.mark.parametrize(
    ("library", "value", "title"),
    [
        ("plotly", {"layout": {"title": {"text": "<b>Bears</b> &amp;<br>deer"}}}, "Bears & deer"),
        ("plotly", {"layout": {"title": "Bears"}, "data": [{"title": "x"}]}, "Bears"),
        ("plotly", {"layout": {"title": {"text": 3}}}, ""),
        ("plotly", {"layout": []}, ""),
        ("vega-lite", {"title": {"text": ["Bears", "and deer"]}, "mark": "bar"}, "Bears and deer"),
        ("vega", {"title": "Bears"}, "Bears"),
        ("vega", {"title": "x" * 10_000}, ""),
        ("bokeh", {"documents": {"d": {"roots": [{"attributes": {"title": {"name": "Title"}}}]}}}, ""),
        ("bokeh", json.loads("[" * 500 + "]" * 500), ""),
        ("vega", {"title": "a\ud800\x07b"}, "ab"),
        ("vega", None, ""),
    ],
)
def test_titles_of_libraries(library, value, title):
    """On one line, without markup; anything else is none."""
    assert find_script_title(library, value) == title


def test_title_of_bokeh():
    """As the installed version writes it."""
    pytest.importorskip("bokeh")
    from bokeh.embed import json_item
    from bokeh.plotting import figure

    documents = {"d": json_item(figure(title="Wolves"))["doc"]}
    assert find_script_title("bokeh", {"documents": documents, "items": []}) == "Wolves"
