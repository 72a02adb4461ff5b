"""Objects with rich representations: Plotly, Altair, Bokeh, and IPython's mimebundles. Kernel and jailed child.

HTML has its JavaScript library inlined, because it is served in a frame that cannot load anything.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from ..errors import OutputInvalid, UnsupportedType
from ..model.figures import EncodedImage
from ..model.formats import FORMATS, Format, begin_html, get_format
from ..model.images.vector_sizes import CSS_DPI
from .images import PNG, encode_image, open_image, to_encoded_image, to_svgz
from .libraries import ALTAIR, BOKEH, PLOTLY, is_instance

HTML = FORMATS["html"]
DEFAULT_FORMATS = (PNG,)
"""The default of callers; objects without a PNG then return the formats that they have."""

# In order of preference: images before HTML, lossless before lossy.
_METHODS = {
    "png": "_repr_png_",
    "svg": "_repr_svg_",
    "jpg": "_repr_jpeg_",
    "webp": "_repr_webp_",
    "pdf": "_repr_pdf_",
    "html": "_repr_html_",
}
_FILLING = ("stretch", "scale")
"""Beginnings of Bokeh's sizing modes that follow the window."""
_CENTERED = "html>body{display:grid;justify-content:safe center;align-content:start}"
_CENTERED_CHART = "body>#vis.vega-embed{justify-content:safe center}"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Images = tuple[EncodedImage, ...]
Rows = tuple[Format, ...]


def find_images(obj: object, rows: Rows, dpi: float | None) -> Images | None:
    """Return the representations of ``obj`` in the order of ``rows``, None if it has none.

    With ``DEFAULT_FORMATS``, interactive plots return HTML first, other objects their preferred format.

    Raises
    ------
    UnsupportedType
        The object is not available in a format.
    OutputInvalid
        The library for a format is not installed.
    """
    encode = _find_encoder(obj)
    if encode is not None:
        return encode(obj, rows, dpi)
    bundle = _bundle(obj)
    return _images_of_bundle(type(obj).__name__, bundle, rows) if bundle else None


def is_of_library(obj: object) -> bool:
    """Whether ``obj`` is a figure of Plotly, Altair or Bokeh, found without rendering it."""
    return _find_encoder(obj) is not None


def offers_image(obj: object) -> bool:
    """Whether ``obj`` has a representation that is an image, and not only HTML."""
    encode = _find_encoder(obj)
    if encode is not None:
        return encode is not _bokeh_images
    return any(name != "html" for name in _bundle(obj))


def _find_encoder(obj: object) -> _Encoder | None:
    for kind, encode in _LIBRARIES:
        if is_instance(obj, *kind):
            return encode
    return None


def _plotly_images(figure: Any, rows: Rows, dpi: float | None) -> Images:
    scale = None if dpi is None else dpi / CSS_DPI

    def draw(row: Format) -> bytes:
        if row is HTML:
            # A fixed id instead of a random one, so that equal figures have equal digests.
            page: str = figure.to_html(include_plotlyjs=True, full_html=True, div_id="figure")
            return page.encode()
        _require("kaleido", "kaleido", f"Plotly figures as {row.name}")
        image: bytes = figure.to_image(format="jpeg" if row.name == "jpg" else row.name, scale=scale)
        return image

    requested = (HTML,) if rows == DEFAULT_FORMATS else rows
    _check_rows("A Plotly figure", requested, ("html", "png", "svg", "pdf", "jpg", "webp"))
    return tuple(to_encoded_image(row, draw(row)) for row in requested)


def _altair_images(chart: Any, rows: Rows, dpi: float | None) -> Images:
    requested = (HTML, PNG) if rows == DEFAULT_FORMATS else rows
    _check_rows("An Altair chart", requested, ("html", "png", "svg", "svgz", "pdf", "jpg", "webp"))
    _require("vl_convert", "vl-convert-python", "Altair charts (as images, and as HTML with Vega inlined)")
    return tuple(_altair_image(chart, row, dpi) for row in requested)


def _altair_image(chart: Any, row: Format, dpi: float | None) -> EncodedImage:
    if row is HTML:
        # A chart that fills its container leaves no room, and stays as it is.
        page = chart.to_html(inline=True).replace("<style>", f"<style>{_CENTERED_CHART}", 1)
        return to_encoded_image(row, page.encode())
    if row.name == "svgz":
        return to_svgz(_altair_image(chart, FORMATS["svg"], dpi))
    if row.name in ("jpg", "webp"):
        return encode_image(open_image(_altair_image(chart, PNG, dpi).data), row)
    buffer: Any = io.StringIO() if row.name == "svg" else io.BytesIO()
    # ``ppi`` 72 is one dot per CSS pixel.
    chart.save(buffer, format=row.name, **({"ppi": dpi} if dpi is not None and row is PNG else {}))
    data = buffer.getvalue()
    return to_encoded_image(row, data.encode() if isinstance(data, str) else data)


