"""Runners, one for each kind of job: from its source to the objects that are encoded. Jailed child."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from ...errors import NoFigure
from ...model.formats import ANIMATION_FORMATS
from ...plotting import images
from ...plotting.drawing_state import DrawingState
from ...plotting.live_call import find_response
from ...plotting.pickling import unpickle_figure, unpickle_state
from ...plotting.restyle import apply_style, use_style
from . import fallback_fonts, posted_code
from .animations import with_animation
from .error_card import draw_card
from .figure_log import figure_log
from .figure_selection import select_figures

_established = ExitStack()
"""Never closed: the child serves a single job."""


def _run_code(header: dict[str, Any], parts: list[bytes]) -> list[Any]:
    """Run posted code and select its figures."""
    style = header["options"]["style"]
    if style is not None:
        use_style(style)
    fallback_fonts.switch_on()
    figure_log.requested = header["figure"]
    value, names = posted_code.run(parts[0])
    found = select_figures(value, names, header["figure"])
    if header["options"]["format"] in ANIMATION_FORMATS:
        return [with_animation(one, names) for one in found]
    return found


def _open_figure(header: dict[str, Any], parts: list[bytes]) -> list[Any]:
    """Unpickle a figure in its drawing state; errors name the matplotlib versions if they differ."""
    import matplotlib

    pickled_by = header["libraries"].get("matplotlib")
    is_same_version = pickled_by in (None, matplotlib.__version__)
    try:
        # matplotlib warns about pickles of other versions; the result of drawing decides.
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            state = unpickle_state(parts[0])
            _established.enter_context(state.applied())
            found = unpickle_figure(parts[0], state)
        if not is_same_version:
            found.figure.draw_without_rendering()
    except NoFigure:
        raise
    except Exception as error:
        reason = "The source cannot be opened"
        if not is_same_version:
            reason = (
                f"The figure was pickled by matplotlib {pickled_by}, and matplotlib {matplotlib.__version__} of the"
                " sandbox cannot draw it"
            )
        raise posted_code.CodeError(_describe_failure(error, reason)) from None
    if header["options"]["style"] is not None:
        apply_style(found.figure, header["options"]["style"])
    return [found]


def _call_function(header: dict[str, Any], parts: list[bytes]) -> list[Any]:
    """Unpickle a detached live function and call it with its arguments."""
    arguments: Mapping[str, Any] = pickle.loads(parts[1])  # noqa: S301  pickled by the parent
    try:
        function = pickle.loads(parts[0])  # noqa: S301  only in the jail
    except ModuleNotFoundError as error:
        missing = error.name or "a module"
        reason = f"The function needs {missing}, which the sandbox's Python does not have: pip install {missing}"
        raise posted_code.CodeError(_describe_failure(error, reason)) from None
    inner = getattr(function, "__wrapped__", function)
    posted_code.OWN_FILES.add(getattr(getattr(inner, "__code__", None), "co_filename", posted_code.NAME))
    state = getattr(function, "state", None)
    if isinstance(state, DrawingState):
        _established.enter_context(state.applied())
    value = function(**arguments)
    response = None if value is None else find_response(value)
    if response is not None:
        return [response]
    return select_figures(value, {}, header["figure"])


def _open_image(_header: dict[str, Any], parts: list[bytes]) -> list[Any]:
    """Open an encoded raster image, to encode it in another format."""
    return [images.open_image(parts[0])]


def _draw_card(_header: dict[str, Any], parts: list[bytes]) -> list[Any]:
    return [draw_card(parts[0])]


RUNNERS: dict[str, Callable[[dict[str, Any], list[bytes]], list[Any]]] = {
    "code": _run_code,
    "figure": _open_figure,
    "function": _call_function,
    "card": _draw_card,
    "image": _open_image,
}


def _describe_failure(error: BaseException, reason: str) -> posted_code.Failure:
    failure = posted_code.describe_failure(error)
    return replace(failure, message=f"{reason}: {failure.kind}: {failure.message}")
