"""The life of a jailed child: wait warm, read one job, run it, send the result. Jailed child."""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...errors import FigServeError, InvalidInput, NoFigure, OutputInvalid, UnsupportedType
from ...model.figures import EncodedImage
from ...model.formats import DATA_FORMATS, TABLES, Format, get_format, get_format_of_mimetype, get_live_format
from ...model.responses import Response
from ...plotting.comparison import check_same_picture, current_engine
from ...plotting.encode import EncodedFigure, draw_thumbnail
from ...plotting.encode_options import savefig_options
from ...plotting.images import open_image
from ...plotting.libraries import loaded_versions
from ...plotting.live_call import encode_response
from ...plotting.redraw import encode_resized
from ...plotting.resolve import ResolvedFigure
from .. import wire
from ..jail.jail import JOB, NULL, RESULT, STDERR, STDOUT
from . import posted_code
from .drawing_warnings import drawing_warnings
from .runners import RUNNERS
from .warm_up import draw_figure

_CHUNK_BYTES = 1 << 20
_GARBAGE = 20_000
"""New objects between two collections of garbage. A drawing makes a few thousand, most of which live until its end."""
_STATUS = {NoFigure: "no figure", InvalidInput: "input", UnsupportedType: "format"}


def serve_one(scratch: str) -> None:
    """Serve a single job; warming up, on request of the parent, is not a job."""
    gc.set_threshold(_GARBAGE)
    gc.enable()
    tempfile.tempdir = scratch
    sys.stdin = _text_file(NULL, "r")
    sys.stdout, sys.stderr = streams = _text_file(STDOUT, "w"), _text_file(STDERR, "w")
    os.write(RESULT, wire.READY)
    header, parts = _read_job()
    while header["kind"] == wire.WARM_UP:
        draw_figure()
        os.write(RESULT, wire.READY)
        header, parts = _read_job()
    os.close(JOB)
    _seed(header["seed"])
    result, bodies = _run(header, parts)
    for stream in streams:
        # The code may have closed the stream.
        with suppress(ValueError):
            stream.flush()
    for piece in wire.pack_frame(result, bodies):
        _write(RESULT, piece)


def _text_file(descriptor: int, mode: str) -> Any:
    return open(descriptor, mode, encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)


def _read_job() -> tuple[dict[str, Any], list[bytes]]:
    header_size, body_size = wire.parse_lengths(_read(wire.PREFIX_BYTES))
    header: dict[str, Any] = json.loads(_read(header_size))
    return header, wire.split_parts(header, memoryview(_read(body_size)))


def _read(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = os.read(JOB, min(size - len(data), _CHUNK_BYTES))
        if not chunk:
            os._exit(0)
        data += chunk
    return bytes(data)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view[:_CHUNK_BYTES]) :]


def _seed(seed: int | None) -> None:
    """Seed the random generators, whose state a fork would share with its siblings; None seeds them freshly."""
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    random.seed(seed)