def _bokeh_images(model: Any, rows: Rows, _dpi: float | None) -> Images:
    from bokeh.embed import file_html
    from bokeh.resources import INLINE

    requested = (HTML,) if rows == DEFAULT_FORMATS else rows
    _check_rows("A Bokeh plot", requested, ("html",))
    page = file_html(model, resources=INLINE, title="Bokeh plot")
    if not any(str(getattr(one, "sizing_mode", "")).startswith(_FILLING) for one in model.references()):
        # Bokeh's own rule follows, for the body without its parent.
        page = page.replace("<style>", f"<style>{_CENTERED}", 1)
    ids: dict[str, str] = {}
    # Numbered ids instead of random ones, so that equal documents have equal digests.
    page = _UUID.sub(lambda match: ids.setdefault(match[0], f"figure-{len(ids)}"), page)
    return (to_encoded_image(HTML, page.encode()),) * len(requested)


_Encoder = Callable[[Any, Rows, float | None], Images]
_LIBRARIES: tuple[tuple[tuple[str, str], _Encoder], ...] = (
    (PLOTLY, _plotly_images),
    (ALTAIR, _altair_images),
    (BOKEH, _bokeh_images),
)


def _bundle(obj: object) -> dict[str, bytes]:
    """Return the representations that IPython would display, by format, the preferred one first."""
    found: dict[str, bytes] = {}
    mimebundle = _represent(obj, "_repr_mimebundle_")
    if isinstance(mimebundle, Mapping):
        for row in FORMATS.values():
            _keep(found, row, mimebundle.get(row.mimetype))
    for name, method in _METHODS.items():
        if name not in found:
            _keep(found, FORMATS[name], _represent(obj, method))
    return {name: found[name] for name in _METHODS if name in found}


def _represent(obj: object, method: str) -> Any:
    """Call a representation method, and drop IPython's metadata.

    Only methods of the class count: some objects have every attribute.
    """
    function = getattr(type(obj), method, None)
    if not callable(function):
        return None
    value = function(obj)
    return value[0] if isinstance(value, tuple) and value else value


def _keep(found: dict[str, bytes], row: Format, value: object) -> None:
    if isinstance(value, str) and not row.is_text:
        try:
            value = base64.b64decode(value)
        except (binascii.Error, ValueError):
            return
    data = value.encode() if isinstance(value, str) else value
    if isinstance(data, bytes) and data.strip():
        found[row.name] = begin_html(data) if row is HTML else data


def _images_of_bundle(kind: str, bundle: dict[str, bytes], rows: Rows) -> Images:
    if rows == DEFAULT_FORMATS:
        best = next(iter(bundle))
        return (to_encoded_image(get_format(best), bundle[best]),)
    return tuple(_image_of_bundle(kind, bundle, row) for row in rows)


def _image_of_bundle(kind: str, bundle: dict[str, bytes], row: Format) -> EncodedImage:
    if row.name in bundle:
        return to_encoded_image(row, bundle[row.name])
    pixels = next((data for name, data in bundle.items() if FORMATS[name].is_raster), None)
    if pixels is not None and row.is_raster:
        return encode_image(open_image(pixels), row)
    if row.name == "svgz" and "svg" in bundle:
        return to_svgz(to_encoded_image(FORMATS["svg"], bundle["svg"]))
    raise UnsupportedType(f"This {kind} is not available as {row.name}, only as {', '.join(bundle)}.")


def images_of_bytes(data: bytes, row: Format, rows: Rows) -> Images:
    """Return encoded bytes unchanged, or converted to the requested formats."""
    return _images_of_bundle(f"{row.name} image", {row.name: data}, rows)


def _check_rows(what: str, rows: Rows, names: tuple[str, ...]) -> None:
    for row in rows:
        if row.name not in names:
            raise UnsupportedType(f"{what} is not available as {row.name}; use {', '.join(names)}.")


def _require(module: str, package: str, what: str) -> None:
    if find_spec(module) is None:
        raise OutputInvalid(f"{what} need {package}: pip install {package}", code="missing_library")
