"""The figure of a display message: found in every form, or refused by name, even in malformed messages."""

from __future__ import annotations

import base64
import json

import pytest

from jupyter_figserve.errors import FigServeError
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.formats import looks_like
from jupyter_figserve.server.services.capture.captured_display import Limits, find_display

from ...sample_images import HTML, JPG, PDF, SVG, WEBP, apng, png, png_header

MAX_BYTES = 100_000
LIMITS = Limits(MAX_BYTES, 1_000_000)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def content(**data: object) -> dict[str, object]:
    names = {"png": "image/png", "svg": "image/svg+xml", "jpg": "image/jpeg", "webp": "image/webp"}
    return {"data": {names.get(name, name): value for name, value in data.items()}, "metadata": {}}


@pytest.mark.parametrize(
    ("shown", "mimetype", "data"),
    [
        (content(png=encoded(png())), "image/png", png()),
        (content(png=base64.encodebytes(png()).decode()), "image/png", png()),
        (content(svg=SVG.decode()), "image/svg+xml", SVG),
        (content(jpg=encoded(JPG)), "image/jpeg", JPG),
        (content(webp=encoded(WEBP)), "image/webp", WEBP),
        ({"data": {"application/pdf": encoded(PDF)}}, "application/pdf", PDF),
        (content(svg=SVG.decode(), png=encoded(png())), "image/png", png()),
        ({"data": {"text/plain": "x", "image/png": encoded(png())}}, "image/png", png()),
    ],
)
def test_images_are_found(shown, mimetype, data):
    """PNG, SVG, JPEG and WebP; a PNG takes precedence; base64 may have line breaks."""
    found = find_display(shown, LIMITS)
    assert (found.format.mimetype, found.data) == (mimetype, data)


def test_all_formats_of_an_image_are_found():
    """As R's kernel displays a PNG with an SVG; one that cannot be kept is left out, and each type comes once."""
    shown = content(svg=SVG.decode(), png=encoded(png()), jpg=encoded(b"no JPEG"), **{"application/pdf": encoded(PDF)})
    found = find_display(shown, LIMITS)
    assert (found.data, found.still) == (png(), None)
    assert [(other.mimetype, other.data) for other in found.others] == [
        ("image/svg+xml", SVG),
        ("application/pdf", PDF),
    ]
    assert found.size == len(png()) + len(SVG) + len(PDF)
    twice = content(png=encoded(apng()), **{"image/apng": encoded(apng())})
    assert find_display(twice, LIMITS).others == ()


@pytest.mark.parametrize(
    "shown",
    [
        {}, {"data": {}}, {"data": None}, {"data": []}, {"data": "image/png"}, None, [], "x", 3,
        {"data": {"text/html": "<b>x</b>", "text/plain": "<svg/>", "text/latex": "x"}},
    ],
)  # fmt: skip
def test_object_without_an_image_is_none(shown):
    """Text, HTML, other types, and contents of the wrong shape."""
    assert find_display(shown, LIMITS) is None


@pytest.mark.parametrize(
    "shown",
    [
        content(png="not base64!"), content(png=encoded(png())[:-3]), content(png="*" + encoded(png())),
        content(png=""), content(png=None),
        content(png=3), content(png=[encoded(png())]), content(png={"a": 1}), content(png="ü"),
        content(png=encoded(b"<script>")), content(png=encoded(SVG)), content(png=encoded(png()[:-4])),
        content(jpg=encoded(png())), content(svg=HTML.decode()), content(svg=encoded(png())),
        content(svg="\ud800<svg/>"),
        content(svg=b"<svg/>"),
        content(png=encoded(png_header(10_000, 10_000))), content(png=encoded(png() + b"x" * MAX_BYTES)),
        content(svg="<svg>" + "x" * MAX_BYTES), content(svg="<svg>" + "ü" * (MAX_BYTES - 100)),
    ],
)  # fmt: skip
def test_non_image_is_rejected(shown):
    """Broken base64, wrong types, entities, compression bombs and too large images."""
    with pytest.raises(FigServeError):
        find_display(shown, LIMITS)


