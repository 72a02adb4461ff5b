"""Images of a matplotlib figure in each format, with the same bytes each time. Kernel and jailed child."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import UnsupportedType
from ..model.figures import EncodedImage
from ..model.formats import FORMATS, Format
from ..model.images.vector_sizes import CSS_DPI
from .canvas import Raster, drawn, own_canvas, rc
from .clip_ids import with_reproducible_ids
from .images import PNG, check_pixels, encode_image, image_of, to_encoded_image, to_svgz
from .png import encode_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HASH_SALT = "jupyter_figserve"
# matplotlib's own results; the other raster formats are written from the pixels.
_SAVED_BY_MATPLOTLIB = frozenset({"svg", "pdf", "eps", "jpg", "webp"})
_EPS_DATE = re.compile(rb"^%%CreationDate:.*\n", re.MULTILINE)
_UNDATED: Mapping[str, dict[str, Any]] = {
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None}},
}


def to_png(raster: Raster) -> EncodedImage:
    """Return pixels as matplotlib's PNG."""
    import matplotlib

    height, width, _ = raster.pixels.shape
    software = f"Matplotlib version{matplotlib.__version__}, https://matplotlib.org/"
    data = encode_png(raster.pixels, dpi=raster.dpi, metadata={"Software": software})
    return EncodedImage(PNG.mimetype, data, width, height, raster.dpi)


def save_as(figure: Figure, row: Format, options: Mapping[str, Any]) -> EncodedImage:
    """Return what ``savefig(**options)`` writes in a format, without date and with reproducible ids.

    Raises
    ------
    UnsupportedType
        The format is HTML.
    """
    if row.name == "html":
        raise UnsupportedType("A matplotlib figure is not available as html. Use an image format such as png or svg.")
    if row.name == "svgz":
        return to_svgz(save_as(figure, FORMATS["svg"], options))
    if row.is_vector:
        check_pixels(*(side * CSS_DPI for side in figure.get_size_inches()))
    elif row.name not in _SAVED_BY_MATPLOTLIB:
        with drawn(figure, options) as raster:
            return encode_image(image_of(raster.pixels), row, dpi=raster.dpi)
    buffer = io.BytesIO()
    with own_canvas(figure) as canvas, rc(hash_salt()):
        figure.savefig(buffer, format=row.name, **options, **_UNDATED.get(row.name, {}))
        dpi = canvas.saved_dpi if row.is_raster else None
    data = buffer.getvalue()
    if row.name == "eps":
        data = _EPS_DATE.sub(b"", data, count=1)
    return to_encoded_image(row, with_reproducible_ids(data) if row.name == "svg" else data, dpi=dpi)


def hash_salt() -> dict[str, str]:
    """Return the rcParam that makes the ids of an SVG reproducible: the user's own value, else ours."""
    import matplotlib

    return {"svg.hashsalt": matplotlib.rcParams["svg.hashsalt"] or _HASH_SALT}
