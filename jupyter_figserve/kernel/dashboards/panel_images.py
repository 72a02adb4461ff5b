"""Renders the panels of a dashboard to images, in a preferred format. Kernel; needs no server."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from ...errors import CodeFailed, FigServeError, OutputInvalid, UnsupportedType
from ...model.figures import EncodedImage
from ...model.formats import get_format
from ...model.images.vector_sizes import CSS_DPI
from ..figures.captured_plot import CapturedPlot
from ..figures.display import INLINE_SUFFIXES, close_if_inline
from ..figures.published_figure import Published
from ..live.registry import live_functions
from .panels import LaidOutPanel

PRINT_DPI = 200
SCREEN_DPI = 192
"""Two pixels per CSS pixel."""
MAX_SVG_BYTES = 150_000
"""Size above which PNG is preferred to SVG."""
_POLL_SECONDS = 0.2
"""Interval at which a wait can be interrupted."""
_ERRORS = {"UnsupportedType": UnsupportedType}

FormatPreference = tuple[tuple[str, float | None], ...]
"""Formats to try in order, each with its dpi."""
SVG: FormatPreference = (("svg", None), ("png", SCREEN_DPI), ("html", None))
PNG: FormatPreference = (("png", SCREEN_DPI), ("svg", None), ("html", None))
PRINT: FormatPreference = (("png", PRINT_DPI),)
NOTEBOOK: FormatPreference = (("png", None),)


def render_live_panel(
    panel: LaidOutPanel, arguments: Mapping[str, Any], formats: FormatPreference, timeout: float | None = None
) -> EncodedImage:
    """Render a live panel with these JSON values, in the first format that it supports, in the worker thread.

    Parameters
    ----------
    timeout
        Maximum seconds for each format; None for no limit.

    Raises
    ------
    OutputInvalid, UnsupportedType
        The function fails, or takes longer than ``timeout``.
    """
    formats = _chosen_formats(panel, formats)
    for number, (name, dpi) in enumerate(formats, 1):
        try:
            return _call(panel, {**arguments, **panel.fixed}, name, dpi, timeout)
        except UnsupportedType:
            if number == len(formats):
                raise
    raise AssertionError("no format was requested")


def render_detached_panel(panel: LaidOutPanel, arguments: Mapping[str, Any], formats: FormatPreference) -> EncodedImage:
    """Render a live panel in the server's sandbox, or here if the sandbox is busy or lacks the format; thread-safe.

    Raises
    ------
    OutputInvalid, UnsupportedType
        The function fails.
    """
    from ...plotting.images import to_encoded_image

    name, dpi = _chosen_formats(panel, formats)[0]
    try:
        data = panel.object.fetch_detached({**arguments, **panel.fixed}, name, dpi)
        return to_encoded_image(get_format(name), data, dpi=dpi)
    except CodeFailed:
        raise
    except FigServeError:
        return render_live_panel(panel, arguments, formats)


def render_figure_panel(panel: LaidOutPanel, formats: FormatPreference) -> EncodedImage:
    """Render a panel that is not a live figure.

    Raises
    ------
    OutputInvalid, UnsupportedType
        It has no image.
    """
    if panel.format != "html":
        formats = _chosen_formats(panel, formats)
    if isinstance(panel.object, Published):
        return _render_published(panel.object, formats)
    if isinstance(panel.object, CapturedPlot):
        return stored_image(panel.object)
    return _encode(panel.object, formats)


def stored_image(item: Published | CapturedPlot) -> EncodedImage:
    """Return the image that the server stores.

    Raises
    ------
    OutputInvalid
        It has no image that browsers can display.
    """
    image = item.still()
    if image is None:
        raise OutputInvalid("This figure has no image to show here. Open its page instead.")
    return image


def _chosen_formats(panel: LaidOutPanel, formats: FormatPreference) -> FormatPreference:
    """Return the formats to try, the panel's own first; a PDF has pixels only."""
    if panel.format is None or formats == PRINT:
        return formats
    is_raster = get_format(panel.format).is_raster
    dpi = next((dpi for _, dpi in formats if dpi is not None), None) if is_raster else None
    return ((panel.format, dpi), *(one for one in formats if one[0] != panel.format))


def preferred_formats(svg: EncodedImage | None, format: str | None) -> FormatPreference:
    """Choose the formats of a panel: the requested one, else SVG if the first state's SVG is small."""
    if format is not None:
        return SVG if format == "svg" else PNG
    return SVG if svg is not None and len(svg.data) <= MAX_SVG_BYTES else PNG


def css_size(image: EncodedImage) -> tuple[int, int] | None:
    """Return width and height in CSS pixels; None if unknown."""
    if image.display_width and image.display_height:
        return image.display_width, image.display_height
    if not image.width or not image.height:
        return None
    is_hidpi = image.mimetype == "image/png" and image.dpi == SCREEN_DPI
    scale = CSS_DPI / SCREEN_DPI if is_hidpi else 1
    return round(image.width * scale), round(image.height * scale)


def _call(
    panel: LaidOutPanel, arguments: dict[str, Any], name: str, dpi: float | None, timeout: float | None
) -> EncodedImage:
    done = threading.Event()
    responses: list[tuple[dict[str, Any], bytes]] = []

    def reply(head: dict[str, Any], body: bytes) -> None:
        responses.append((head, body))
        done.set()

    live_functions.submit({"name": panel.object.name, "arguments": arguments, "format": name, "dpi": dpi}, reply)
    deadline = None if timeout is None else time.monotonic() + timeout
    while not done.wait(_POLL_SECONDS if deadline is None else max(0.0, deadline - time.monotonic())):
        if deadline is not None:
            raise OutputInvalid(f"Not rendered within {timeout:.0f} s. Use its controls to render it.")
    head, body = responses[0]
    error = head.get("error")
    if error:
        raise _ERRORS.get(error.get("type"), OutputInvalid)(error["message"])
    return EncodedImage(head["mimetype"], body, head["width"], head["height"], head["dpi"])


def _encode(item: Any, formats: FormatPreference) -> EncodedImage:
    """Encode a plotting object; an interactive one stays HTML if HTML is among the formats."""
    from ...plotting.encode import encode
    from ...plotting.resolve import find_figure

    found = find_figure(item)
    if found is not None:
        name, dpi = formats[0]
        encoded = encode(found, (name,), dpi=dpi, with_thumbnail=False)
        close_if_inline(encoded.figure)
        return encoded.images[0]
    # An object that displays itself is encoded as its own output, else as an image.
    images = encode(item, with_thumbnail=False).images
    mimetypes = (*(["text/html"] if ("html", None) in formats else []), *INLINE_SUFFIXES)
    accepted = [part for mimetype in mimetypes for part in images if part.mimetype == mimetype]
    return accepted[0] if accepted else encode(item, ("png",), with_thumbnail=False).images[0]


def _render_published(figure: Published, formats: FormatPreference) -> EncodedImage:
    """Have the server render the figure; if it cannot, return the stored image."""
    name, dpi = formats[0]
    try:
        if figure.is_redrawable:
            return figure.fetch(name, dpi=dpi)
    except FigServeError:
        pass
    return stored_image(figure)
