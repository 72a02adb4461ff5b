"""A kernel's display message as the picture in it, seen to be what it says. Server process.

A kernel may send anything: wrong types, broken base64, what is no picture. Nothing is decoded but base64.
"""

from __future__ import annotations

import binascii
from typing import Any

from ....errors import InvalidInput, TooLarge
from ....model.figures import MARKER, EncodedImage
from ....model.formats import INLINE_FORMATS
from ..figures.upload import make_payload

_DISPLAY_ID_LENGTH = 200


def find_picture(content: Any, most: int, pixels: int) -> EncodedImage | None:
    """The picture of a ``display_data``'s, ``update_display_data``'s or ``execute_result``'s content; None without one.

    Parameters
    ----------
    most, pixels
        The most bytes, and pixels of a raster picture, that it may have.

    Raises
    ------
    FigServeError
        When what says that it is a picture is none, or too large a one.
    """
    data = _mapping(content).get("data")
    bundle = _mapping(data)
    row = next((row for row in INLINE_FORMATS if row.mimetype in bundle), None)
    if row is None:
        return None
    text = bundle[row.mimetype]
    if not isinstance(text, str):
        raise InvalidInput(f"What is displayed as {row.mimetype} is {type(text).__name__}.")
    if len(text) > most * 4 // 3 + 1_000:
        raise TooLarge(f"What is displayed has more than {most:,} bytes (FigServe.figure_bytes).")
    payload = make_payload(_bytes(text, row.is_text), row.mimetype, {}, pixels)
    if len(payload.data) > most:
        raise TooLarge(f"What is displayed has more than {most:,} bytes (FigServe.figure_bytes).")
    return payload


def find_mark(content: Any) -> str | None:
    """What ``figserve.last()`` sends behind all displays before it; "" for what else is ours, None for the rest."""
    metadata = _mapping(_mapping(content).get("metadata"))
    if MARKER not in metadata:
        return None
    mark = _mapping(metadata[MARKER]).get("mark")
    return mark if isinstance(mark, str) and len(mark) <= _DISPLAY_ID_LENGTH else ""


def find_display_id(content: Any) -> str | None:
    display_id = _mapping(_mapping(content).get("transient")).get("display_id")
    return display_id if isinstance(display_id, str) and len(display_id) <= _DISPLAY_ID_LENGTH else None


def find_count(content: Any) -> int | None:
    """The number of an ``execute_input``."""
    count = _mapping(content).get("execution_count")
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    return count if 0 <= count < 10**9 else None


def _bytes(text: str, is_text: bool) -> bytes:
    if is_text:
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput("What is displayed holds lone surrogates.") from error
    try:
        # Some kernels break the lines of base64.
        return binascii.a2b_base64("".join(text.split()) if "\n" in text else text, strict_mode=True)
    except ValueError as error:
        raise InvalidInput("What is displayed is not base64.") from error


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
