"""A figure on its way in: the body read within bounds, its parts told apart, its bytes seen to be what they say.

Server process. Nothing is decoded: a format is known by its first bytes, a PNG's size by its header.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from typing import Any

from tornado.httputil import HTTPHeaders, parse_body_arguments

from ....errors import InvalidInput, TooLarge, UnsupportedType
from ....model.figures import ALT_LENGTH, TITLE_LENGTH, EncodedImage, check_name, slug, validate_single_line
from ....model.formats import FORMATS, Format, get_format_of_mimetype, looks_like, png_size

_PARTS = 20
_JSON_LIMIT = 64 * 1024
_EXPANDED_LIMIT = 32 * 1024 * 1024
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
FIELDS = ("name", "title", "alt", "cell", "provenance", "sizes")


@dataclass(frozen=True)
class PublishRequest:
    """A publish as it came, checked."""

    name: str
    title: str
    alt: str
    payloads: tuple[EncodedImage, ...]
    thumbnail: EncodedImage | None
    provenance: dict[str, Any]


def read_upload(body: bytes, headers: HTTPHeaders, query: dict[str, str], pixels: int) -> PublishRequest:
    """The image as body with words in the query, or ``multipart/form-data``.

    Parameters
    ----------
    pixels
        The most that a raster picture may have.

    Raises
    ------
    InvalidInput, TooLarge, UnsupportedType
        Saying what is wrong with it.
    """
    content_type = headers.get("Content-Type", "")
    if content_type.lower().startswith("multipart/form-data"):
        return _read_multipart(body, content_type, query, pixels)
    payload = make_payload(body, content_type, {}, pixels)
    return _upload(query, (payload,), None)


def _read_multipart(body: bytes, content_type: str, query: dict[str, str], pixels: int) -> PublishRequest:
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[Any]] = {}
    if body.count(b"\r\nContent-Disposition:") > _PARTS * 2:
        raise InvalidInput(f"The form has more than {_PARTS} parts.", code="too_many_parts")
    try:
        parse_body_arguments(content_type, body, arguments, files)
    except Exception as error:
        raise InvalidInput("The form could not be read as multipart/form-data.", code="invalid_form") from error
    words = _figure_json(arguments, files) | query
    pictures = files.get("representation", [])
    if not pictures:
        raise InvalidInput('The form has no part named "representation" with a file name and a type.')
    sizes = words.get("sizes") or []
    payloads = tuple(
        make_payload(part["body"], part["content_type"], _size_at(sizes, index), pixels)
        for index, part in enumerate(pictures)
    )
    if len({payload.mimetype for payload in payloads}) < len(payloads):
        raise InvalidInput("Two representations have the same type; send one of each.")
    thumbnail = next(
        (make_payload(part["body"], part["content_type"], {}, pixels) for part in files.get("thumbnail", [])), None
    )
    if thumbnail is not None and thumbnail.mimetype != "image/png":
        raise UnsupportedType("A thumbnail must be image/png.")
    return _upload(words, payloads, thumbnail)


def _upload(
    words: dict[str, Any], payloads: tuple[EncodedImage, ...], thumbnail: EncodedImage | None
) -> PublishRequest:
    unknown = sorted(set(words) - set(FIELDS))
    if unknown:
        raise InvalidInput(f"There is no field {unknown[0]!r:.60}; the fields are {', '.join(FIELDS)}.")
    title = validate_single_line(words.get("title"), "title", TITLE_LENGTH)
    provenance: dict[str, Any] = {}
    for field in ("cell", "provenance"):
        value = words.get(field)
        if value is not None and not isinstance(value, dict):
            raise InvalidInput(f"{field} must be an object.")
        if value:
            provenance |= {"cell": value} if field == "cell" else value
    return PublishRequest(
        name=_name(words.get("name"), title),
        title=title,
        alt=validate_single_line(words.get("alt"), "alternative text", ALT_LENGTH),
        payloads=payloads,
        thumbnail=thumbnail,
        provenance=provenance,
    )


def _name(given: object, title: str) -> str:
    if given is not None:
        return check_name(given)
    made = slug(title)
    if made is None:
        raise InvalidInput("The figure needs a name: add ?name=… or a title.", code="name_missing")
    return made


def _figure_json(arguments: dict[str, list[bytes]], files: dict[str, list[Any]]) -> dict[str, Any]:
    """The ``figure`` part, which clients send with a file name or without."""
    texts = arguments.get("figure") or [part["body"] for part in files.get("figure", [])]
    if not texts:
        return {}
    if len(texts[0]) > _JSON_LIMIT:
        raise TooLarge(f"The figure part has more than {_JSON_LIMIT:,} bytes.")
    try:
        data = json.loads(texts[0], parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The figure part is not JSON.", code="invalid_json") from error
    if not isinstance(data, dict):
        raise InvalidInput("The figure part is JSON but not an object.", code="invalid_json")
    return {name: value for name, value in data.items() if value is not None}


def _finite(text: str) -> float:
    """What Python reads as infinite or no number is nothing that JSON could answer with."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _size_at(sizes: object, index: int) -> dict[str, Any]:
    found = sizes[index] if isinstance(sizes, list) and index < len(sizes) else {}
    return found if isinstance(found, dict) else {}


