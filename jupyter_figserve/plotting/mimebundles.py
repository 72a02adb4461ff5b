"""Objects that draw themselves: Plotly, Altair, Bokeh, and IPython's representations. Kernel and sandbox.

HTML has its library inlined: it is served where nothing can be fetched.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from ..errors import OutputInvalid, UnsupportedType
from ..model.figures import EncodedImage
from ..model.formats import CSS_DPI, FORMATS, Format, get_format
from .images import PNG, image_payload, is_raster, open_image, payload_of, svgz_payload

HTML = FORMATS["html"]
DEFAULT_FORMATS = (PNG,)
"""What a caller asks who has not said anything: objects without a PNG then give what they have."""

# In the order of preference: pictures before markup, and what keeps every pixel before what does not.
_METHODS = {
    "png": "_repr_png_",
    "svg": "_repr_svg_",
    "jpg": "_repr_jpeg_",
    "webp": "_repr_webp_",
    "pdf": "_repr_pdf_",
    "html": "_repr_html_",
}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Payloads = tuple[EncodedImage, ...]
Rows = tuple[Format, ...]


def find_payloads(obj: object, rows: Rows, dpi: float | None) -> Payloads | None:
    """What ``obj`` draws of itself, in the order of ``rows``; None when it has no representation.

    With ``DEFAULT_FORMATS``, libraries of interactive plots give HTML first, others the best that they have.

    Raises
    ------
    UnsupportedType
        For a format that the object does not have.
    OutputInvalid
        When a library that is needed for the format is not installed.
    """
    for module, class_name, encode in _LIBRARIES:
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(obj, getattr(loaded, class_name, ())):
            return encode(obj, rows, dpi)
    bundle = _bundle(obj)
    return _bundle_payloads(type(obj).__name__, bundle, rows) if bundle else None


def _plotly_payloads(figure: Any, rows: Rows, dpi: float | None) -> Payloads:
    scale = None if dpi is None else dpi / CSS_DPI

    def draw(row: Format) -> bytes:
        if row is HTML:
            # A fixed id, because the default is random and equal figures shall have equal digests.
            page: str = figure.to_html(include_plotlyjs=True, full_html=True, div_id="figure")
            return page.encode()
        _need("kaleido", "kaleido", f"Plotly figures as {row.name}")
        image: bytes = figure.to_image(format="jpeg" if row.name == "jpg" else row.name, scale=scale)
        return image

    wanted = (HTML,) if rows == DEFAULT_FORMATS else rows
    _check_rows("A Plotly figure", wanted, ("html", "png", "svg", "pdf", "jpg", "webp"))
    return tuple(payload_of(row, draw(row)) for row in wanted)


def _altair_payloads(chart: Any, rows: Rows, dpi: float | None) -> Payloads:
    wanted = (HTML, PNG) if rows == DEFAULT_FORMATS else rows
    _check_rows("An Altair chart", wanted, ("html", "png", "svg", "svgz", "pdf", "jpg", "webp"))
    _need("vl_convert", "vl-convert-python", "Altair charts (their pictures, and their HTML with Vega inlined)")
    return tuple(_altair_payload(chart, row, dpi) for row in wanted)


def _altair_payload(chart: Any, row: Format, dpi: float | None) -> EncodedImage:
    if row is HTML:
        return payload_of(row, chart.to_html(inline=True).encode())
    if row.name == "svgz":
        return svgz_payload(_altair_payload(chart, FORMATS["svg"], dpi))
    if row.name in ("jpg", "webp"):
        return image_payload(open_image(_altair_payload(chart, PNG, dpi).data), row)
    buffer: Any = io.StringIO() if row.name == "svg" else io.BytesIO()
    # Vega writes 72 dots per inch for a pixel of CSS; ``ppi`` scales from there.
    chart.save(buffer, format=row.name, **({"ppi": dpi} if dpi is not None and row is PNG else {}))
    data = buffer.getvalue()
    return payload_of(row, data.encode() if isinstance(data, str) else data)


def _bokeh_payloads(model: Any, rows: Rows, _dpi: float | None) -> Payloads:
    from bokeh.embed import file_html
    from bokeh.resources import INLINE

    wanted = (HTML,) if rows == DEFAULT_FORMATS else rows
    _check_rows("A Bokeh plot", wanted, ("html",))
    page = file_html(model, resources=INLINE, title="Bokeh plot")
    ids: dict[str, str] = {}
    # The ids of elements are random; numbered instead, equal documents have equal digests.
    page = _UUID.sub(lambda match: ids.setdefault(match[0], f"figure-{len(ids)}"), page)
    return (payload_of(HTML, page.encode()),) * len(wanted)


_Encoder = Callable[[Any, Rows, float | None], Payloads]
_LIBRARIES: tuple[tuple[str, str, _Encoder], ...] = (
    ("plotly.basedatatypes", "BaseFigure", _plotly_payloads),
    ("altair", "TopLevelMixin", _altair_payloads),
    ("bokeh.models", "Model", _bokeh_payloads),
)


def _bundle(obj: object) -> dict[str, bytes]:
    """The representations that IPython would display, by format, best first."""
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
    """What the representation gives, without IPython's metadata.

    Only methods of the class count: objects that answer to every name would answer to these.
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
        found[row.name] = data


def _bundle_payloads(kind: str, bundle: dict[str, bytes], rows: Rows) -> Payloads:
    if rows == DEFAULT_FORMATS:
        best = next(iter(bundle))
        return (payload_of(get_format(best), bundle[best]),)
    return tuple(_bundle_payload(kind, bundle, row) for row in rows)


def _bundle_payload(kind: str, bundle: dict[str, bytes], row: Format) -> EncodedImage:
    if row.name in bundle:
        return payload_of(row, bundle[row.name])
    pixels = next((data for name, data in bundle.items() if is_raster(FORMATS[name])), None)
    if pixels is not None and is_raster(row):
        return image_payload(open_image(pixels), row)
    if row.name == "svgz" and "svg" in bundle:
        return svgz_payload(payload_of(FORMATS["svg"], bundle["svg"]))
    raise UnsupportedType(f"This {kind} has no {row.name} form; it gives {', '.join(bundle)}.")


def bytes_payloads(data: bytes, row: Format, rows: Rows) -> Payloads:
    """Encoded bytes as they are, or in the other formats asked for."""
    return _bundle_payloads(f"{row.name} picture", {row.name: data}, rows)


def _check_rows(what: str, rows: Rows, names: tuple[str, ...]) -> None:
    for row in rows:
        if row.name not in names:
            raise UnsupportedType(f"{what} has no {row.name} form; ask for {', '.join(names)}.")


def _need(module: str, package: str, what: str) -> None:
    if find_spec(module) is None:
        raise OutputInvalid(f"{what} need {package}: pip install {package}", code="missing_library")
