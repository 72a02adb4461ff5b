"""What a child answered, looked at as something that an enemy wrote: becomes pictures or an error. Parent side."""

from __future__ import annotations

import json
import re
import signal
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ...errors import CodeFailed, InvalidInput, NoFigure, OutputInvalid, TooLarge
from ...model.figures import ALT_LENGTH, TITLE_LENGTH, EncodedImage
from ...model.formats import FORMATS, Format, get_format, looks_like, png_size
from .. import wire
from ..renderer import ALL, DrawOptions, RenderJob, RenderResult

_MESSAGE_LENGTH = 2_500
_TRACEBACK_LENGTH = 40_000
_MAX_PICTURES = 100
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_CODE = re.compile(r"[a-z_]{1,40}")
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class JobLimits:
    """What may be asked and answered: pixels of a picture, bytes of a job's source, seconds that it may want."""

    pixels: int
    source_bytes: int
    longest: float


def check_job(job: RenderJob, limits: JobLimits) -> None:
    """Refuse a job before anything is done.

    Raises
    ------
    InvalidInput, TooLarge
    """
    _check_size(job.options, limits)
    if len(job.source) > limits.source_bytes:
        raise TooLarge(f"The source has {len(job.source):,} bytes; {limits.source_bytes:,} are the most.")
    if not 0 < job.timeout <= limits.longest:
        raise InvalidInput(f"{job.timeout!r:.40} is no timeout; give more than 0 and at most {limits.longest:g} s.")
    if job.seed is not None and not (type(job.seed) is int and 0 <= job.seed < 2**32):
        raise InvalidInput(f"{job.seed!r:.40} is no seed; give a whole number from 0 to {2**32 - 1:,}.")
    if job.figure not in (None, "all") and not (type(job.figure) is int and job.figure >= 0):
        raise InvalidInput(f"{job.figure!r:.40} is no figure; give its number, or all.")


def _check_size(options: DrawOptions, limits: JobLimits) -> None:
    get_format(options.format)
    for name, side in (("width", options.width), ("height", options.height)):
        if side is not None and not (type(side) is int and side >= 1):
            raise InvalidInput(f"{side!r:.40} is no {name}; give a whole number of pixels above 0.")
    dpi = options.dpi
    if dpi is not None and not (isinstance(dpi, (int, float)) and 1 <= dpi <= 10_000):
        raise InvalidInput(f"{dpi!r:.40} is no resolution; give 1 to 10,000 dots per inch.")
    check_pixels(options.width or 1, options.height or 1, limits)


def check_pixels(width: int, height: int, limits: JobLimits) -> None:
    if width * height > limits.pixels:
        raise TooLarge(
            f"The figure would be {width:,} by {height:,} pixels; {limits.pixels:,} in all are the most."
            " Give it a smaller size or dpi.",
            code="too_many_pixels",
        )


def read_answer(
    job: RenderJob, frame: bytes | None, output: str, status: int | None, limits: JobLimits
) -> RenderResult:
    """The pictures of an answer.

    Parameters
    ----------
    frame
        Everything after the child's first byte; None when it is incomplete.
    status
        With which the child ended, a negative signal; None while it lives.

    Raises
    ------
    CodeFailed, NoFigure, OutputInvalid, TooLarge, InvalidInput
    """
    if frame is None:
        _raise_for_end(status)
    header, parts = _parse(frame)
    if header.get("status") == "drawn":
        return _read_drawn(job, header, parts, output, limits)
    _raise_for_error(header, output)


def _raise_for_end(status: int | None) -> NoReturn:
    if status is not None and status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        raise OutputInvalid(f"The code crashed its process ({name}).", code="crashed")
    raise NoFigure("The code ended its process before a figure was drawn; leave out os._exit.")


def _parse(frame: bytes) -> tuple[dict[str, Any], list[bytes]]:
    view = memoryview(frame)
    size, _ = wire.lengths(bytes(view[: wire.PREFIX_BYTES]))
    end = wire.PREFIX_BYTES + size
    try:
        header = json.loads(bytes(view[wire.PREFIX_BYTES : end]))
        if not isinstance(header, dict):
            raise ValueError("no object")
        return header, wire.split(header, view[end:])
    except (ValueError, RecursionError) as error:
        raise OutputInvalid("The code wrote into the channel of the answer; what came is no picture.") from error