def _run(header: dict[str, Any], parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Return header and parts of the result frame, for success as for any failure."""
    try:
        began = time.perf_counter()
        found = RUNNERS[header["kind"]](header, parts)
        drawn = time.perf_counter()
        options, ratio = _scale_dpi(found, header["options"], header["device_pixel_ratio"])
        is_function = header["kind"] == "function"
        encoded = [_encode(one, options, header["with_thumbnail"], is_function=is_function) for one in found]
        if len(parts) > 1 and not is_function:
            _compare(header, encoded[0], found[0], parts[1])
    except posted_code.CodeError as error:
        return _failed(error.failure), []
    except FigServeError as error:
        cause = error.__cause__
        if isinstance(error, OutputInvalid) and cause is not None and not isinstance(cause, FigServeError):
            # Drawing raised an exception in objects of the code.
            return _failed(posted_code.describe_failure(cause)), []
        return {"status": _STATUS.get(type(error), "output"), "message": str(error), "code": error.code}, []
    except BaseException as error:
        return _failed(posted_code.describe_failure(error)), []
    timing = {"draw": drawn - began, "encode": time.perf_counter() - drawn}
    return _rendered(encoded, ratio, found[0], timing)


def _failed(failure: posted_code.Failure) -> dict[str, Any]:
    import matplotlib

    if matplotlib.rcParams.get("text.usetex"):
        advice = (
            "text.usetex runs LaTeX, and the sandbox starts no programs; set it to False (mathtext draws most formulas)"
        )
        failure = replace(failure, message=f"{advice}. {failure.message}")
    return {"status": "failed", **vars(failure)}


def _rendered(
    encoded: list[EncodedFigure], device_pixel_ratio: int, first: Any, timing: dict[str, float]
) -> tuple[dict[str, Any], list[bytes]]:
    images = [one.images[0] for one in encoded]
    thumbnail = encoded[0].thumbnail
    header = {
        "status": "rendered",
        "images": [_metadata(image) for image in images],
        "thumbnail": _metadata(thumbnail) if thumbnail else None,
        "title": encoded[0].title,
        "alt": encoded[0].alt,
        "libraries": loaded_versions(),
        "warnings": drawing_warnings.sentences,
        "device_pixel_ratio": device_pixel_ratio,
        "http_status": first.status if isinstance(first, Response) else 200,
        "timing": timing,
    }
    return header, [image.data for image in (*images, *([thumbnail] if thumbnail else []))]


def _metadata(image: EncodedImage) -> dict[str, Any]:
    return {"width": image.width, "height": image.height, "dpi": image.dpi}


def _scale_dpi(found: list[Any], options: dict[str, Any], ratio: int) -> tuple[dict[str, Any], int]:
    """Multiply the dpi of a single raster figure; return the options and the ratio that applies."""
    figures = [one for one in found if isinstance(one, ResolvedFigure)]
    if ratio == 1 or len(figures) != 1 or not get_live_format(options["format"]).is_raster:
        return options, 1
    return options | {"dpi": ratio * (options["dpi"] or figures[0].dpi)}, ratio


def _encode(found: Any, options: dict[str, Any], with_thumbnail: bool, *, is_function: bool) -> EncodedFigure:
    if isinstance(found, Response):
        return EncodedFigure((encode_response(found, get_live_format(options["format"])),), None, "", "", None)
    if options["format"] in DATA_FORMATS:
        raise UnsupportedType("This live figure does not return data.", code="not_data")
    encoded = encode_resized(found, options, with_thumbnail=with_thumbnail)
    if options["format"] != TABLES.name:
        _check_format(encoded, get_format(options["format"]), is_function=is_function)
    return encoded


def _compare(header: dict[str, Any], encoded: EncodedFigure, found: Any, published: bytes) -> None:
    """Compare the drawn image, or the thumbnail, with the published one.

    Raises
    ------
    OutputInvalid
        They show different pictures.
    """
    image, options = encoded.images[0], header["options"]
    if header["with_thumbnail"]:
        # That of a figure published in another format was drawn in its own size.
        tight = found.tight or options["tight"]
        chosen = savefig_options(options["dpi"], tight, options["transparent"])
        image = draw_thumbnail(found, {**found.save_options, **chosen})
    if header["kind"] == "figure":
        check_same_picture(published, image.data, found.engine)
    elif open_image(published).size == open_image(image.data).size:
        # Code is drawn by this sandbox; what was kept in a requested size is not compared.
        check_same_picture(published, image.data, current_engine())


def _check_format(encoded: EncodedFigure, row: Format, *, is_function: bool) -> None:
    mimetype = encoded.images[0].mimetype
    if mimetype == row.mimetype and (is_function or row.name != "html"):
        return
    own = get_format_of_mimetype(mimetype).name
    if is_function:
        raise UnsupportedType(f"This live figure is not available as {row.name}. Use {own}.", code=f"{own}_only")
    if own == "html":
        raise OutputInvalid(
            "The last value has no image, only HTML. End the code with a figure, or publish the value from a notebook,"
            " where figserve.publish() keeps HTML.",
            code="no_such_form",
        )
    raise OutputInvalid(
        f"The last value is available as {mimetype}, not as {row.name}. Ask for that format.", code="no_such_form"
    )
