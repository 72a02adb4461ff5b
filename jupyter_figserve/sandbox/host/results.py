"""Validation of a child's result frame, which hostile code may have written. Server process.

Nothing is unpickled, decoded or decompressed: only lengths, JSON and the first bytes of the images are read.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

from ...errors import CodeFailed, InvalidInput, NoFigure, OutputInvalid, TooLarge, UnsupportedType
from ...model.figures import EncodedImage
from ...model.formats import FORMATS, Format, get_job_format, looks_like
from ...model.images.headers import read_header
from ...model.rendering import ALL, DrawOptions, RenderJob, RenderResult
from ...model.responses import is_status
from ...model.texts import MAX_ALT_LENGTH, MAX_TITLE_LENGTH
from ...model.timings import read_timings
from .. import wire
from .job_frames import ChildAnswer
from .job_limits import JobLimits, check_pixels

_MAX_MESSAGE_LENGTH = 2_500
_MAX_TRACEBACK_LENGTH = 40_000
_MAX_IMAGES = 100
_MAX_LIBRARIES, _MAX_LIBRARY_LENGTH = 40, 40
_MAX_WARNINGS, _MAX_WARNING_LENGTH = 21, 1_000
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_CODE = re.compile(r"[a-z_]{1,40}")
_NOT_AN_IMAGE = "The code wrote into the result channel; the result is not an image."


def parse_result(job: RenderJob, answer: ChildAnswer, limits: JobLimits) -> RenderResult:
    """Parse what a child answered.

    Raises
    ------
    CodeFailed, NoFigure, OutputInvalid, TooLarge, InvalidInput
        The child reports an error, or the result is malformed.
    """
    if answer.frame is None:
        _raise_for_exit(answer.status)
    began = time.perf_counter()
    header, parts = _parse_frame(answer.frame)
    if header.get("status") == "rendered":
        result = _parse_images(job, header, parts, answer.output, limits)
        return replace(result, timing={**result.timing, "check": time.perf_counter() - began})
    _raise_for_error(header, answer.output)


def _raise_for_exit(status: int | None) -> NoReturn:
    if status is not None and status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        raise OutputInvalid(f"The code crashed its process ({name}).", code="crashed")
    raise NoFigure("The code ended its process before a figure was drawn; remove the call of os._exit.")


def _parse_frame(frame: bytes) -> tuple[dict[str, Any], list[bytes]]:
    try:
        return wire.parse_frame(frame)
    except ValueError as error:
        raise OutputInvalid(_NOT_AN_IMAGE) from error


def _parse_images(
    job: RenderJob, header: dict[str, Any], parts: list[bytes], output: str, limits: JobLimits
) -> RenderResult:
    described = header.get("images")
    if not isinstance(described, list) or not 1 <= len(described) <= _MAX_IMAGES:
        raise OutputInvalid(f"The code made no images, or more than {_MAX_IMAGES}.")
    has_thumbnail = header.get("thumbnail") is not None
    if len(parts) != len(described) + has_thumbnail or (len(described) > 1 and job.figure != ALL):
        raise OutputInvalid(_NOT_AN_IMAGE)
    row = get_job_format(job.options.format)
    images = tuple(
        check_image(row, data, metadata, job.options, limits)
        for data, metadata in zip(parts[: len(described)], described, strict=True)
    )
    thumbnail = None
    if has_thumbnail:
        thumbnail = check_image(FORMATS["png"], parts[-1], header["thumbnail"], DrawOptions(), limits)
    ratio = job.device_pixel_ratio
    return RenderResult(
        images,
        title=clean_text(header.get("title"), MAX_TITLE_LENGTH, keep_lines=False),
        alt=clean_text(header.get("alt"), MAX_ALT_LENGTH, keep_lines=False),
        thumbnail=thumbnail,
        output=output,
        libraries=parse_libraries(header.get("libraries")),
        warnings=_parse_warnings(header.get("warnings")),
        device_pixel_ratio=ratio if header.get("device_pixel_ratio") == ratio else 1,
        status=header["http_status"] if is_status(header.get("http_status")) else 200,
        timing=read_timings(header.get("timing")),
    )


def check_image(row: Format, data: bytes, metadata: Any, options: DrawOptions, limits: JobLimits) -> EncodedImage:
    """Check type and size against the bytes; the sender's own metadata is used only where a lie is harmless.

    Raises
    ------
    OutputInvalid, TooLarge
        It has another format, another size or too many pixels.
    """
    if not data or not looks_like(row, data):
        raise OutputInvalid(f"The result is not {row.name}; the code wrote something else into the result channel.")
    metadata = metadata if isinstance(metadata, dict) else {}
    dpi = metadata.get("dpi")
    dpi = float(dpi) if isinstance(dpi, (int, float)) and 0 < dpi < 1e6 else None
    if row.is_vector or row.is_text:
        return EncodedImage(row.mimetype, data, _side(metadata.get("width")), _side(metadata.get("height")))
    image = read_header(row.name, data)
    if image is None:
        raise OutputInvalid(f"The size of the {row.name} cannot be read.")
    size = image.width, image.height
    check_pixels(*size, limits)
    check_pixels(image.largest, 1, limits)
    if not options.tight:
        for requested, actual in zip((options.width, options.height), size, strict=True):
            if requested is not None and requested != actual:
                raise OutputInvalid(f"The image has {size[0]} by {size[1]} pixels, which is not the requested size.")
    return EncodedImage(row.mimetype, data, *size, dpi, image.frames if image.is_animated else None, image.duration)


def _raise_for_error(header: Mapping[str, Any], output: str) -> NoReturn:
    message = clean_text(header.get("message"), _MAX_MESSAGE_LENGTH)
    status, code = header.get("status"), header.get("code")
    if status == "failed":
        kind = clean_text(header.get("kind"), 100, keep_lines=False) or "Exception"
        line = header.get("line")
        raise CodeFailed(
            f"{kind}: {message}" if message else kind,
            kind=kind,
            line=line if type(line) is int and 0 < line < 10**9 else None,
            traceback=clean_text(header.get("traceback"), _MAX_TRACEBACK_LENGTH),
            output=output,
        )
    message = message or "The figure could not be drawn."
    if status == "no figure":
        raise NoFigure(message)
    if status == "input":
        raise InvalidInput(message)
    if code == "too_many_pixels":
        raise TooLarge(message, code="too_many_pixels")
    is_code = isinstance(code, str) and _CODE.fullmatch(code) is not None
    error = UnsupportedType if status == "format" else OutputInvalid
    raise error(message, code=str(code) if is_code else None)


def clean_text(text: object, limit: int, *, keep_lines: bool = True) -> str:
    """Truncate text and remove control characters and lone surrogates; join its lines unless ``keep_lines``."""
    if not isinstance(text, str):
        return ""
    text = _UNPRINTABLE.sub(" ", text[:limit])
    return text if keep_lines else " ".join(text.split())


def parse_libraries(versions: object) -> dict[str, str]:
    """Return the versions of libraries that a child or a worker reports, shortened and cleaned."""
    if not isinstance(versions, dict):
        return {}
    items = list(versions.items())[:_MAX_LIBRARIES]
    return {clean_text(name, _MAX_LIBRARY_LENGTH): clean_text(version, _MAX_LIBRARY_LENGTH) for name, version in items}


def _parse_warnings(sentences: object) -> tuple[str, ...]:
    if not isinstance(sentences, list):
        return ()
    cleaned = (clean_text(one, _MAX_WARNING_LENGTH, keep_lines=False) for one in sentences[:_MAX_WARNINGS])
    return tuple(one for one in cleaned if one)


def _side(value: object) -> int | None:
    return value if type(value) is int and 0 < value < 10**7 else None