def test_large_images_are_not_decoded(monkeypatch):
    """The length of the text suffices."""
    monkeypatch.delattr("jupyter_figserve.server.services.capture.captured_display.binascii")
    with pytest.raises(FigServeError, match="more than 100,000 bytes"):
        find_display(content(png="A" * 10 * MAX_BYTES), LIMITS)


PLOTLY = {"data": [{"y": [1, 2]}], "layout": {"title": {"text": "</script>"}}}
VEGA_LITE = {"mark": "bar", "data": {"values": [{"a": 1}]}, "encoding": {"x": {"field": "a"}}}
BOKEH = """(function(root) { function embed_document(root) {
  const docs_json = {"d1": {"version": "VERSION", "roots": []}};
  const render_items = [{"docid": "d1", "roots": {"p1": "e-1"}, "root_ids": ["p1"]}];
  void root.Bokeh.embed.embed_items_notebook(docs_json, render_items); } })(window);"""
ALTAIR = """<div id="v"></div><script>(function(spec, embedOpt){
  const paths = {"vega": "https://cdn.jsdelivr.net/npm/vega@6"}; s.src = paths[lib];
  vegaEmbed(outputDiv, spec, embedOpt)
})(SPEC, {"mode": "vega-lite"});</script>""".replace("SPEC", json.dumps(VEGA_LITE))
CDN = """<div><script charset="utf-8" src="https://cdn.plot.ly/plotly-3.0.0.min.js"></script><div id="x"></div>
<script>Plotly.newPlot("x", [{"y": [1, 2]}], {"title": {"text": "T"}}, {"responsive": true})</script></div>"""
WIDGET = "application/vnd.jupyter.widget-view+json"


def shown(data: dict[str, object], **metadata: object) -> dict[str, object]:
    return {"data": data, "metadata": metadata}


@pytest.mark.parametrize(
    ("data", "library", "value"),
    [
        ({"application/vnd.plotly.v1+json": PLOTLY, "text/html": "<div></div>"}, "plotly", PLOTLY),
        ({"application/vnd.vegalite.v6.json": VEGA_LITE, "text/plain": "x"}, "vega-lite", VEGA_LITE),
        ({"application/vnd.vegalite.v5+json": VEGA_LITE}, "vega-lite", VEGA_LITE),
        ({"application/vnd.vega.v5+json": {"marks": []}}, "vega", {"marks": []}),
        ({"text/html": ALTAIR}, "vega-lite", VEGA_LITE),
        (
            {"text/html": CDN},
            "plotly",
            {"data": [{"y": [1, 2]}], "layout": {"title": {"text": "T"}}, "config": {"responsive": True}},
        ),
    ],
)
def test_script_figures_are_kept_as_json(data, library, value):
    """Plotly and Vega, as JSON or as the HTML that their own `show` makes with scripts from elsewhere."""
    found = find_display(shown(data), LIMITS)
    assert (found.format.name, found.library, json.loads(found.data)) == ("html", library, value)


def test_a_bokeh_plot_is_found_in_its_script():
    """The element that it is drawn into was displayed before, and loading messages show nothing."""
    bokeh = pytest.importorskip("bokeh")
    kind = "application/vnd.bokehjs_exec.v0+json"
    script = BOKEH.replace("VERSION", bokeh.__version__)
    found = find_display(shown({kind: "", "application/javascript": script}), LIMITS)
    assert found.library == "bokeh"
    assert json.loads(found.data)["items"][0]["roots"] == {"p1": "e-1"}
    loading = {"application/vnd.bokehjs_load.v0+json": "", "application/javascript": "root.Bokeh"}
    assert find_display(shown(loading), LIMITS) is None
    assert find_display(shown({"text/html": '<div id="e-1" data-root-id="p1"></div>'}), LIMITS) is None
    for other in (BOKEH.replace("VERSION", "1.0.0"), "root.Bokeh.embed()", ""):
        with pytest.raises(FigServeError, match="A Bokeh plot"):
            find_display(shown({kind: "", "application/javascript": other}), LIMITS)


