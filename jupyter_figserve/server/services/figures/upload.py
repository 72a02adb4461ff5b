"""Parses and checks an uploaded figure. Server process.

No image is decoded: formats are recognized by their first bytes, and sizes are read from headers.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from typing import Any

from tornado.httputil import HTTPHeaders, parse_body_arguments

from ....errors import InvalidInput, TooLarge, UnsupportedType
from ....model.display_size import parse_display_size
from ....model.fields import check_field_names, object_field, size_or_none
from ....model.figures import EncodedImage
from ....model.formats import FORMATS, Format, get_format_of_mimetype, looks_like
from ....model.images.headers import is_apng, read_header
from ....model.images.svg import check_svg, to_utf8
from ....model.images.vector_sizes import vector_size
from ....model.places import Place, read_place
from ....model.texts import MAX_ALT_LENGTH, MAX_CAPTION_LENGTH, MAX_TITLE_LENGTH, check_name, slug, validate_single_line

_MAX_PARTS = 20
_MAX_JSON_BYTES = 64 * 1024
_MAX_UNPACKED_BYTES = 32 * 1024 * 1024
_MAX_GZIP_MEMBERS = 100
_STATED_WITHIN = 64 * 1024
"""Bytes at the beginning and at the end of a vector image in which its size is looked for."""
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
FIELDS = ("name", "title", "alt", "caption", "cell", "provenance", "sizes", "collection", "notebook")


@dataclass(frozen=True)
class PublishRequest:
    """The parsed and checked fields and images of an upload."""

    name: str
    title: str
    alt: str
    caption: str | None
    images: tuple[EncodedImage, ...]
    thumbnail: EncodedImage | None
    provenance: dict[str, Any]
    place: Place
    code: str = ""


def read_upload(
    body: bytes, headers: HTTPHeaders, query: dict[str, str], max_pixels: int, max_frames: int | None = None
) -> PublishRequest:
    """Parse an upload: an image as the body with the fields in the query, or ``multipart/form-data``.

    Parameters
    ----------
    max_pixels
        Maximum number of pixels of a raster image.
    max_frames
        Maximum number of frames of an animation; None for no limit.

    Raises
    ------
    InvalidInput, TooLarge, UnsupportedType
        When the upload is not valid.
    """
    content_type = headers.get("Content-Type", "")
    if content_type.lower().startswith("multipart/form-data"):
        return _read_multipart(body, content_type, query, max_pixels, max_frames)
    image = parse_image(body, content_type, {}, max_pixels, max_frames)
    return _make_request(query, (image,), None)


def _read_multipart(
    body: bytes, content_type: str, query: dict[str, str], max_pixels: int, max_frames: int | None
) -> PublishRequest:
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[Any]] = {}
    if body.count(b"\r\nContent-Disposition:") > _MAX_PARTS * 2:
        raise InvalidInput(f"The form has more than {_MAX_PARTS} parts.", code="too_many_parts")
    try:
        parse_body_arguments(content_type, body, arguments, files)
    except Exception as error:  # tornado's parser raises errors of several types
        raise InvalidInput("The form could not be read as multipart/form-data.", code="invalid_form") from error
    fields = _figure_json(arguments, files) | query
    parts = files.get("representation", [])
    if not parts:
        raise InvalidInput('The form has no part named "representation" with a file name and a type.')
    sizes = fields.get("sizes") or []
    images = tuple(
        parse_image(part["body"], part["content_type"], _size_at(sizes, index), max_pixels, max_frames)
        for index, part in enumerate(parts)
    )
    if len({image.mimetype for image in images}) < len(images):
        raise InvalidInput("Two representations have the same type. Send one of each type.")
    thumbnail = next(
        (parse_image(part["body"], part["content_type"], {}, max_pixels) for part in files.get("thumbnail", [])), None
    )
    if thumbnail is not None and thumbnail.mimetype != "image/png":
        raise UnsupportedType("A thumbnail must be image/png.")
    return _make_request(fields, images, thumbnail, _text_part(arguments, files, "code"))


def _make_request(
    fields: dict[str, Any], images: tuple[EncodedImage, ...], thumbnail: EncodedImage | None, code: str = ""
) -> PublishRequest:
    check_field_names(fields, FIELDS)
    title = validate_single_line(fields.get("title"), "title", MAX_TITLE_LENGTH)
    cell, caption = object_field(fields, "cell"), fields.get("caption")
    return PublishRequest(
        name=_choose_name(fields.get("name"), title),
        title=title,
        alt=validate_single_line(fields.get("alt"), "alternative text", MAX_ALT_LENGTH),
        caption=None if caption is None else validate_single_line(caption, "caption", MAX_CAPTION_LENGTH),
        images=images,
        thumbnail=thumbnail,
        provenance=({"cell": cell} if cell else {}) | object_field(fields, "provenance"),
        place=read_place(fields),
        code=code,
    )


def _text_part(arguments: dict[str, list[bytes]], files: dict[str, list[Any]], name: str) -> str:
    """Return a text of a form, sent with or without a file name; empty if it is missing."""
    texts = arguments.get(name) or [part["body"] for part in files.get(name, [])]
    return texts[0].decode("utf-8", "replace") if texts else ""


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


def parse_image(
    data: bytes, content_type: str, size: dict[str, Any], max_pixels: int, max_frames: int | None = None
) -> EncodedImage:
    """Return an image with its size, after checking its bytes against its type; an SVG is converted to UTF-8.

    Raises
    ------
    InvalidInput, TooLarge, UnsupportedType
        When the image is not valid.
    """
    row = get_format_of_mimetype(content_type)
    if not data:
        raise InvalidInput("The image is empty.")
    if row is FORMATS["png"] and is_apng(data):
        row = FORMATS["apng"]
    data = _check_bytes(row, data)
    dpi = size_or_none(size.get("dpi"))
    if not row.is_raster:
        own = _pixels(size.get("width")), _pixels(size.get("height"))
        if None in own:
            own = _size_of_vector(row, data)
        return EncodedImage(row.mimetype, data, *own, dpi, None, None, *_display_size(size, own))
    header = read_header(row.name, data)
    if header is None:
        raise UnsupportedType(f"The header of the {row.name} image cannot be read.", code="type_mismatch")
    if header.largest > max_pixels:
        has_larger = header.largest > header.width * header.height
        frame = f", with {header.largest:,} in one frame or page" if has_larger else ""
        raise TooLarge(
            f"The image has {header.width} × {header.height} pixels{frame}; the maximum is {max_pixels:,}"
            " (FigServe.figure_pixels)."
        )
    if max_frames is not None and header.frames > max_frames:
        raise TooLarge(
            f"The animation has {header.frames:,} frames; the maximum is {max_frames:,} (FigServe.animation_frames)."
        )
    frames = header.frames if header.is_animated else None
    shown = _display_size(size, (header.width, header.height))
    return EncodedImage(row.mimetype, data, header.width, header.height, dpi, frames, header.duration, *shown)


def _size_of_vector(row: Format, data: bytes) -> tuple[int | None, int | None]:
    """Return the size that a vector image states near its beginning or end, in CSS pixels."""
    if row is FORMATS["svgz"]:
        row, data = FORMATS["svg"], zlib.decompressobj(wbits=31).decompress(data, _STATED_WITHIN)
    if len(data) > 2 * _STATED_WITHIN:
        data = data[:_STATED_WITHIN] + data[-_STATED_WITHIN:]
    width, height = vector_size(row.name, data) or (None, None)
    own = _pixels(width), _pixels(height)
    return (None, None) if None in own else own


def _display_size(size: dict[str, Any], own: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
    return parse_display_size(size.get("display_width"), size.get("display_height"), own)


def _check_bytes(row: Format, data: bytes) -> bytes:
    """Check the bytes against the declared type, and return them, an SVG in UTF-8.

    Raises
    ------
    InvalidInput, TooLarge, UnsupportedType
        When they are another type, or an SVG that is unsafe.
    """
    is_svg = row is FORMATS["svg"]
    if is_svg:
        # First: an SVG that declares entities fails the next check too, with a less helpful message.
        data = to_utf8(data)
        check_svg(data)
    if not looks_like(row, data) or (data.startswith(FORMATS["png"].magic) and not data.endswith(_PNG_END)):
        raise UnsupportedType(f"The body is not {row.mimetype}, its declared type.", code="type_mismatch")
    if row is FORMATS["svgz"]:
        _check_svgz(data)
    return data


def _check_svgz(data: bytes) -> None:
    """Check a compressed SVG, with all its gzip members, without unpacking more than the limit."""
    text = _unpack(data)
    check_svg(to_utf8(text))
    if not looks_like(FORMATS["svg"], text):
        raise UnsupportedType("The unpacked body is not an SVG.", code="type_mismatch")


def _unpack(data: bytes) -> bytes:
    parts: list[bytes] = []
    left = _MAX_UNPACKED_BYTES + 1
    for _ in range(_MAX_GZIP_MEMBERS):
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(data, left))
        except zlib.error as error:
            raise UnsupportedType("The body is not gzip.", code="type_mismatch") from error
        left -= len(parts[-1])
        if left <= 0:
            raise TooLarge(f"The SVG has more than {_MAX_UNPACKED_BYTES:,} bytes when unpacked.")
        if not member.eof:
            raise UnsupportedType("The gzip body ends early.", code="type_mismatch")
        data = member.unused_data
        if not data:
            return b"".join(parts)
    raise UnsupportedType(f"The gzip body has more than {_MAX_GZIP_MEMBERS} members.", code="type_mismatch")


def _pixels(value: object) -> int | None:
    size = size_or_none(value)
    return None if size is None else max(1, round(size))
