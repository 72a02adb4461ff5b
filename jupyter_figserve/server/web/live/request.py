"""Parses the query of a live figure's image. Server process."""

from __future__ import annotations

from collections.abc import Mapping

from ....errors import FigServeError, InvalidInput, Unavailable, UnsupportedType
from ....model.formats import FORMATS, Format
from ....model.live import DEVICE_PIXEL_RATIOS, RECORD_PARAMETER, LiveDeclaration, LiveRequest
from ...services.live.forms import LiveForms
from ...services.live.registry import LiveTarget

FRAME_PARAMETER = "_frame"
"""Query parameter that requests the URL of a frame with a live figure's HTML."""
RATIO_PARAMETER = "_density"
"""The device pixel ratio that an image is for."""
FORMAT_PARAMETER = "_format"
"""The format in which a page shows a live figure."""
LAST_PARAMETER = "_last"
"""Asks for the last good image, which needs no call, where there is one."""
DRAW_PARAMETER = "_draw"
"""Makes a page call the function itself, for browsers without scripts."""
_MAX_SIZES = {"width": 10_000, "height": 10_000, "dpi": 1_200}


def parse_live_request(query: Mapping[str, list[str]], declaration: LiveDeclaration, row: Format) -> LiveRequest:
    """Return the request for an image in a format.

    Sizes that the function has parameters for are its own; the others set the size of its figure.

    Raises
    ------
    InvalidInput
        When a value is wrong; the message names it.
    """
    sizes = {name: _parse_size(name, query[name][-1].strip()) for name in declaration.sizes if name in query}
    ratio = 1 if sizes else parse_device_pixel_ratio(query)
    arguments = declaration.parameters.parse({name: values for name, values in query.items() if name not in sizes})
    return LiveRequest(arguments, row.name, **sizes, device_pixel_ratio=ratio)


def parse_device_pixel_ratio(query: Mapping[str, list[str]]) -> int:
    """Return the device pixel ratio that a query requests, 1 by default.

    Raises
    ------
    InvalidInput
        When it is not one of ``DEVICE_PIXEL_RATIOS``.
    """
    text = query.get(RATIO_PARAMETER, ["1"])[-1]
    if text not in map(str, DEVICE_PIXEL_RATIOS):
        offered = ", ".join(map(str, DEVICE_PIXEL_RATIOS))
        raise InvalidInput(f"{RATIO_PARAMETER}={text!r:.20}: use one of {offered}.")
    return int(text)


def asks_for_frame(query: Mapping[str, list[str]], row: Format) -> bool:
    """Whether a query requests a frame's URL instead of the image.

    Raises
    ------
    UnsupportedType
        When it does so for a format other than HTML.
    """
    if FRAME_PARAMETER not in query:
        return False
    if row is not FORMATS["html"]:
        raise UnsupportedType(f"Only HTML is shown in a frame; request .html with {FRAME_PARAMETER}.")
    return True


def asks_for_record(
    query: Mapping[str, list[str]], target: LiveTarget, forms: LiveForms, *, is_lenient: bool = False
) -> bool:
    """Whether ``.json`` means the record of a live figure, rather than the data that its function returns.

    For a function that has not been called yet, an address without the required parameters means the record. A lenient
    request always means the data.
    """
    if RECORD_PARAMETER in query or is_lenient:
        return RECORD_PARAMETER in query
    if forms.gives_data(target) is False:
        return True
    is_called = any(name in query for name in target.declaration.parameters.names)
    requires = any(item.is_required for item in target.declaration.parameters.items)
    return forms.gives_data(target) is None and requires and not is_called


def is_about_record(suffix: str, error: FigServeError, target: LiveTarget, forms: LiveForms) -> bool:
    """Whether the failure of a call for ``.json`` shows that the record is meant.

    It does if the function turns out to return no data, or if it is unknown because nothing can call it.
    """
    gives_data = forms.gives_data(target)
    return suffix == "json" and (gives_data is False or (gives_data is None and isinstance(error, Unavailable)))


def _parse_size(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= 1):
        raise InvalidInput(f"{name}={text[:40]!r} is not a whole number of at least 1.")
    if int(text) > _MAX_SIZES[name]:
        raise InvalidInput(f"{name} is at most {_MAX_SIZES[name]:,}.")
    return int(text)
