"""Plotly and Vega figures that are published as JSON."""

from __future__ import annotations

import json
import subprocess

import pytest

from jupyter_figserve.errors import InvalidInput, UnsupportedType
from jupyter_figserve.server.services.sessions import script_pages, script_upload
from jupyter_figserve.server.services.sessions.script_upload import is_script_type, make_document

PLOTLY = "application/vnd.plotly.v1+json"
VEGA_LITE = "application/vnd.vegalite.v5+json"


@pytest.mark.parametrize("type", [PLOTLY, VEGA_LITE, "application/vnd.vega.v5+json", PLOTLY.upper()])
def test_types_of_notebooks_are_known(type):
    """In any case; other JSON is none."""
    assert is_script_type(type)
    assert not is_script_type("application/json")


async def test_document_has_the_figure_and_its_library():
    """It needs nothing from elsewhere."""
    body = json.dumps({"data": [{"y": [1, 41, 2], "name": "</script>"}], "layout": {"title": "Bears"}}).encode()
    content, title = await make_document(body, PLOTLY)
    document = content.decode()
    assert title == "Bears"
    assert document.startswith("<!doctype html>")
    assert '"y": [1, 41, 2]' in document
    assert len(document) > 1_000_000
    assert "</script>" not in document.partition('"name": ')[2].partition("}")[0]


@pytest.mark.parametrize(("width", "is_filling"), [(200, False), ("container", True)])
async def test_chart_has_its_own_size_or_fills_its_window(monkeypatch, width, is_filling):
    """The frame around a chart of a fixed size gets the chart's height."""
    monkeypatch.setattr(script_pages, "_vega_script", lambda: "")
    document, _ = await make_document(json.dumps({"mark": "bar", "width": width}).encode(), VEGA_LITE)
    assert (b"height:100%" in document) == is_filling


@pytest.mark.parametrize("body", [b"", b"[1]", b"\xff", b"[" * 100_000, b'"text"'])
async def test_other_bodies_are_rejected(body):
    """With a sentence that names the type."""
    with pytest.raises(InvalidInput, match="The body is not"):
        await make_document(body, PLOTLY)


async def test_data_from_elsewhere_is_rejected():
    """A published figure loads nothing."""
    body = json.dumps({"mark": "bar", "data": {"url": "https://example.org/data.csv"}}).encode()
    with pytest.raises(UnsupportedType, match=r"loads its data from https://example.org/data.csv.*Put the data"):
        await make_document(body, VEGA_LITE)


async def test_missing_library_is_named(monkeypatch):
    """With the name that pip knows."""
    monkeypatch.setattr(script_upload, "find_spec", lambda name: None)
    with pytest.raises(UnsupportedType, match="needs vl-convert-python in the server's environment"):
        await make_document(b'{"mark": "bar"}', VEGA_LITE)


def test_the_script_of_charts_where_standard_output_has_few_characters(monkeypatch):
    """As on Windows, whose code pages have no minus sign."""
    run = subprocess.run
    windows = "import sys; sys.stdout.reconfigure(encoding='cp1252'); "
    fake = "import types; sys.modules['vl_convert'] = types.SimpleNamespace(javascript_bundle=lambda: '\\u2212'); "

    def run_there(command, **options):
        return run([*command[:-1], windows + fake + command[-1]], **options)

    monkeypatch.setattr(script_pages.subprocess, "run", run_there)
    assert script_pages._vega_script.__wrapped__().strip() == "\u2212"
