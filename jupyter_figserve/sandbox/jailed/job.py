"""One job in its child: wait warm, read it, do it, answer. Sandbox, child side; everything here runs in the jail."""

from __future__ import annotations

import gc
import json
import os
import pickle
import random
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ...errors import FigServeError, InvalidInput, NoFigure, OutputInvalid
from ...model.figures import EncodedImage
from ...model.formats import get_format
from ...plotting.describe import libraries
from ...plotting.encode import EncodedFigure, encode
from ...plotting.resolve import find_figure
from ...plotting.restyle import restyle
from .. import wire
from ..jail.jail import ANSWER, JOB, NULL, STDERR, STDOUT
from . import animations, posted_code, pyplot_hooks
from .error_card import draw_card
from .figure_selection import resize, select_figures

__all__ = ["find_libraries", "libraries", "load_libraries", "serve_one"]

# What nearly every figure needs, and what the encoder imports when it is used: inside, some of it could not be read.
_MODULES = """
matplotlib.pyplot matplotlib.backends.backend_agg matplotlib.backends.backend_svg matplotlib.backends.backend_pdf
matplotlib.backends.backend_ps matplotlib.mathtext matplotlib.dates matplotlib.animation matplotlib.gridspec
matplotlib.ticker matplotlib.patches matplotlib.colors matplotlib.cm matplotlib.tri matplotlib.widgets
mpl_toolkits.mplot3d mpl_toolkits.axes_grid1 numpy numpy.random numpy.linalg numpy.fft numpy.ma numpy.polynomial
PIL.Image PIL.ImageOps PIL.PngImagePlugin PIL.JpegImagePlugin PIL.WebPImagePlugin zlib_ng.zlib_ng
encodings.idna encodings.utf_8_sig encodings.latin_1 ast csv datetime decimal itertools json linecache math pathlib
statistics string textwrap threading traceback urllib.parse zipfile zoneinfo
jupyter_figserve.plotting.describe jupyter_figserve.plotting.encode jupyter_figserve.plotting.images
jupyter_figserve.plotting.png jupyter_figserve.plotting.resolve jupyter_figserve.plotting.restyle
jupyter_figserve.plotting.mimebundles jupyter_figserve.plotting.pickling jupyter_figserve.plotting.detached
cloudpickle.cloudpickle
""".split()
_WITHOUT = frozenset({"zlib_ng.zlib_ng", "PIL.WebPImagePlugin", "cloudpickle.cloudpickle"})
"""May be missing: slower, or without that format."""


def load_libraries(preload: Sequence[str], max_pixels: int) -> None:
    """In the zygote: import what its children draw with, so that none of them has to; draw nothing."""
    import matplotlib

    matplotlib.use("agg")
    for name in (*_MODULES, *preload):
        try:
            import_module(name)
        except ImportError:
            if name not in _WITHOUT and name not in preload:
                raise
    from matplotlib import font_manager

    from ...plotting import images

    images.MAX_PIXELS = max_pixels
    for style in ("normal", "italic"):
        font_manager.findfont(font_manager.FontProperties(style=style))
    pyplot_hooks.install()
    animations.install()


def find_libraries() -> None:
    """In a zygote that only tries the jail: what it would import is there; importing it takes most of a start.

    Raises
    ------
    ImportError
        As importing it would.
    """
    for name in ("numpy", "matplotlib"):
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def serve_one(scratch: str) -> None:
    """In a child: one job, whatever it does, then the end; to warm up, when the parent says so, is no job."""
    gc.enable()
    tempfile.tempdir = scratch
    sys.stdin = _text_file(NULL, "r")
    sys.stdout, sys.stderr = printed = _text_file(STDOUT, "w"), _text_file(STDERR, "w")
    os.write(ANSWER, wire.READY)
    header, parts = _read_job()
    while header["kind"] == wire.WARM_UP:
        _warm_up()
        os.write(ANSWER, wire.READY)
        header, parts = _read_job()
    os.close(JOB)
    _seed(header["seed"])
    answer, bodies = _answer(header, parts)
    for file in printed:
        # The code may have closed it, or have put another one in its place.
        with suppress(ValueError):
            file.flush()
    for piece in wire.pack(answer, bodies):
        _write(ANSWER, piece)


