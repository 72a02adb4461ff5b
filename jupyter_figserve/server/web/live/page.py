"""Assembles the page of a live figure, for its owner and for a link's visitors. Server process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ....model.formats import INLINE_FORMATS
from ....model.live import LiveDeclaration
from ....model.parameters import Parameters
from ...services.live.registry import LiveTarget
from ...services.live.service import LiveService
from .form import LivePage, build_page
from .request import FORMAT_PARAMETER


async def make_live_page(
    live: LiveService,
    target: LiveTarget,
    parameters: Parameters,
    query: Mapping[str, Sequence[str]],
    *,
    address: str,
    min_refresh: float,
    locked: Mapping[str, Any] | None = None,
    is_paused: bool = False,
) -> LivePage:
    """Return the page with the form and the size of the last image with its values.

    Parameters
    ----------
    min_refresh
        Seconds between two requests that the page makes by itself, at least.
    locked
        Values of the parameters that have no control.
    """
    page = build_page(target, parameters, query, address=address, is_paused=is_paused)
    page = replace(
        page,
        form=live.forms.guess(target),
        format=find_page_format(query),
        refresh=find_refresh(target.declaration, min_refresh),
        is_offline=target.backend is None,
    )
    if page.arguments is None:
        return page
    arguments = {**(locked or {}), **page.arguments}
    page = replace(page, form=await live.forms.find_last(target, arguments))
    return replace(page, size=await live.forms.find_size(target, arguments, page.suffix))


def find_page_format(query: Mapping[str, Sequence[str]]) -> str | None:
    """Return the image format that the query of a page chooses; an unknown one is ignored, like other ``_`` names."""
    chosen = query.get(FORMAT_PARAMETER, [""])[-1]
    return chosen if any(row.name == chosen for row in INLINE_FORMATS) else None


def find_refresh(declaration: LiveDeclaration, min_refresh: float) -> float | None:
    """Return the seconds after which a page refreshes its image; None for never."""
    return None if declaration.refresh is None else max(declaration.refresh, min_refresh)
