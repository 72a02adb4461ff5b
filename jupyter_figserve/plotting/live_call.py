"""One live call: runs the function in isolation, encodes its figure and reports its failure. Kernel and sandbox."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import CodeFailed, InvalidInput, NoFigure, UnsupportedType
from ..model.figures import EncodedImage
from ..model.formats import CSS_DPI, FORMATS, Format, get_format, get_format_of_mimetype
from ..model.live import LiveRequest
from .isolation import isolated_call

if TYPE_CHECKING:
    from .encode import EncodedFigure
    from .resolve import ResolvedFigure
    from .signatures import Signature

_MAX_MESSAGE = 500
_MAX_TRACEBACK = 20_000


@dataclass(frozen=True)
class LiveCallResult:
    """The image of a live call.

    Parameters
    ----------
    output
        Text that the function printed.
    is_html
        Whether HTML is the figure's own format, regardless of the requested one.
    device_pixel_ratio
        The ratio that it was rendered at; 1 if it cannot be rendered in other sizes.
    """

    payload: EncodedImage
    title: str
    alt: str
    output: str
    is_html: bool = False
    device_pixel_ratio: int = 1


def draw(function: Callable[..., Any], signature: Signature, request: LiveRequest) -> LiveCallResult:
    """Run ``function`` and encode the figure that it returns, or drew with pyplot.

    Raises
    ------
    CodeFailed
        The function raises an exception; with the traceback from its own frames on.
    OutputInvalid, UnsupportedType
        The result is not a figure, or is not available in the requested format.
    """
    row = get_format(request.format)
    arguments = signature.to_python(signature.parameters.check(request.arguments))
    with isolated_call() as printed:
        try:
            result = function(**arguments)
        except BaseException as error:
            # SystemExit and KeyboardInterrupt too: nothing that a function raises may end the worker thread.
            raise to_code_failed(error, function, "".join(printed)) from error
        encoded, ratio = _encode(_figure_from_result(result, function), row, request)
    payload = next((part for part in encoded.payloads if part.mimetype == row.mimetype), None)
    if payload is None:
        offered = ", ".join(get_format_of_mimetype(part.mimetype).name for part in encoded.payloads)
        code = "html_only" if offered == "html" else None
        raise UnsupportedType(f"This live figure is not available as {row.name}. Use {offered}.", code=code)
    is_html = encoded.payloads[0].mimetype == FORMATS["html"].mimetype
    return LiveCallResult(payload, encoded.title, encoded.alt, "".join(printed), is_html, ratio)


def _figure_from_result(result: Any, function: Callable[..., Any]) -> Any:
    """Return the function's result, else its current pyplot figure (isolated, so that the function drew it itself)."""
    if result is not None:
        return result
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or not pyplot.get_fignums():
        name = getattr(function, "__name__", "The function")
        raise NoFigure(f"{name} returned nothing and drew nothing with pyplot. Return the figure from it.")
    return pyplot.gcf()


def _encode(result: Any, row: Format, request: LiveRequest) -> tuple[EncodedFigure, int]:
    """Encode the figure; also return the device pixel ratio that it was rendered at."""
    from .encode import encode
    from .resolve import find_figure

    dpi = None if row.is_vector else request.dpi
    is_sized = request.width is not None or request.height is not None
    is_hidpi = request.device_pixel_ratio != 1 and row.is_raster
    found = find_figure(result) if is_sized or is_hidpi else None
    if is_sized:
        if found is None:
            raise InvalidInput("Only matplotlib figures can be resized. Omit width and height.")
        with _temporary_size(found, row, request) as used_dpi:
            return encode(result, (row.name,), dpi=used_dpi, with_thumbnail=False), 1
    if found is None:
        return encode(result, (row.name,), dpi=dpi, with_thumbnail=False), 1
    ratio = request.device_pixel_ratio
    return encode(found, (row.name,), dpi=(dpi or found.dpi) * ratio, with_thumbnail=False), ratio


@contextlib.contextmanager
def _temporary_size(found: ResolvedFigure, row: Format, request: LiveRequest) -> Iterator[float | None]:
    """Give the figure the requested size, and yield the dpi to draw it with.

    If only one side is requested, the aspect ratio is kept.
    """
    figure, dpi = found.figure, CSS_DPI if row.is_vector else request.dpi or found.dpi
    before = tuple(figure.get_size_inches())
    width = request.width / dpi if request.width else None
    height = request.height / dpi if request.height else None
    if width is None:
        assert height is not None
        width = before[0] * height / before[1]
    figure.set_size_inches(width, before[1] * width / before[0] if height is None else height)
    try:
        yield None if row.is_vector else dpi
    finally:
        figure.set_size_inches(before)


def to_code_failed(error: BaseException, function: Callable[..., Any], output: str) -> CodeFailed:
    """Convert an exception, with the traceback from the function's own frames on."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    text = "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)])
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    line = next((frame.lineno for frame in reversed(frames) if frame.filename == file), None)
    reason = " ".join(str(error).split())[:_MAX_MESSAGE]
    kind = type(error).__name__
    message = f"{kind}: {reason}" if reason else kind
    return CodeFailed(message, kind=kind, line=line, traceback=text[-_MAX_TRACEBACK:], output=output)
