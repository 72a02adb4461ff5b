"""The data of a figure by a link whose owner allows it. Server process."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from ....errors import Conflict, Forbidden, OutputInvalid, TooLarge
from ....model.data_tables import FigureData
from ...services.callers import visitor_caller
from .public_figure import PublicFigure
from .renderer import LinkRenderer

_NOT_SHARED = "This link shows the figure without its data. Ask its owner for a link with data."
_UNREADABLE = "The data of this figure cannot be read."


def check_shared(renderer: LinkRenderer) -> None:
    """Check that viewers of a link may read the figure's data.

    Raises
    ------
    Forbidden
        When they may not, with the code ``data_not_shared``.
    """
    if not renderer.link.data:
        raise Forbidden(_NOT_SHARED, code="data_not_shared")


async def write_csv(renderer: LinkRenderer, figure: PublicFigure, number: int | None) -> bytes:
    """Return the figure's data as CSV; messages have nothing of the author's code.

    Raises
    ------
    Conflict
        When it cannot be read, with the code ``no_data``.
    NotFound
        When there is no table of this number.
    """
    record = await renderer.context.source_checker.recheck_problem(figure.record)
    writing = renderer.context.figure_data.write_csv(
        record, number, visitor_caller(renderer.link.id), figure.count_render
    )
    return await _finish(renderer, writing)


async def write_json(renderer: LinkRenderer, figure: PublicFigure) -> bytes:
    """Return the figure's data as JSON, as ``write_csv``."""
    record = await renderer.context.source_checker.recheck_problem(figure.record)
    writing = renderer.context.figure_data.write_json(
        record, None, visitor_caller(renderer.link.id), figure.count_render
    )
    return await _finish(renderer, writing)


async def _finish(renderer: LinkRenderer, writing: Coroutine[Any, Any, bytes]) -> bytes:
    try:
        return await renderer.handler.run_until_disconnect(writing)
    except (Conflict, OutputInvalid, TooLarge) as error:
        raise Conflict(_UNREADABLE, code="no_data") from error


async def preview_data(renderer: LinkRenderer, figure: PublicFigure) -> FigureData | None:
    """Return the first rows of the tables for the page of a link; None where it does not show them."""
    if not renderer.link.data:
        return None
    return await renderer.context.figure_data.preview(
        figure.record, visitor_caller(renderer.link.id), figure.count_render
    )
