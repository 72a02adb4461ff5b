"""Parses and checks an uploaded figure. Server process.

No image is decoded: a format is recognized by its first bytes, a PNG's size is in its header.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from typing import Any

from tornado.httputil import HTTPHeaders, parse_body_arguments

from ....errors import InvalidInput, TooLarge, UnsupportedType
from ....model.fields import check_field_names, object_field, size_or_none
from ....model.figures import (
    ALT_LENGTH,
    CAPTION_LENGTH,
    TITLE_LENGTH,
    EncodedImage,
    check_name,
    slug,
    validate_single_line,
)
from ....model.formats import FORMATS, Format, get_format_of_mimetype, looks_like, png_size
from ....model.places import Place, read_place

_MAX_PARTS = 20
_MAX_JSON_BYTES = 64 * 1024
_MAX_UNPACKED_BYTES = 32 * 1024 * 1024
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
FIELDS = ("name", "title", "alt", "caption", "cell", "provenance", "sizes", "collection", "notebook")


@dataclass(frozen=True)
class PublishRequest:
    """The parsed and checked fields and images of an upload."""

    name: str
    title: str
    alt: str
    caption: str | None
    payloads: tuple[EncodedImage, ...]
    thumbnail: EncodedImage | None
    provenance: dict[str, Any]
    place: Place


def read_upload(body: bytes, headers: HTTPHeaders, query: dict[str, str], max_pixels: int) -> PublishRequest:
    """Parse an upload: an image as the body with the fields in the query, or ``multipart/form-data``.

    Parameters
    ----------
    max_pixels
        Maximum number of pixels of a raster image.

    Raises
    ------
    InvalidInput, TooLarge, UnsupportedType
        When the upload is not valid.
    """
    content_type = headers.get("Content-Type", "")
    if content_type.lower().startswith("multipart/form-data"):
        return _read_multipart(body, content_type, query, max_pixels)
    payload = make_payload(body, content_type, {}, max_pixels)
    return _make_request(query, (payload,), None)


def _read_multipart(body: bytes, content_type: str, query: dict[str, str], max_pixels: int) -> PublishRequest:
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[Any]] = {}
    if body.count(b"\r\nContent-Disposition:") > _MAX_PARTS * 2:
        raise InvalidInput(f"The form has more than {_MAX_PARTS} parts.", code="too_many_parts")
    try:
        parse_body_arguments(content_type, body, arguments, files)
    except Exception as error:
        raise InvalidInput("The form could not be read as multipart/form-data.", code="invalid_form") from error
    fields = _figure_json(arguments, files) | query
    images = files.get("representation", [])
    if not images:
        raise InvalidInput('The form has no part named "representation" with a file name and a type.')
    sizes = fields.get("sizes") or []
    payloads = tuple(
        make_payload(part["body"], part["content_type"], _size_at(sizes, index), max_pixels)
        for index, part in enumerate(images)
    )
    if len({payload.mimetype for payload in payloads}) < len(payloads):
        raise InvalidInput("Two representations have the same type. Send one of each type.")
    thumbnail = next(
        (make_payload(part["body"], part["content_type"], {}, max_pixels) for part in files.get("thumbnail", [])), None
    )
    if thumbnail is not None and thumbnail.mimetype != "image/png":
        raise UnsupportedType("A thumbnail must be image/png.")
    return _make_request(fields, payloads, thumbnail)


def _make_request(
    fields: dict[str, Any], payloads: tuple[EncodedImage, ...], thumbnail: EncodedImage | None
) -> PublishRequest:
    check_field_names(fields, FIELDS)
    title = validate_single_line(fields.get("title"), "title", TITLE_LENGTH)
    cell, caption = object_field(fields, "cell"), fields.get("caption")
    return PublishRequest(
        name=_choose_name(fields.get("name"), title),
        title=title,
        alt=validate_single_line(fields.get("alt"), "alternative text", ALT_LENGTH),
        caption=None if caption is None else validate_single_line(caption, "caption", CAPTION_LENGTH),
        payloads=payloads,
        thumbnail=thumbnail,
        provenance=({"cell": cell} if cell else {}) | object_field(fields, "provenance"),
        place=read_place(fields),
    )


def _choose_name(given: object, title: str) -> str:
    if given is not None:
        return check_name(given)
    made = slug(title)
    if made is None:
        raise InvalidInput("The figure needs a name: add ?name=… or a title.", code="name_missing")
    return made


def _figure_json(arguments: dict[str, list[bytes]], files: dict[str, list[Any]]) -> dict[str, Any]:
    """Return the ``figure`` part, which clients send with or without a file name."""
    texts = arguments.get("figure") or [part["body"] for part in files.get("figure", [])]
    if not texts:
        return {}
    if len(texts[0]) > _MAX_JSON_BYTES:
        raise TooLarge(f"The figure part has more than {_MAX_JSON_BYTES:,} bytes.")
    try:
        data = json.loads(texts[0], parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The figure part is not JSON.", code="invalid_json") from error
    if not isinstance(data, dict):
        raise InvalidInput("The figure part is not a JSON object.", code="invalid_json")
    return {name: value for name, value in data.items() if value is not None}


def _finite(text: str) -> float:
    """Refuse infinity and NaN, which Python parses but JSON cannot represent."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _size_at(sizes: object, index: int) -> dict[str, Any]:
    size = sizes[index] if isinstance(sizes, list) and index < len(sizes) else {}
    return size if isinstance(size, dict) else {}


