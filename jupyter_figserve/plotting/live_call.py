"""One live call: the function run in a scope of its own, its figure encoded, its failure told. Kernel and sandbox."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import CodeFailed, InvalidInput, NoFigure, UnsupportedType
from ..model.figures import EncodedImage
from ..model.formats import CSS_DPI, FORMATS, Format, get_format, get_format_of_mimetype
from .isolation import isolated_call

if TYPE_CHECKING:
    from .encode import EncodedFigure
    from .resolve import ResolvedFigure
    from .signatures import Signature

_MESSAGE_LENGTH = 500
_TRACEBACK_LENGTH = 20_000


@dataclass(frozen=True)
class Wish:
    """What a call asks for.

    Parameters
    ----------
    arguments
        JSON values by parameter.
    width, height
        Pixels at ``dpi`` for raster formats, at 96 to the inch for vector formats; None is the figure's own.
    density
        How often the figure's own resolution, in raster formats of the figure's own size.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    format: str = "png"
    width: int | None = None
    height: int | None = None
    dpi: float | None = None
    density: int = 1


@dataclass(frozen=True)
class LiveCallResult:
    """Parameters
    ----------
    is_html
        Whether what was drawn is at its best as HTML, whatever was asked for.
    density
        With which it was drawn: 1 for what only comes as it is.
    """

    payload: EncodedImage
    title: str
    alt: str
    output: str
    is_html: bool = False
    density: int = 1


def draw(function: Callable[..., Any], signature: Signature, wish: Wish) -> LiveCallResult:
    """Run ``function`` and encode what it gives, or what it drew with pyplot.

    Raises
    ------
    CodeFailed
        When it raised, with its own frames of the traceback.
    OutputInvalid, UnsupportedType
        When what it gave is no figure, or has no form in the format asked for.
    """
    row = get_format(wish.format)
    arguments = signature.to_python(signature.parameters.check(wish.arguments))
    with isolated_call() as printed:
        try:
            result = function(**arguments)
        except BaseException as error:
            # SystemExit and KeyboardInterrupt too: nothing that a function raises ends the thread that answers.
            raise to_code_failed(error, function, "".join(printed)) from error
        encoded, density = _encode(_figure_from_result(result, function), row, wish)
    payload = next((part for part in encoded.payloads if part.mimetype == row.mimetype), None)
    if payload is None:
        offered = ", ".join(get_format_of_mimetype(part.mimetype).name for part in encoded.payloads)
        code = "html_only" if offered == "html" else None
        raise UnsupportedType(f"This live figure has no {row.name} form; ask for {offered}.", code=code)
    is_html = encoded.payloads[0].mimetype == FORMATS["html"].mimetype
    return LiveCallResult(payload, encoded.title, encoded.alt, "".join(printed), is_html, density)


def _figure_from_result(result: Any, function: Callable[..., Any]) -> Any:
    """What the function returned, else its current pyplot figure (of this scope, so that it drew it itself)."""
    if result is not None:
        return result
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or not pyplot.get_fignums():
        name = getattr(function, "__name__", "The function")
        raise NoFigure(f"{name} returned nothing and drew nothing with pyplot; let it return its figure.")
    return pyplot.gcf()


def _encode(result: Any, row: Format, wish: Wish) -> tuple[EncodedFigure, int]:
    """What is to be answered, and with which density it was drawn."""
    from .encode import encode
    from .resolve import find_figure

    dpi, is_dense = None if row.is_vector else wish.dpi, wish.density != 1 and row.is_raster
    if wish.width is None and wish.height is None and not is_dense:
        return encode(result, (row.name,), dpi=dpi, with_thumbnail=False), 1
    found = find_figure(result)
    if wish.width is None and wish.height is None:
        if found is None:
            return encode(result, (row.name,), dpi=dpi, with_thumbnail=False), 1
        dpi = (dpi or found.dpi) * wish.density
        return encode(found, (row.name,), dpi=dpi, with_thumbnail=False), wish.density
    if found is None:
        raise InvalidInput("Only what matplotlib draws can be had in other sizes; leave width and height out.")
    with _temporary_size(found, row, wish) as used_dpi:
        return encode(result, (row.name,), dpi=used_dpi, with_thumbnail=False), 1


@contextlib.contextmanager
def _temporary_size(found: ResolvedFigure, row: Format, wish: Wish) -> Iterator[float | None]:
    """The figure in the size wished for, its proportions kept where one side is; and the dpi to draw it with."""
    figure, dpi = found.figure, CSS_DPI if row.is_vector else wish.dpi or found.dpi
    before = tuple(figure.get_size_inches())
    width = wish.width / dpi if wish.width else None
    height = wish.height / dpi if wish.height else None
    if width is None:
        assert height is not None
        width = before[0] * height / before[1]
    figure.set_size_inches(width, before[1] * width / before[0] if height is None else height)
    try:
        yield None if row.is_vector else dpi
    finally:
        figure.set_size_inches(before)


def to_code_failed(error: BaseException, function: Callable[..., Any], output: str) -> CodeFailed:
    """What happened, from the function's own frames on: ours say nothing to its author."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    text = "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)])
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    line = next((frame.lineno for frame in reversed(frames) if frame.filename == file), None)
    reason = " ".join(str(error).split())[:_MESSAGE_LENGTH]
    kind = type(error).__name__
    message = f"{kind}: {reason}" if reason else kind
    return CodeFailed(message, kind=kind, line=line, traceback=text[-_TRACEBACK_LENGTH:], output=output)
