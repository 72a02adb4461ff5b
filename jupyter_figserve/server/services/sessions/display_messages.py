"""Parses a kernel's display messages: the image, whose type is verified, and the ids. Server process.

A kernel may send anything: wrong types, broken base64, data that is no image. Only base64 is decoded.
"""

from __future__ import annotations

import binascii
from typing import Any

from ....errors import InvalidInput, TooLarge
from ....model.figures import MARKER, EncodedImage
from ....model.formats import FORMATS
from ..figures.upload import make_payload

CAPTURED_FORMATS = tuple(FORMATS[name] for name in ("png", "svg", "jpg", "webp"))
"""In order of preference, for a display in several formats."""
_MAX_ID_LENGTH = 200
_MAX_EXECUTION_COUNT = 10**9


def find_image(content: Any, max_bytes: int, max_pixels: int) -> EncodedImage | None:
    """Return the image in the content of a display message or an ``execute_result``; None without one.

    Parameters
    ----------
    max_pixels
        Of a raster image.

    Raises
    ------
    FigServeError
        When the data is too large, or not an image of the declared type.
    """
    bundle = _mapping(_mapping(content).get("data"))
    row = next((row for row in CAPTURED_FORMATS if row.mimetype in bundle), None)
    if row is None:
        return None
    text = bundle[row.mimetype]
    if not isinstance(text, str):
        raise InvalidInput(f"The display's {row.mimetype} is {type(text).__name__}, not a string.")
    # Base64 takes four characters for three bytes; the margin is for line breaks.
    if len(text) > max_bytes * 4 // 3 + 1_000:
        raise _too_large(max_bytes)
    image = make_payload(_decode(text, row.is_text), row.mimetype, {}, max_pixels)
    if len(image.data) > max_bytes:
        raise _too_large(max_bytes)
    return image


def find_mark(content: Any) -> str | None:
    """Return the mark that ``figserve.last()`` sends after all displays before it.

    "" for other displays of this package, which are not captured; None for all others.
    """
    metadata = _mapping(_mapping(content).get("metadata"))
    if MARKER not in metadata:
        return None
    mark = _mapping(metadata[MARKER]).get("mark")
    return mark if isinstance(mark, str) and len(mark) <= _MAX_ID_LENGTH else ""


def find_display_id(content: Any) -> str | None:
    display_id = _mapping(_mapping(content).get("transient")).get("display_id")
    return display_id if isinstance(display_id, str) and len(display_id) <= _MAX_ID_LENGTH else None


def find_execution_count(content: Any) -> int | None:
    """Return the number of the cell that an ``execute_input`` runs."""
    count = _mapping(content).get("execution_count")
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    return count if 0 <= count < _MAX_EXECUTION_COUNT else None


def _decode(text: str, is_text: bool) -> bytes:
    if is_text:
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput("The display contains lone surrogates.") from error
    try:
        # Some kernels wrap base64 into lines.
        return binascii.a2b_base64("".join(text.split()) if "\n" in text else text, strict_mode=True)
    except ValueError as error:
        raise InvalidInput("The display is not valid base64.") from error


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The display has more than {max_bytes:,} bytes (FigServe.figure_bytes).")


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