def _read_drawn(
    job: RenderJob, header: dict[str, Any], parts: list[bytes], output: str, limits: JobLimits
) -> RenderResult:
    described = header.get("pictures")
    if not isinstance(described, list) or not 1 <= len(described) <= _MAX_PICTURES:
        raise OutputInvalid(f"The code made no pictures, or more than {_MAX_PICTURES}.")
    has_thumbnail = header.get("thumbnail") is not None
    if len(parts) != len(described) + has_thumbnail or (len(described) > 1 and job.figure != ALL):
        raise OutputInvalid("The code wrote into the channel of the answer; what came is no picture.")
    row = get_format(job.options.format)
    pictures = tuple(
        _read_picture(row, data, words, job.options, limits)
        for data, words in zip(parts[: len(described)], described, strict=True)
    )
    thumbnail = None
    if has_thumbnail:
        thumbnail = _read_picture(FORMATS["png"], parts[-1], header["thumbnail"], DrawOptions(), limits)
    return RenderResult(
        pictures,
        title=_words(header.get("title"), TITLE_LENGTH, lines=False),
        alt=_words(header.get("alt"), ALT_LENGTH, lines=False),
        thumbnail=thumbnail,
        output=output,
        libraries=_libraries(header.get("libraries")),
        density=job.density if header.get("density") == job.density else 1,
    )


def _read_picture(row: Format, data: bytes, words: Any, options: DrawOptions, limits: JobLimits) -> EncodedImage:
    """Type and pixels are read from the bytes; what the child says of them is believed where it does no harm."""
    if not data or not looks_like(row, data):
        raise OutputInvalid(f"What was drawn is not {row.name}; the code wrote something else into its answer.")
    words = words if isinstance(words, dict) else {}
    dpi = words.get("dpi")
    dpi = float(dpi) if isinstance(dpi, (int, float)) and 0 < dpi < 1e6 else None
    if row.is_vector or row.is_text:
        return EncodedImage(row.mimetype, data, _side(words.get("width")), _side(words.get("height")))
    size = pixel_size(row, data)
    if size is None:
        raise OutputInvalid(f"The {row.name} that was drawn states no size.")
    check_pixels(*size, limits)
    if not options.tight:
        for asked, drawn in zip((options.width, options.height), size, strict=True):
            if asked is not None and asked != drawn:
                raise OutputInvalid(f"The picture is {size[0]} by {size[1]} pixels and not as was asked.")
    return EncodedImage(row.mimetype, data, *size, dpi)


def pixel_size(row: Format, data: bytes) -> tuple[int, int] | None:
    """Width and height of a raster picture as its first bytes state them; nothing is decoded."""
    if row.name == "png":
        return png_size(data)
    size = _jpeg_size(data) if row.name == "jpg" else _webp_size(data)
    return size if size and all(size) else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """From the frame header (ITU-T T.81, B.2.2), over the segments before it."""
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
        place += 2 + max(length, 2)
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """From the first chunk: lossy, lossless or extended (RFC 9649, 2.5 to 2.7)."""
    if len(data) < 30:
        return None
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    return None


def _raise_for_error(header: Mapping[str, Any], output: str) -> NoReturn:
    message = _words(header.get("message"), _MESSAGE_LENGTH)
    status, code = header.get("status"), header.get("code")
    if status == "failed":
        kind = _words(header.get("kind"), 100, lines=False) or "Exception"
        line = header.get("line")
        raise CodeFailed(
            f"{kind}: {message}" if message else kind,
            kind=kind,
            line=line if type(line) is int and 0 < line < 10**9 else None,
            traceback=_words(header.get("traceback"), _TRACEBACK_LENGTH),
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
    raise OutputInvalid(message, code=str(code) if is_code else None)


def _words(text: object, limit: int, *, lines: bool = True) -> str:
    """Text without control characters and lone surrogates, cut; on one line unless ``lines``."""
    if not isinstance(text, str):
        return ""
    text = _UNPRINTABLE.sub(" ", text[:limit])
    return text if lines else " ".join(text.split())


def _libraries(versions: object) -> dict[str, str]:
    if not isinstance(versions, dict):
        return {}
    return {_words(name, 40): _words(version, 40) for name, version in list(versions.items())[:40]}


def _side(value: object) -> int | None:
    return value if type(value) is int and 0 < value < 10**7 else None
