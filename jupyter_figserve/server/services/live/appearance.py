"""What a page shows of a live figure before its script runs. Server process.

A page that runs scripts lets its script request whatever is not known to exist, which fails without a failed request.
For a browser without scripts, the call is made before the page is sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from ....errors import FigServeError, UnsupportedType
from ....model.live import DATA_FORM, HTML_FORM, LiveRequest, shown_suffix
from .forms import LiveForms
from .registry import LiveTarget

Call = Callable[[LiveRequest], Awaitable[object]]
"""Makes the call for a request."""
_MAX_TURNS = 4
"""Formats to try: the chosen one, PNG, and what the function's errors name."""


@dataclass(frozen=True)
class Appearance:
    """What a page shows of a live figure with certain arguments.

    Parameters
    ----------
    form
        Form of the function's result, see ``forms``; None when unknown, or an image by its declaration only.
    suffix
        Suffix of the result that the page shows.
    size
        CSS width and height of the last image.
    is_drawn
        Whether there is a result for these arguments, so that requesting it is not expected to fail.
    failure
        Message of the failed call that the page itself made, or "".
    """

    form: str | None = None
    suffix: str = "png"
    size: tuple[int | None, int | None] = (None, None)
    is_drawn: bool = False
    failure: str = ""


async def find_appearance(
    forms: LiveForms, target: LiveTarget, request: LiveRequest, format: str | None, call: Call | None = None
) -> Appearance:
    """Return what is known of a result; with ``call``, of that of a call.

    Parameters
    ----------
    request
        Request for the result, in any format.
    format
        Image format that the page chooses; None for the function's own.
    call
        Calls the function; None for no call.
    """
    if call is not None and target.backend is not None:
        return await _draw(forms, target, request, format, call)
    form = await forms.find_last(target, request.arguments)
    suffix = shown_suffix(form, format)
    last = await forms.find_image(target, replace(request, format=suffix))
    size = (None, None) if last is None else last.size
    if target.backend is None:
        return Appearance(form, suffix, size, last is not None)
    is_drawn = last is not None and last.revision == target.declaration.revision
    is_known = is_drawn or form in (HTML_FORM, DATA_FORM) or forms.find(target) is not None
    return Appearance(form if is_known else None, suffix, size, is_drawn)


async def _draw(
    forms: LiveForms, target: LiveTarget, request: LiveRequest, format: str | None, call: Call
) -> Appearance:
    """Call the function in a format that it offers, and return its result's appearance or its failure."""
    for _ in range(_MAX_TURNS):
        suffix = shown_suffix(forms.guess(target), format)
        try:
            await call(replace(request, format=suffix))
        except UnsupportedType as error:
            if shown_suffix(forms.guess(target), format) != suffix:
                continue
            if format is None:
                return Appearance(suffix=suffix, failure=error.message)
            format = None
        except FigServeError as error:
            return Appearance(suffix=suffix, failure=error.message)
        else:
            break
    return replace(await find_appearance(forms, target, request, format), is_drawn=True)