def test_an_interactive_figure_keeps_its_image():
    """The image of the same bundle, with its metadata."""
    data = {"application/vnd.plotly.v1+json": PLOTLY, "image/png": encoded(png())}
    found = find_display(shown(data, **{"image/png": {"alt": "Bears", "width": 2}}), LIMITS)
    assert (found.library, found.still.data, found.alt) == ("plotly", png(), "Bears")


def test_the_description_of_a_chart_is_its_alternative_text():
    """Where its display has none."""
    chart = {"mark": "bar", "data": {"values": []}, "description": "Bears by year"}
    assert find_display(shown({"application/vnd.vegalite.v6+json": chart}), LIMITS).alt == "Bears by year"
    assert find_display(shown({"application/vnd.vegalite.v6+json": chart | {"description": 3}}), LIMITS).alt == ""


def test_without_the_library_the_image_is_kept(monkeypatch):
    """Without an image, the message names the figure and the package to install."""
    monkeypatch.setattr("jupyter_figserve.server.services.script_figures.figure.find_spec", lambda name: None)
    data = {"application/vnd.plotly.v1+json": PLOTLY, "image/png": encoded(png())}
    assert find_display(shown(data), LIMITS).format.name == "png"
    with pytest.raises(FigServeError, match=r"A Plotly figure was displayed last.* install plotly in the server"):
        find_display(shown({"application/vnd.plotly.v1+json": PLOTLY}), LIMITS)
    with pytest.raises(FigServeError, match="install vl-convert-python"):
        find_display(shown({"text/html": ALTAIR}), LIMITS)


def test_an_image_element_is_an_image():
    """With its alternative text and its size; the digest is that of the displayed HTML."""
    html = f'<div><img alt="Bears" width="8" src="data:image/png;base64,{encoded(png())}"></div>'
    found = find_display(shown({"text/html": html}), LIMITS)
    assert (found.format.name, found.data, found.alt) == ("png", png(), "Bears")
    assert (found.width, found.height, found.digest) == (8, 6, sha256_hex(html.encode()))
    svg = find_display(shown({"text/html": f"<img src='data:image/svg+xml;utf8,{SVG.decode()}'>"}), LIMITS)
    assert (svg.format.name, svg.data) == ("svg", SVG)


def test_a_markdown_image_is_an_image():
    """With its alternative text, beside words or alone; in code it is none."""
    source = f"data:image/png;base64,{encoded(png())}"
    for text in (f"![Bears]({source})", f'# Title\n![Bears]({source} "title")', f'<img alt="Bears" src="{source}">'):
        found = find_display(shown({"text/markdown": text}), LIMITS)
        assert (found.format.name, found.data, found.alt) == ("png", png(), "Bears")
        assert found.digest == sha256_hex(text.encode())
    for text in (f"```\n![Bears]({source})\n```", f"`![Bears]({source})`", "# Words", "[a](https://x/a.png)"):
        assert find_display(shown({"text/markdown": text}), LIMITS) is None


@pytest.mark.parametrize(
    "html",
    [
        f'<table><tr><td><img src="data:image/png;base64,{encoded(png())}"></td></tr></table>',
        HTML.decode() + "<div></div>",
        "<svg><path/></svg>",
        "<canvas></canvas><script>draw()</script>",
        f'<p>Two</p><img src="data:image/png;base64,{encoded(png())}">',
        '<iframe srcdoc="&lt;svg&gt;&lt;/svg&gt;"></iframe>',
        f'<link rel="stylesheet" href="https://x/a.css"><img src="data:image/png;base64,{encoded(png())}"><script>p()'
        "</script>",
    ],
)
def test_html_is_kept_as_it_is(html):
    """With its scripts, if it needs nothing from elsewhere to show something."""
    found = find_display(shown({"text/html": html}), LIMITS)
    assert (found.format.name, found.library) == ("html", None)
    assert found.data.removeprefix(b"<!doctype html><html><body>") == html.encode()
    assert looks_like(found.format, found.data)


