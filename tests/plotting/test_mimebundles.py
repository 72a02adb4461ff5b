from __future__ import annotations

import base64
import io
import re

import pytest
from IPython import display
from PIL import Image

from jupyter_figserve.errors import OutputInvalid, UnsupportedType
from jupyter_figserve.model.formats import get_format_of_mimetype, looks_like
from jupyter_figserve.plotting import mimebundles
from jupyter_figserve.plotting.encode import encode

from ..conftest import require_package

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"></svg>'
REMOTE = re.compile(r"""<(?:script|link|img)\b[^>]*\b(?:src|href)\s*=\s*["']?(?:https?:)?//""", re.IGNORECASE)


def png(size=(400, 300)):
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, format="png")
    return buffer.getvalue()


def plotly():
    objects = require_package("plotly.graph_objects")
    figure = objects.Figure([objects.Scatter(y=[1, 3, 2]), objects.Bar(y=[1, 2, 3])])
    return figure.update_layout(title="Sales", xaxis_title="month", yaxis_title="euros")


def altair():
    module = require_package("altair")
    data = module.Data(values=[{"a": 1, "b": 2}, {"a": 2, "b": 3}])
    return module.Chart(data, title="Sales").mark_bar().encode(x="a:O", y="b:Q")


def bokeh():
    plotting = require_package("bokeh.plotting")
    plot = plotting.figure(title="Sales", x_axis_label="month", y_axis_label="euros")
    plot.line([1, 2], [3, 4])
    return plot


def given(methods):
    """Return an object whose class has these representations."""
    return type("Drawn", (), {name: (lambda self, *_, value=value: value) for name, value in methods.items()})()


def mimetypes(encoded):
    return [image.mimetype for image in encoded.images]


@pytest.mark.parametrize("make", [plotly, altair, bokeh])
@pytest.mark.parametrize("formats", [("png",), ("html",)])
def test_interactive_plots_are_self_contained_pages(make, formats):
    """The HTML includes its library: it loads nothing."""
    page = encode(make(), formats).images[0]
    text = page.data.decode()
    assert page.mimetype == "text/html"
    assert len(text) > 300_000
    assert not REMOTE.search(text)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (plotly, "Interactive line plot and bar chart “Sales”: euros against month, 2 series."),
        (altair, "Interactive bar chart “Sales”: b against a."),
        (bokeh, "Interactive line plot “Sales”: euros against month."),
    ],
)
def test_interactive_plots_are_described(make, sentence):
    """Title and description come from the plot's own text."""
    encoded = encode(make(), ("html",))
    assert (encoded.title, encoded.alt) == ("Sales", sentence)
    assert encoded.figure is None


@pytest.mark.parametrize("make", [plotly, altair, bokeh])
def test_pages_of_one_plot_are_equal(make):
    """The page contains no random id, so that publishing again makes no new version."""
    plot = make()
    assert encode(plot, ("html",)) == encode(plot, ("html",))


@pytest.mark.parametrize(("mode", "is_centered"), [(None, True), ("fixed", True), ("stretch_width", False)])
def test_bokeh_plot_of_its_own_size_is_centered(mode, is_centered):
    """As displayed ones are; one that follows the window fills it."""
    plot = bokeh()
    plot.sizing_mode = mode
    page = encode(plot, ("html",)).images[0].data
    assert (b"<style>html>body{display:grid;" in page) == is_centered


def test_altair_chart_is_centered():
    """In the row that is as wide as the page."""
    page = encode(altair(), ("html",)).images[0].data
    assert b"<style>body>#vis.vega-embed{justify-content:safe center}" in page


def test_thumbnails_need_no_browser():
    """Plotly's is drawn from its traces, and Bokeh's from its glyphs."""
    assert encode(plotly()).thumbnail.width == 320
    assert encode(bokeh()).thumbnail.width == 320


def test_altair_has_an_image_beside_its_page():
    """By default a chart has a page, a PNG and a thumbnail."""
    encoded = encode(altair())
    assert mimetypes(encoded) == ["text/html", "image/png"]
    assert encoded.thumbnail.width <= 320


def test_altair_is_rendered_in_the_requested_formats():
    """vl-convert renders the images, in order, with their sizes."""
    encoded = encode(altair(), ("svg", "png", "pdf", "jpg", "webp", "svgz"))
    assert mimetypes(encoded) == [
        "image/svg+xml",
        "image/png",
        "application/pdf",
        "image/jpeg",
        "image/webp",
        "image/svg+xml-compressed",
    ]
    svg, image, *_ = encoded.images
    assert (svg.width, svg.height) == pytest.approx((image.width, image.height), abs=2)


def test_altair_honours_the_dpi():
    """Twice the dpi gives twice the pixels."""
    small, large = (encode(altair(), ("png", "svg"), dpi=dpi).images[0] for dpi in (72, 144))
    assert large.width == pytest.approx(2 * small.width, abs=2)


