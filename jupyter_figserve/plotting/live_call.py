"""A live call: runs the function in isolation, encodes its figure and reports its failure. Kernel and jailed child."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import CodeFailed, InvalidInput, NoFigure, UnsupportedType
from ..model.figures import EncodedImage
from ..model.formats import DATA_FORMATS, FORMATS, Format, get_format_of_mimetype, get_live_format
from ..model.live import LiveRequest
from ..model.rendering import DrawOptions
from ..model.responses import Response
from .isolation import isolated_call
from .returned_data import encode_data, is_container, is_scalar_or_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .encode import EncodedFigure
    from .signatures import Signature

_MAX_MESSAGE = 500
_MAX_TRACEBACK = 20_000


@dataclass(frozen=True)
class LiveCallResult:
    """The image or the data of a live call.

    Parameters
    ----------
    status
        HTTP status of the response.
    output
        Text that the function printed.
    is_html
        Whether HTML is the figure's own format, regardless of the requested one.
    device_pixel_ratio
        The ratio that it was rendered at; 1 if it cannot be rendered in other sizes.
    timing
        Seconds of the function (``draw``) and of the encoder (``encode``).
    """

    content: EncodedImage
    title: str = ""
    alt: str = ""
    output: str = ""
    status: int = 200
    is_html: bool = False
    device_pixel_ratio: int = 1
    timing: Mapping[str, float] = field(default_factory=dict)


def render_live(
    function: Callable[..., Any], signature: Signature, request: LiveRequest, *, tight: bool = False
) -> LiveCallResult:
    """Run ``function`` and encode the figure that it returns, or drew with pyplot, or the data that it returns.

    Raises
    ------
    CodeFailed
        The function raises an exception; with the traceback from its own frames on.
    OutputInvalid, UnsupportedType
        The result is neither a figure nor data, or is not available in the requested format. The code of the error is
        ``html_only``, ``svg_only``, … or ``data_only`` where the result has a format of its own.
    """
    row = get_live_format(request.format)
    arguments = signature.to_python(signature.parameters.check(request.arguments))
    with isolated_call() as printed:
        began = time.perf_counter()
        try:
            result = function(**arguments)
        except BaseException as error:
            # SystemExit and KeyboardInterrupt too: nothing that a function raises may end the worker thread.
            raise to_code_failed(error, function, "".join(printed)) from error
        drawn = time.perf_counter()
        found = _figure_from_result(result, function)
        response = find_response(found)
        if response is not None:
            body, output = encode_response(response, row), "".join(printed)
            return LiveCallResult(body, output=output, status=response.status, timing=_timing(began, drawn))
        if row.name in DATA_FORMATS:
            raise UnsupportedType(f"This live figure does not return data, so it has no {row.name}.", code="not_data")
        # A string that is not data is the text of an SVG.
        figure = found.encode() if isinstance(found, str) else found
        encoded, ratio = _encode(figure, row, request, tight=tight)
        timing = _timing(began, drawn)
    content = next((part for part in encoded.images if part.mimetype == row.mimetype), None)
    if content is None:
        raise _not_offered(row, encoded)
    is_html = encoded.images[0].mimetype == FORMATS["html"].mimetype
    return LiveCallResult(content, encoded.title, encoded.alt, "".join(printed), is_html=is_html,
                          device_pixel_ratio=ratio, timing=timing)  # fmt: skip


def _timing(began: float, drawn: float) -> dict[str, float]:
    return {"draw": drawn - began, "encode": time.perf_counter() - drawn}


def find_response(result: Any) -> Response | None:
    """Return the data that a function returned; None for a figure.

    Lists, dicts and arrays may hold the artists of a figure: ``ax.plot`` and ``ax.boxplot`` return such.
    """
    from .resolve import find_figure

    if isinstance(result, Response):
        return result
    if is_scalar_or_table(result) or (is_container(result) and find_figure(result) is None):
        return Response(result)
    return None


def encode_response(response: Response, row: Format) -> EncodedImage:
    """Encode data.

    Raises
    ------
    UnsupportedType
        The format is one of figures.
    OutputInvalid
        The data cannot be encoded.
    """
    if row.name not in DATA_FORMATS:
        raise UnsupportedType(
            f"This live figure returns data, which is not available as {row.name}. Use json or csv.", code="data_only"
        )
    return encode_data(response.body, row)


def _not_offered(row: Format, encoded: EncodedFigure) -> UnsupportedType:
    names = [get_format_of_mimetype(part.mimetype).name for part in encoded.images]
    own = next((name for name in names if name == "html" or FORMATS[name].is_inline), None)
    code = None if own in (None, "png") else f"{own}_only"
    return UnsupportedType(f"This live figure is not available as {row.name}. Use {', '.join(names)}.", code=code)


def _figure_from_result(result: Any, function: Callable[..., Any]) -> Any:
    """Return the function's result, else its current pyplot figure (isolated, so that the function drew it itself)."""
    if result is not None:
        return result
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or not pyplot.get_fignums():
        name = getattr(function, "__name__", "The function")
        raise NoFigure(f"{name} returned nothing and drew nothing with pyplot. Return the figure from it.")
    return pyplot.gcf()


def _encode(result: Any, row: Format, request: LiveRequest, *, tight: bool) -> tuple[EncodedFigure, int]:
    """Encode the figure; also return the device pixel ratio that it was rendered at."""
    from .encode import encode
    from .redraw import encode_resized
    from .resolve import find_figure

    dpi = None if row.is_vector else request.dpi
    is_sized = request.width is not None or request.height is not None
    is_hidpi = request.device_pixel_ratio != 1 and row.is_raster
    found = find_figure(result) if is_sized or is_hidpi else None
    if is_sized:
        if found is None:
            raise InvalidInput("Only matplotlib figures can be resized. Omit width and height.")
        options = DrawOptions(row.name, request.width, request.height, dpi, tight=tight)
        with _own_size_afterwards(found.figure):
            return encode_resized(found, asdict(options)), 1
    if found is None:
        return encode(result, (row.name,), dpi=dpi, tight=tight, with_thumbnail=False), 1
    ratio = request.device_pixel_ratio
    return encode(found, (row.name,), dpi=(dpi or found.dpi) * ratio, tight=tight, with_thumbnail=False), ratio


@contextlib.contextmanager
def _own_size_afterwards(figure: Figure) -> Iterator[None]:
    before = tuple(figure.get_size_inches())
    try:
        yield
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