def _text_file(descriptor: int, mode: str) -> Any:
    return open(descriptor, mode, encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)


def _warm_up() -> None:
    """Draw a throw-away figure: pages, fonts and caches are this child's own then, shared with no other one."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    axes.plot([0, 1, 2], [0.5, -1.25, 2], label="a")
    axes.set(title="Title", xlabel="x", ylabel="y")
    axes.legend()
    encode(figure, with_thumbnail=False)
    pyplot.close("all")
    pyplot_hooks.ledger.forget_all()


def _read_job() -> tuple[dict[str, Any], list[bytes]]:
    header_size, body_size = wire.lengths(_read(wire.PREFIX_BYTES))
    header: dict[str, Any] = json.loads(_read(header_size))
    return header, wire.split(header, memoryview(_read(body_size)))


def _read(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = os.read(JOB, min(size - len(data), 1 << 20))
        if not piece:
            os._exit(0)
        data += piece
    return bytes(data)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view[: 1 << 20]) :]


def _seed(seed: int | None) -> None:
    """A fork has its parent's random state: without a seed, each child gets a fresh one."""
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    random.seed(seed)


def _answer(header: dict[str, Any], parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    try:
        found = _RUNNERS[header["kind"]](header, parts)
        options, density = _dense(found, header["options"], header["density"])
        encoded = [_encode(one, options, header["wants_thumbnail"]) for one in found]
    except posted_code.CodeError as error:
        return _failed(error.failure), []
    except FigServeError as error:
        cause = error.__cause__
        if isinstance(error, OutputInvalid) and cause is not None and not isinstance(cause, FigServeError):
            # Drawing raised, in what the code has set up.
            return _failed(posted_code.to_code_failed(cause)), []
        return {"status": _STATUS.get(type(error), "output"), "message": str(error), "code": error.code}, []
    except BaseException as error:
        return _failed(posted_code.to_code_failed(error)), []
    return _drawn(encoded, density)


_STATUS = {NoFigure: "no figure", InvalidInput: "input"}


def _failed(failure: posted_code.Failure) -> dict[str, Any]:
    import matplotlib

    if matplotlib.rcParams.get("text.usetex"):
        words = "text.usetex needs LaTeX, a program of its own, and the sandbox starts none; set it to False"
        failure = replace(failure, message=f"{words} (mathtext draws most formulas). {failure.message}")
    return {"status": "failed", **vars(failure)}


def _drawn(encoded: list[EncodedFigure], density: int) -> tuple[dict[str, Any], list[bytes]]:
    payloads = [one.payloads[0] for one in encoded]
    small = encoded[0].thumbnail
    header = {
        "status": "drawn",
        "pictures": [_described(payload) for payload in payloads],
        "thumbnail": _described(small) if small else None,
        "title": encoded[0].title,
        "alt": encoded[0].alt,
        "libraries": libraries(),
        "density": density,
    }
    return header, [payload.data for payload in (*payloads, *([small] if small else []))]


def _described(payload: EncodedImage) -> dict[str, Any]:
    return {"width": payload.width, "height": payload.height, "dpi": payload.dpi}


def _dense(found: list[Any], options: dict[str, Any], density: int) -> tuple[dict[str, Any], int]:
    """How to draw so that one figure has so many times its resolution; and with which density that will be."""
    from ...plotting.resolve import ResolvedFigure

    figures = [one for one in found if isinstance(one, ResolvedFigure)]
    if density == 1 or len(figures) != 1 or not get_format(options["format"]).is_raster:
        return options, 1
    return options | {"dpi": density * (options["dpi"] or figures[0].dpi)}, density


def _encode(found: Any, options: dict[str, Any], with_thumbnail: bool) -> EncodedFigure:
    from ...plotting.resolve import ResolvedFigure

    if isinstance(found, ResolvedFigure):
        found = resize(found, options)
    encoded = encode(
        found,
        (options["format"],),
        dpi=options["dpi"],
        tight=options["tight"],
        transparent=options["transparent"],
        with_thumbnail=with_thumbnail,
    )
    row = get_format(options["format"])
    if encoded.payloads[0].mimetype != row.mimetype:
        raise OutputInvalid(
            f"The last value has no {row.name} form; it gives {encoded.payloads[0].mimetype}.", code="no_such_form"
        )
    return encoded


def _run_code(header: dict[str, Any], parts: list[bytes]) -> list[Any]:
    style = header["options"]["style"]
    if style is not None:
        _use_style(style)
    value, names = posted_code.run(parts[0])
    return select_figures(value, names, header["figure"])


def _use_style(style: str) -> None:
    from matplotlib import style as styles

    if style != "default" and style not in styles.available:
        raise InvalidInput(f"There is no style {style!r:.60}; matplotlib has {', '.join(sorted(styles.available))}.")
    styles.use(style)


def _open_figure(header: dict[str, Any], parts: list[bytes]) -> list[Any]:
    """Unpickle a figure; matplotlib says by a warning that another version of it made the pickle."""
    import matplotlib

    made_by = header["libraries"].get("matplotlib")
    try:
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            value = pickle.loads(parts[0])  # noqa: S301  here, in the jail, and nowhere else
            found = find_figure(value) if value is not None else None
        if found is not None and made_by not in (None, matplotlib.__version__):
            _try_drawing(found.figure)
    except Exception as error:
        if made_by in (None, matplotlib.__version__):
            raise posted_code.CodeError(_unopened(error, "The source cannot be opened")) from None
        words = (
            f"The figure was pickled by matplotlib {made_by}, and matplotlib {matplotlib.__version__} of the sandbox"
        )
        raise posted_code.CodeError(_unopened(error, f"{words} cannot draw it")) from None
    if found is None:
        raise NoFigure(f"The source holds no figure but an object of type {type(value).__name__!r:.100}.")
    if header["options"]["style"] is not None:
        _restyle(found.figure, header["options"]["style"])
    return [found]


def _restyle(figure: Any, style: str) -> None:
    import matplotlib

    params: Any = matplotlib.rcParams
    before = params.copy()
    _use_style(style)
    restyle(figure, before, params)


def _try_drawing(figure: Any) -> None:
    """What another version lacks shows when drawing, and is to be told with both versions."""
    figure.draw_without_rendering()


def _unopened(error: BaseException, words: str) -> posted_code.Failure:
    failure = posted_code.to_code_failed(error)
    return replace(failure, message=f"{words}: {failure.kind}: {failure.message}")


def _call_function(header: dict[str, Any], parts: list[bytes]) -> list[Any]:
    arguments: Mapping[str, Any] = pickle.loads(parts[1])  # noqa: S301  made by the parent
    try:
        function = pickle.loads(parts[0])  # noqa: S301  here, in the jail, and nowhere else
    except ModuleNotFoundError as error:
        missing = error.name or "a module"
        words = f"The function needs {missing}, which the sandbox's Python does not have: pip install {missing}"
        raise posted_code.CodeError(_unopened(error, words)) from None
    inner = getattr(function, "__wrapped__", function)
    posted_code.OWN_FILES.add(getattr(getattr(inner, "__code__", None), "co_filename", posted_code.NAME))
    value = function(**arguments)
    return select_figures(value, {}, header["figure"])


def _draw_card(_header: dict[str, Any], parts: list[bytes]) -> list[Any]:
    return [draw_card(parts[0])]


_RUNNERS = {"code": _run_code, "figure": _open_figure, "function": _call_function, "card": _draw_card}
