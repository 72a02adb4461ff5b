"""Draws a source again: in the kernel that pickled it, or in the jail. Kernel and jailed child."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..model.formats import TABLES, get_format
from ..model.images.vector_sizes import CSS_DPI
from .encode import EncodedFigure, encode
from .figure_data import read_tables
from .images import check_pixels
from .isolation import isolated_call
from .pickling import unpickle_figure, unpickle_state
from .resize import complete_size, resize
from .resolve import ResolvedFigure
from .restyle import apply_style

T = TypeVar("T")
Draw = Callable[[ResolvedFigure, float | None], T]
"""Takes a figure and the resolution that its publisher asked for."""
_MAX_WAIT = 0.5
"""Maximum seconds for which the main thread waits for a live function."""


def draw_in_background(source: bytes, draw: Draw[T]) -> T | None:
    """Open a figure that this process has pickled, and draw it, while other threads may draw.

    Returns
    -------
    T or None
        What ``draw`` returns; None if state shared by all threads has changed since the figure was pickled: restoring
        it would affect what the others draw.
    """
    state = unpickle_state(source)
    if not state.is_current:
        return None
    with isolated_call(), state.applied():
        drawn = draw(unpickle_figure(source, state), state.dpi)
    return drawn if state.is_current else None


def draw_alone(source: bytes, draw: Draw[T]) -> T:
    """Open a figure that this process has pickled, and draw it in the main thread, between two cells.

    Raises
    ------
    TimeoutError
        A live function is still running after ``_MAX_WAIT`` seconds.
    """
    with isolated_call(max_wait=_MAX_WAIT):
        state = unpickle_state(source)
        with state.applied():
            return draw(unpickle_figure(source, state), state.dpi)


def encode_again(found: ResolvedFigure, options: Mapping[str, Any], max_pixels: int) -> EncodedFigure:
    """Encode an opened figure as a request asks.

    Parameters
    ----------
    options
        The fields of ``DrawOptions``.

    Raises
    ------
    OutputInvalid
        The figure cannot be drawn in the format; with the code ``too_many_pixels``, before it is drawn.
    """
    if options["style"] is not None:
        apply_style(found.figure, options["style"])
    if options["format"] != TABLES.name:
        _check_size(found, options, max_pixels)
    return encode_resized(found, options)


def encode_resized(found: Any, options: Mapping[str, Any], *, with_thumbnail: bool = False) -> EncodedFigure:
    """Encode a figure in the requested size, or its data; another object in its own size."""
    if options["format"] == TABLES.name:
        return EncodedFigure((read_tables(found, options["rows"]),), None, "", "", None)
    is_tight = options["tight"]
    if isinstance(found, ResolvedFigure):
        found = resize(found, options)
        is_tight = found.tight
    return encode(
        found,
        (options["format"],),
        dpi=options["dpi"],
        tight=is_tight,
        transparent=options["transparent"],
        with_thumbnail=with_thumbnail,
    )


def _check_size(found: ResolvedFigure, options: Mapping[str, Any], limit: int) -> None:
    """Check the size of an image before memory is allocated for it; a process without limits draws it."""
    dpi = CSS_DPI if get_format(options["format"]).is_vector else options["dpi"] or found.dpi
    own = tuple(float(side * dpi) for side in found.figure.get_size_inches())
    width, height = complete_size(own, options["width"], options["height"])
    check_pixels(width, height, limit)
