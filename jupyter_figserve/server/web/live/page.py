"""Assembles the page of a live figure, for its owner and for a link's visitors. Server process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ....errors import FigServeError
from ....model.formats import INLINE_FORMATS
from ....model.live import LiveDeclaration, LiveRequest, shown_suffix
from ....model.parameters import Parameters
from ...services.live.appearance import Appearance, Call, find_appearance
from ...services.live.registry import LiveTarget
from ...services.live.service import LiveService
from .form import LivePage, build_page
from .request import DRAW_PARAMETER, FORMAT_PARAMETER


async def make_live_page(
    live: LiveService,
    target: LiveTarget,
    parameters: Parameters,
    query: Mapping[str, Sequence[str]],
    *,
    address: str,
    min_refresh: float,
    make_request: Callable[[dict[str, list[str]]], LiveRequest],
    is_paused: bool = False,
    call: Call | None = None,
) -> LivePage:
    """Return the page with what is known of the result with its values.

    Parameters
    ----------
    min_refresh
        At least this many seconds between two automatic requests.
    make_request
        Returns the request that a query of known names makes.
    call
        Calls the function when the query asks the page to; None where the caller may not.
    """
    form, format = live.forms.guess(target), _find_page_format(query)
    page = replace(
        build_page(target, parameters, query, address=address, is_paused=is_paused),
        appearance=Appearance(form, shown_suffix(form, format)),
        format=format,
        refresh=find_refresh(target.declaration, min_refresh),
        is_offline=target.backend is None,
        is_drawing=DRAW_PARAMETER in query,
    )
    if page.query is None:
        return page
    try:
        request = make_request({name: list(query[name]) for name in page.names if name in query})
    except FigServeError as error:
        return replace(page, appearance=replace(page.appearance, failure=error.message))
    found = await find_appearance(live.forms, target, request, format, call if page.is_drawing else None)
    return replace(page, appearance=found)


def _find_page_format(query: Mapping[str, Sequence[str]]) -> str | None:
    """Return the image format that the query of a page chooses; an unknown one is ignored, like other ``_`` names."""
    chosen = query.get(FORMAT_PARAMETER, [""])[-1]
    return chosen if any(row.name == chosen for row in INLINE_FORMATS) else None


def find_refresh(declaration: LiveDeclaration, min_refresh: float) -> float | None:
    """Return the seconds after which a page refreshes its image; None for never."""
    return None if declaration.refresh is None else max(declaration.refresh, min_refresh)