@pytest.mark.parametrize(
    "data",
    [
        {"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "a"},
        {"text/html": "<div><style>.x{}</style><table></table><script>copy()</script></div>"},
        {"text/html": "<b>words</b>"},
        {"text/html": '<div><svg style="position: absolute; width: 0; height: 0"></svg>xarray</div>'},
        {"text/html": '<script>toggle()</script>'},
        {"text/html": '<audio src="data:audio/wav;base64,AA=="></audio>'},
        {"application/javascript": "alert()"},
        {WIDGET: {}, "text/plain": "IntSlider(value=0)"},
        {WIDGET: {}, "text/plain": "interactive(children=())", "text/html": "<svg></svg>"},
        {WIDGET: {}, "text/plain": "  0%|          | 0/2 [00:00<?, ?it/s]"},
        {"application/json": {}, "text/plain": "<IPython.core.display.JSON object>"},
    ],
)  # fmt: skip
def test_other_objects_are_skipped(data):
    """Tables, texts, controls and progress bars."""
    assert find_display(shown(data), LIMITS) is None


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"text/html": '<img src="https://example.org/x.png"/>'}, "HTML that loads https://example.org/x.png"),
        ({"text/html": '<iframe src="https://example.org/"></iframe>'}, "https://example.org/"),
        (
            {"text/html": '<iframe srcdoc="&lt;script src=https://x/l.js&gt;&lt;/script&gt;"></iframe>'},
            "https://x/l.js",
        ),
        (
            {"text/html": '<div></div><script type="module">import * as d from "https://x/d.js"</script>'},
            "https://x/d",
        ),
        (
            {"application/vnd.vegalite.v6+json": {"data": {"url": "cars.json"}}},
            r"whose data .* cars",
        ),
        ({WIDGET: {}, "text/plain": "FigureWidget({'data': []})"}, "widget FigureWidget"),
        ({"application/geo+json": {}, "text/plain": "<GeoJSON>"}, "application/geo"),
        ({"text/markdown": "![a](https://x/a.png)"}, "Markdown that loads https://x/a.png"),
        ({"text/markdown": "![a](data:,) ![b](data:,)"}, "Markdown with 2 images"),
        ({"text/markdown": "![a](data:image/png;base64,AAAA)"}, "Markdown with 1 image was"),
        (
            {"text/html": '<div></div><script type="importmap">{"d": "https://x/d"}</script><script>d()</script>'},
            "https://x/d",
        ),
        ({"image/x-unknown": "AA=="}, "image/x-unknown"),
        ({"application/vnd.holoviews_exec.v0+json": "", "text/html": "<div></div><script>x</script>"}, "holoviews"),
        ({"application/vnd.plotly.v1+json": {"data": ["x" * MAX_BYTES]}}, "A Plotly figure of more than 100,000 bytes"),
    ],
)
def test_unpicklable_object_is_named(data, name):
    """The message names it."""
    with pytest.raises(FigServeError, match=name):
        find_display(shown(data), LIMITS)


@pytest.mark.parametrize(
    ("metadata", "alt", "size"),
    [
        ({"image/png": {"width": 2, "height": 2, "alt": " two\nlines "}}, "two lines", (2, 2)),
        ({"image/png": {"width": 8}}, "", (8, 6)),
        ({"image/png": {"height": "30px"}}, "", (40, 30)),
        ({"alt": "Bears", "width": 8}, "Bears", (8, 6)),
        ({"image/png": {"width": -1, "height": True, "alt": 3}}, "", (None, None)),
        ({"image/png": None, "width": {}, "alt": []}, "", (None, None)),
        ({}, "", (None, None)),
    ],
)
def test_metadata_says_how_it_is_shown(metadata, alt, size):
    """Alternative text and size in CSS pixels, one side following from the other; other values are ignored."""
    found = find_display(shown({"image/png": encoded(png())}, **metadata), LIMITS)
    assert (found.alt, (found.width, found.height)) == (alt, size)


def test_an_svg_is_shown_in_its_proportions():
    """One side follows from the other by the size that the document states."""
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="100pt" height="50pt"/>'
    found = find_display(shown({"image/svg+xml": svg}, **{"image/svg+xml": {"width": 60}}), LIMITS)
    assert (found.width, found.height) == (60, 30)
    found = find_display(shown({"text/html": f"<img height=20 src='data:image/svg+xml;utf8,{svg}'>"}), LIMITS)
    assert (found.width, found.height) == (40, 20)
