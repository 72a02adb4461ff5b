"""Addresses that HTML loads, by attributes, in styles and in scripts."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.html import loaded_addresses

URL = "https://x/a"


@pytest.mark.parametrize(
    ("tag", "values"),
    [
        ("img", {"srcset": f"{URL} 2x", "src": "data:,"}),
        ("source", {"srcset": URL}),
        ("video", {"poster": URL}),
        ("audio", {"src": URL}),
        ("image", {"xlink:href": URL}),
        ("use", {"href": URL}),
        ("input", {"src": URL}),
        ("object", {"data": URL}),
        ("body", {"background": URL}),
        ("link", {"rel": "Stylesheet", "href": URL}),
        ("p", {"style": f"background: url('{URL}')"}),
    ],
)
def test_elements(tag, values):
    """Whatever attribute names it."""
    assert list(loaded_addresses.find_in_element(tag, values)) == [URL]


@pytest.mark.parametrize(
    ("tag", "values"),
    [("a", {"href": URL}), ("link", {"rel": "icon", "href": URL}), ("use", {"href": "#a"}), ("img", {"src": "data:,"})],
)
def test_elements_that_load_nothing(tag, values):
    """Links, and what is in the document."""
    assert list(loaded_addresses.find_in_element(tag, values)) == []


@pytest.mark.parametrize(
    "code",
    [
        'r.open("GET", "{}")',
        '$.getJSON("{}", f)',
        '$.ajax({{url: "{}"}})',
        "axios.get('{}')",
        'new Worker("{}")',
        'new EventSource("{}")',
        'L.tileLayer("{}").addTo(map)',
        'vegaEmbed("#v", {{"data": {{"url": "{}"}}}})',
    ],
)
def test_data_in_scripts(code):
    """Requests, workers, tiles and specifications."""
    assert loaded_addresses.find_data_in_script(code.format(URL)) == [URL]


def test_addresses_in_variables():
    """Those of data, if the script loads any; the schema of a specification is only a name."""
    find = loaded_addresses.find_data_in_script
    assert find('const u = "https://x/a.csv?v=1"; d3.csv(u)') == ["https://x/a.csv?v=1"]
    assert find('const u = "https://x/a.csv"; open(u)') == []
    assert find('fetch(u); s = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json"}') == []
    assert find('fetch(u); home = "https://x/"') == []


def test_connections():
    """Those of web sockets have a scheme of their own."""
    assert loaded_addresses.find_data_in_script('new WebSocket("wss://x/a")') == ["wss://x/a"]