@pytest.mark.parametrize(
    ("make", "formats", "line"),
    [
        (altair, ("svg",), "pip install vl-convert-python"),
        (altair, ("png",), "pip install vl-convert-python"),
        (plotly, ("svg",), "pip install kaleido"),
    ],
)
def test_a_missing_library_is_named_with_its_pip_line(make, formats, line, monkeypatch):
    """The error for a missing library includes the pip command."""
    plot = make()
    monkeypatch.setattr(mimebundles, "find_spec", lambda name: None)
    with pytest.raises(OutputInvalid, match=line) as caught:
        encode(plot, formats)
    assert caught.value.code == "missing_library"


def test_plotly_images_come_from_kaleido(monkeypatch):
    """With kaleido, Plotly renders the image at the requested dpi, with its dots as CSS pixels."""
    plot, asked = plotly(), []

    def to_image(self, **options):
        asked.append(options)
        return SVG.encode() if options["format"] == "svg" else png()

    monkeypatch.setattr(type(plot), "to_image", to_image)
    monkeypatch.setattr(mimebundles, "find_spec", lambda name: name)
    assert mimetypes(encode(plot, ("svg", "png"), dpi=192)) == ["image/svg+xml", "image/png"]
    assert asked == [{"format": "svg", "scale": 2}, {"format": "png", "scale": 2}]


@pytest.mark.parametrize(("make", "name"), [(plotly, "eps"), (altair, "eps"), (bokeh, "svg"), (bokeh, "pdf")])
def test_formats_that_a_library_lacks_are_rejected(make, name):
    """The message lists the available formats."""
    with pytest.raises(UnsupportedType, match=f"is not available as {name}; use html"):
        encode(make(), (name,))


def test_ipython_display_objects_are_accepted():
    """Image, SVG and HTML of IPython.display yield their data, and the alternative text of the author."""
    assert encode(display.Image(png(), alt="A red area.")).alt == "A red area."
    assert encode(display.Image(png())).images[0].data == png()
    assert encode(display.SVG(SVG)).images[0].width == 40
    assert encode(display.HTML("<p>words</p>")).images[0].data == b"<p>words</p>"


@pytest.mark.parametrize(
    ("methods", "mimetype"),
    [
        ({"_repr_png_": png()}, "image/png"),
        ({"_repr_png_": (png(), {"width": 200})}, "image/png"),
        ({"_repr_png_": base64.b64encode(png()).decode()}, "image/png"),
        ({"_repr_svg_": SVG}, "image/svg+xml"),
        ({"_repr_html_": "<p>words</p>"}, "text/html"),
        ({"_repr_html_": "words <b>and</b>"}, "text/html"),
        ({"_repr_html_": "<svg></svg>"}, "text/html"),
        ({"_repr_html_": "<p>words</p>", "_repr_svg_": SVG}, "image/svg+xml"),
        ({"_repr_png_": None, "_repr_html_": "<p>words</p>"}, "text/html"),
        ({"_repr_mimebundle_": {"image/svg+xml": SVG, "text/plain": "words"}}, "image/svg+xml"),
        ({"_repr_mimebundle_": ({"image/png": base64.b64encode(png()).decode()}, {})}, "image/png"),
        ({"_repr_mimebundle_": {"text/plain": "words"}, "_repr_png_": png()}, "image/png"),
    ],
)
def test_representations_are_used(methods, mimetype):
    """An object with IPython's methods is published by its best representation."""
    encoded = encode(given(methods))
    assert mimetypes(encoded) == [mimetype]
    assert (encoded.thumbnail is not None) == (mimetype == "image/png")
    # The server refuses what does not begin like its type.
    assert looks_like(get_format_of_mimetype(mimetype), encoded.images[0].data)


def test_jpeg_representations_are_used():
    """A JPEG is accepted like a PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9)).save(buffer, format="jpeg")
    assert mimetypes(encode(given({"_repr_jpeg_": buffer.getvalue()}))) == ["image/jpeg"]


def test_representations_are_selected_by_format():
    """A requested format comes from a representation, is converted between raster formats, or is refused."""
    drawn = given({"_repr_png_": png(), "_repr_svg_": SVG, "_repr_html_": "<p>words</p>"})
    assert mimetypes(encode(drawn, ("html", "svg"))) == ["text/html", "image/svg+xml"]
    assert mimetypes(encode(drawn, ("webp", "svgz"))) == ["image/webp", "image/svg+xml-compressed"]
    with pytest.raises(UnsupportedType, match="This Drawn is not available as pdf, only as png, svg, html"):
        encode(drawn, ("pdf",))


def test_tables_are_pages():
    """The HTML representation of a pandas table gets a link."""
    pandas = require_package("pandas")
    assert mimetypes(encode(pandas.DataFrame({"a": [1]}))) == ["text/html"]


def test_only_methods_of_the_class_count():
    """Classes, and objects that answer to every attribute name, have no representations."""

    class Answering:
        def __getattr__(self, name):
            return lambda *_: "anything"

    for obj in (Answering(), type(given({"_repr_html_": "<p></p>"}))):
        with pytest.raises(OutputInvalid, match="Cannot render an object of type"):
            encode(obj)


def test_a_failing_representation_is_named():
    """An error in an object's own representation method is reported with its type."""

    class Broken:
        def _repr_html_(self):
            raise KeyError("column")

    with pytest.raises(OutputInvalid, match="could not be drawn: KeyError: 'column'"):
        encode(Broken())
