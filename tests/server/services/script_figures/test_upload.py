"""Figures of Plotly, Vega and Bokeh that are published as notebooks have them."""

from __future__ import annotations

import json
import subprocess
from importlib import metadata

import pytest
from tornado.httputil import HTTPHeaders

from jupyter_figserve.errors import InvalidInput, UnsupportedType
from jupyter_figserve.model.multipart import Part, encode_form
from jupyter_figserve.server.services.figures.upload import read_upload
from jupyter_figserve.server.services.script_figures import figure, pages
from jupyter_figserve.server.services.script_figures.upload import convert_upload, is_script_type, make_document

from ...sample_images import png

PLOTLY = "application/vnd.plotly.v1+json"
VEGA_LITE = "application/vnd.vegalite.v5+json"
BOKEH = "application/vnd.bokehjs_exec.v0+json"


@pytest.mark.parametrize("type", [PLOTLY, VEGA_LITE, "application/vnd.vega.v5+json", BOKEH, PLOTLY.upper()])
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
    monkeypatch.setattr(pages, "_vega_script", lambda: "")
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
    monkeypatch.setattr(figure, "find_spec", lambda name: None)
    with pytest.raises(UnsupportedType, match="needs vl-convert-python in the server's environment"):
        await make_document(b'{"mark": "bar"}', VEGA_LITE)


def test_the_script_of_charts_where_standard_output_has_few_characters(monkeypatch):
    """As on Windows, whose code pages have no minus sign."""
    run = subprocess.run
    windows = "import sys; sys.stdout.reconfigure(encoding='cp1252'); "
    fake = "import types; sys.modules['vl_convert'] = types.SimpleNamespace(javascript_bundle=lambda: '\\u2212'); "

    def run_there(command, **options):
        return run([*command[:-1], windows + fake + command[-1]], **options)

    monkeypatch.setattr(pages.subprocess, "run", run_there)
    assert pages._vega_script.__wrapped__().strip() == "\u2212"


def form(*parts: Part) -> tuple[bytes, HTTPHeaders]:
    content_type, body = encode_form(list(parts))
    return body, HTTPHeaders({"Content-Type": content_type})


def part(name: str, kind: str, data: object) -> Part:
    return Part(name, kind, data if isinstance(data, bytes) else json.dumps(data).encode(), "file")


async def test_figure_of_a_form_becomes_a_document():
    """The rest of the form stays: its thumbnail, and the fields."""
    chart = part("representation", PLOTLY, {"data": [], "layout": {"title": "Bears"}})
    fields = Part("figure", "application/json", b'{"alt": "Bears by year"}')
    body, headers, title = await convert_upload(*form(fields, chart, part("thumbnail", "image/png", png(320, 200))))
    upload = read_upload(body, headers, {"name": "bears"}, 10**6)
    assert ([image.mimetype for image in upload.images], title, upload.alt) == (["text/html"], "Bears", "Bears by year")
    assert upload.thumbnail is not None
    assert (upload.thumbnail.width, upload.thumbnail.data) == (320, png(320, 200))


async def test_other_forms_stay_as_they_are():
    """They are not even parsed."""
    given = form(part("representation", "image/png", png()))
    assert await convert_upload(*given) == (*given, "")


async def test_a_form_has_one_figure():
    """Each becomes a document of several megabytes."""
    chart = part("representation", PLOTLY, {"data": []})
    for parts in ((chart, chart), (part("thumbnail", PLOTLY, {}), part("representation", "image/png", png()))):
        with pytest.raises(InvalidInput, match="more than one figure of a library"):
            await convert_upload(*form(*parts))
    body = b"--x\r\nContent-Type: " + PLOTLY.encode()
    with pytest.raises(InvalidInput):
        await convert_upload(body, HTTPHeaders({"Content-Type": "multipart/form-data"}))


def bokeh_script(version: str) -> bytes:
    roots = [{"attributes": {"title": {"name": "Title", "attributes": {"text": "Wolves"}}}}]
    documents = {"d": {"version": version, "roots": roots}}
    items = [{"docid": "d", "roots": {"p1": "e1"}}]
    return f"const docs_json = {json.dumps(documents)};\nconst render_items = {json.dumps(items)};".encode()


async def test_script_of_bokeh_becomes_a_document():
    """With its plot in its place, and its title; only of the version that the server has."""
    content, title = await make_document(bokeh_script(metadata.version("bokeh")), BOKEH)
    assert (b'<div id="e1" data-root-id="p1"></div>' in content, title) == (True, "Wolves")
    with pytest.raises(UnsupportedType, match=r"made by Bokeh 1\.0, and the server has .* run figserve\.publish"):
        await make_document(bokeh_script("1.0"), BOKEH)
    with pytest.raises(UnsupportedType, match=r"is of a server, or in an unknown form\. Run figserve\.publish"):
        await make_document(b"", BOKEH)