def make_payload(data: bytes, content_type: str, size: dict[str, Any], pixels: int) -> EncodedImage:
    """A picture with its size, seen to be what its type says.

    Raises
    ------
    InvalidInput, TooLarge, UnsupportedType
        Saying what is wrong with it.
    """
    row = get_format_of_mimetype(content_type)
    if not data:
        raise InvalidInput("The picture is empty.")
    check_bytes(row, data)
    width, height = png_size(data) or (_whole(size.get("width")), _whole(size.get("height")))
    if not row.is_vector and width and height and width * height > pixels:
        raise TooLarge(f"The picture has {width} × {height} pixels; {pixels:,} are the most (FigServe.figure_pixels).")
    return EncodedImage(row.mimetype, data, width, height, _positive(size.get("dpi")))


def check_bytes(row: Format, data: bytes) -> None:
    """See that the bytes are of the declared type, from the first to (for a PNG) the last."""
    if row is FORMATS["svg"]:
        # First, as what declares entities does not look like a picture either.
        _check_svg(data)
    if not looks_like(row, data) or (row is FORMATS["png"] and not data.endswith(_PNG_END)):
        raise UnsupportedType(f"The body is not what its type {row.mimetype} says.", code="type_mismatch")
    if row is FORMATS["svgz"]:
        _check_svgz(data)


def _check_svg(data: bytes) -> None:
    """No entities of its own: the only use of one in a picture is to make viewers expand or fetch it."""
    upper = data.upper()
    doctype = upper.find(b"<!DOCTYPE")
    if b"<!ENTITY" in upper or (doctype >= 0 and b"[" in upper[doctype : upper.find(b">", doctype) + 1]):
        raise InvalidInput("The SVG declares entities; write it without.", code="svg_entities")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data:
        raise InvalidInput("The SVG is not UTF-8.", code="svg_encoding")


def _check_svgz(data: bytes) -> None:
    """The same for what is packed, of which never more than the limit is in memory."""
    try:
        text = zlib.decompressobj(wbits=31).decompress(data, _EXPANDED_LIMIT + 1)
    except zlib.error as error:
        raise UnsupportedType("The body is not gzip.", code="type_mismatch") from error
    if len(text) > _EXPANDED_LIMIT:
        raise TooLarge(f"The SVG has more than {_EXPANDED_LIMIT:,} bytes when unpacked.")
    _check_svg(text)
    if not looks_like(FORMATS["svg"], text):
        raise UnsupportedType("What is packed in the body is no SVG.", code="type_mismatch")


def _positive(value: object) -> float | None:
    """A size, None when it cannot be one."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < 10_000_000:
        return None
    return float(value)


def _whole(value: object) -> int | None:
    number = _positive(value)
    return None if number is None else max(1, round(number))
