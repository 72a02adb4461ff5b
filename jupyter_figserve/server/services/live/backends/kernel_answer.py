"""Parses a kernel's response to a live call, which is untrusted. Server process."""

from __future__ import annotations

import json
from typing import Any

from .....errors import (
    CodeFailed,
    FigServeError,
    InvalidInput,
    NoFigure,
    NotFound,
    OutputInvalid,
    TooLarge,
    Unavailable,
    UnsupportedType,
)
from .....model.figures import EncodedImage
from .....model.formats import get_job_format, get_live_format, looks_like
from .....model.live import LiveRequest
from .....model.rendering import DrawOptions, RenderResult
from .....model.responses import is_status
from .....model.timings import read_timings
from .....sandbox.host.job_limits import JobLimits
from .....sandbox.host.results import check_image
from ..image_cache import CachedImage
from .backend import RETRY_SECONDS, KernelUnavailable

_MAX_TEXT = 2_000
_MAX_SIZE = 1e6
_MAX_PROGRESS = 1e300
"""JSON has whole numbers beyond the largest float."""
KERNEL_ENDING = "KernelEnding"
"""Type of the error of a call that failed because its kernel was ending."""
_ERRORS: dict[str, type[FigServeError]] = {
    kind.__name__: kind for kind in (InvalidInput, NoFigure, NotFound, OutputInvalid, UnsupportedType, TooLarge)
}
"""Errors that a kernel may report, by the name that it sends."""


def parse_kernel_answer(
    head: dict[str, Any], body: bytes, request: LiveRequest, known: tuple[str, ...]
) -> CachedImage | None:
    """Return the image of a response, or None where the data still has a version in ``known``.

    Raises
    ------
    FigServeError
        The failure that the response reports.
    OutputInvalid
        When the response is malformed.
    """
    if isinstance(error := head.get("error"), dict):
        raise _parse_error(error)
    version = head.get("version")
    version = version if isinstance(version, str) else None
    if head.get("is_unchanged"):
        if version not in known:
            raise OutputInvalid("The kernel reports unchanged data, but the server has no image of that version.")
        return None
    row, status = get_live_format(request.format), head.get("status", 200)
    if head.get("mimetype") != row.mimetype or not looks_like(row, body) or not is_status(status):
        raise OutputInvalid(f"The kernel's answer is not a valid {request.format} file.")
    width, height, dpi = (_parse_size(head.get(name)) for name in ("width", "height", "dpi"))
    alt, revision = (str(head.get(name) or "")[:_MAX_TEXT] for name in ("alt", "revision"))
    return CachedImage(
        EncodedImage(
            row.mimetype, body, None if width is None else int(width), None if height is None else int(height), dpi
        ),
        alt=alt,
        revision=revision,
        version=version,
        device_pixel_ratio=request.device_pixel_ratio if head.get("density") == request.device_pixel_ratio else 1,
        is_html=head.get("is_html") is True,
        status=status,
        timing=read_timings(head.get("timing")),
    )


def parse_redraw(head: dict[str, Any], body: bytes, options: DrawOptions, limits: JobLimits) -> RenderResult:
    """Return the image of a figure that a kernel has drawn again, checked like one of the sandbox.

    Raises
    ------
    FigServeError
        The failure that the response reports.
    OutputInvalid, TooLarge
        It is not an image of the requested format and size.
    """
    if isinstance(error := head.get("error"), dict):
        raise _parse_error(error)
    return RenderResult((check_image(get_job_format(options.format), body, head, options, limits),))


def make_kernel_answer(result: CachedImage | FigServeError, known: tuple[str, ...]) -> tuple[dict[str, Any], bytes]:
    """Return the head and the body with which a kernel would have answered so; ``parse_kernel_answer`` reads them."""
    if isinstance(result, FigServeError):
        return {"error": _make_error(result)}, b""
    if result.version is not None and result.version in known:
        return {"version": result.version, "is_unchanged": True}, b""
    image = result.content
    head = {
        "mimetype": image.mimetype,
        "width": image.width,
        "height": image.height,
        "dpi": image.dpi,
        "alt": result.alt,
        "revision": result.revision,
        "version": result.version,
        "density": result.device_pixel_ratio,
        "timing": dict(result.timing),
        "is_html": result.is_html,
        "status": result.status,
    }
    return head, image.data


def check_size(body: bytes, max_bytes: int) -> None:
    """Raise ``TooLarge`` for an image beyond the limit, which the kernel should not have sent."""
    if len(body) > max_bytes:
        raise TooLarge(
            f"The result has {len(body):,} bytes, and the server accepts {max_bytes:,} (FigServe.live_bytes). Draw or"
            " return less.",
            code="result_too_large",
        )


def replace_surrogates(head: dict[str, Any]) -> dict[str, Any]:
    """Return a head whose texts can be stored and sent: JSON may hold lone surrogates, which UTF-8 has no bytes for."""
    text = json.dumps(head, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        clean: dict[str, Any] = json.loads(text.encode("utf-8", "replace"))
        return clean
    return head


def parse_progress(head: dict[str, Any]) -> tuple[float, float] | None:
    """Return the work done and the total of a kernel's report; None where it is not valid."""
    done, total = head.get("done"), head.get("total")
    if not (isinstance(done, (int, float)) and isinstance(total, (int, float))):
        return None
    return (float(done), float(total)) if 0 <= done <= total <= _MAX_PROGRESS and total > 0 else None


def _make_error(error: FigServeError) -> dict[str, Any]:
    if isinstance(error, KernelUnavailable):
        return {"type": KERNEL_ENDING, "message": error.message}
    row = {"type": type(error).__name__, "message": error.message, "code": error.code}
    if isinstance(error, CodeFailed):
        row |= {name: getattr(error, name) for name in ("kind", "line", "traceback", "output")}
    return row


def _parse_error(error: dict[str, Any]) -> FigServeError:
    message = str(error.get("message") or "The live figure failed.")
    if error.get("type") == "CodeFailed":
        line = error.get("line")
        return CodeFailed(
            message,
            kind=str(error.get("kind") or "Exception"),
            line=line if isinstance(line, int) else None,
            traceback=str(error.get("traceback") or ""),
            output=str(error.get("output") or ""),
        )
    if error.get("type") == KERNEL_ENDING:
        return KernelUnavailable()
    if error.get("type") == Unavailable.__name__:
        return Unavailable(message, code="kernel_busy", retry_after=RETRY_SECONDS)
    kind = _ERRORS.get(str(error.get("type")), OutputInvalid)
    code = error.get("code")
    return kind(message, code=code if isinstance(code, str) else None)


def _parse_size(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and 0 < value < _MAX_SIZE else None