def make_payload(data: bytes, content_type: str, size: dict[str, Any], max_pixels: int) -> EncodedImage:
    """Return an image with its size, after checking its bytes against its type.

    Raises
    ------
    InvalidInput, TooLarge, UnsupportedType
        When the image is not valid.
    """
    row = get_format_of_mimetype(content_type)
    if not data:
        raise InvalidInput("The image is empty.")
    check_bytes(row, data)
    width, height = png_size(data) or (_pixels(size.get("width")), _pixels(size.get("height")))
    if not row.is_vector and width and height and width * height > max_pixels:
        raise TooLarge(
            f"The image has {width} × {height} pixels; the maximum is {max_pixels:,} (FigServe.figure_pixels)."
        )
    return EncodedImage(row.mimetype, data, width, height, size_or_none(size.get("dpi")))


def check_bytes(row: Format, data: bytes) -> None:
    """Check the first bytes, and the last ones of a PNG, against the declared type."""
    if row is FORMATS["svg"]:
        # First: an SVG that declares entities fails the next check too, with a less helpful message.
        _check_svg(data)
    if not looks_like(row, data) or (row is FORMATS["png"] and not data.endswith(_PNG_END)):
        raise UnsupportedType(f"The body is not {row.mimetype}, its declared type.", code="type_mismatch")
    if row is FORMATS["svgz"]:
        _check_svgz(data)


def _check_svg(data: bytes) -> None:
    """Refuse entity declarations, whose only use in an image is to make viewers expand or fetch them."""
    upper = data.upper()
    doctype = upper.find(b"<!DOCTYPE")
    if b"<!ENTITY" in upper or (doctype >= 0 and b"[" in upper[doctype : upper.find(b">", doctype) + 1]):
        raise InvalidInput("The SVG declares entities. Remove the declarations.", code="svg_entities")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data:
        raise InvalidInput("The SVG is not UTF-8. Encode it as UTF-8.", code="svg_encoding")


def _check_svgz(data: bytes) -> None:
    """Check a compressed SVG, without unpacking more than the limit."""
    try:
        text = zlib.decompressobj(wbits=31).decompress(data, _MAX_UNPACKED_BYTES + 1)
    except zlib.error as error:
        raise UnsupportedType("The body is not gzip.", code="type_mismatch") from error
    if len(text) > _MAX_UNPACKED_BYTES:
        raise TooLarge(f"The SVG has more than {_MAX_UNPACKED_BYTES:,} bytes when unpacked.")
    _check_svg(text)
    if not looks_like(FORMATS["svg"], text):
        raise UnsupportedType("The unpacked body is not an SVG.", code="type_mismatch")


def _pixels(value: object) -> int | None:
    size = size_or_none(value)
    return None if size is None else max(1, round(size))
