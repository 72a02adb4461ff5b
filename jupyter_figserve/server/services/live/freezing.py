"""Freezes live figures: renders a grid of values now, to serve when no kernel offers the figure. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ....errors import CodeFailed, OutputInvalid, UnsupportedType
from ....model.formats import get_live_format_of_mimetype
from ....model.live import DATA_FORM, HTML_FORM, IMAGE_FORM, LiveRequest
from .image_cache import CachedImage
from .registry import LiveTarget
from .service import LiveService

_FORMATS = {IMAGE_FORM: ("png", "svg"), HTML_FORM: ("html", "png", "svg"), DATA_FORM: ("json", "csv")}
_MAX_WIDTH = 8
"""Calls at once, whatever the number of workers: others call the function, too."""


async def freeze(
    live: LiveService, target: LiveTarget, calls: Sequence[Mapping[str, Any]], format: str | None, width: int = 1
) -> dict[str, Any]:
    """Render these calls, and return ``frozen``, their number, and the ``formats`` that are kept.

    Parameters
    ----------
    calls
        Complete arguments of each.
    format
        The only format; None for those in which pages and links show the figure.
    width
        Calls at once, of a function that runs in the sandbox; a kernel runs one at a time.

    Raises
    ------
    FigServeError
        The first failure; images before it are kept.
    """
    images: list[CachedImage] = []
    free = asyncio.Semaphore(1 if target.kernel else max(1, min(width, _MAX_WIDTH)))

    async def render(arguments: Mapping[str, Any]) -> None:
        async with free:
            images.extend(await _render(live, target, arguments, format))

    try:
        # The first one shows the form of the figure.
        for arguments in calls[:1]:
            await render(arguments)
        async with asyncio.TaskGroup() as group:
            for arguments in calls[1:]:
                group.create_task(render(arguments))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        await live.images.freeze([image for image in images if image.is_good])
    formats = dict.fromkeys(get_live_format_of_mimetype(image.content.mimetype).name for image in images)
    return {"frozen": len(calls), "formats": list(formats)}


async def _render(
    live: LiveService, target: LiveTarget, arguments: Mapping[str, Any], format: str | None
) -> list[CachedImage]:
    """Render a call in the formats that suit its form; the first one is required, the others are not."""
    if format is not None:
        return [await _render_one(live, target, arguments, format)]
    found: dict[str, CachedImage] = {}
    if live.forms.find(target) is None:
        try:
            found["png"] = await _render_one(live, target, arguments, "png")
        except UnsupportedType:
            if live.forms.find(target) is None:
                raise
    form = live.forms.find(target) or IMAGE_FORM
    for number, name in enumerate(_FORMATS.get(form, (form,))):
        if name in found:
            continue
        try:
            found[name] = await _render_one(live, target, arguments, name)
        except CodeFailed:
            raise
        except (UnsupportedType, OutputInvalid):
            if number == 0:
                raise
    return list(found.values())


async def _render_one(live: LiveService, target: LiveTarget, arguments: Mapping[str, Any], format: str) -> CachedImage:
    result = await live.render(target, LiveRequest(arguments, format))
    if result.stale is not None:
        raise result.stale
    assert result.image is not None
    return result.image
