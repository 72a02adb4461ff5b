"""A panel drawn for a file: in the form that its reader sees best, or with its own message. Kernel."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from ...errors import CodeFailed, FigServeError, OutputInvalid, UnsupportedType
from ...model.figures import EncodedImage
from ...model.formats import CSS_DPI, get_format
from ..dashboards.panels import LaidOutPanel
from ..figures.captured_plot import CapturedPlot
from ..figures.display import SHOWN_FORMATS, close_if_inline
from ..figures.published_figure import Published
from ..live.registry import worker

PRINT_DPI = 200
SCREEN_DPI = 192
"""Two pixels for each of CSS."""
SVG_LIMIT = 150_000
"""Bytes from which on a picture is rather PNG."""
_LOOK_SECONDS = 0.2
"""Between two looks at whether somebody has interrupted."""
_ERRORS = {"UnsupportedType": UnsupportedType}

Forms = tuple[tuple[str, float | None], ...]
"""Formats to try in their order, each with its dpi."""
SVG: Forms = (("svg", None), ("png", SCREEN_DPI), ("html", None))
PNG: Forms = (("png", SCREEN_DPI), ("svg", None), ("html", None))
PRINTED: Forms = (("png", PRINT_DPI),)


def render_live_panel(panel: LaidOutPanel, arguments: Mapping[str, Any], forms: Forms) -> EncodedImage:
    """A live panel with these JSON values, in the first form that it has, drawn in the thread of live calls.

    Raises
    ------
    OutputInvalid, UnsupportedType
        With the function's own message.
    """
    for number, (name, dpi) in enumerate(forms, 1):
        try:
            return _call(panel, {**arguments, **panel.fixed}, name, dpi)
        except UnsupportedType:
            if number == len(forms):
                raise
    raise AssertionError("no form was asked for")


def render_detached_panel(panel: LaidOutPanel, arguments: Mapping[str, Any], forms: Forms) -> EncodedImage:
    """The same from the server's sandbox, by any thread; here where the sandbox has no time or no such form.

    Raises
    ------
    OutputInvalid, UnsupportedType
        With the function's own message.
    """
    from ...plotting.images import payload_of

    name, dpi = forms[0]
    try:
        data = panel.object.fetch_detached({**arguments, **panel.fixed}, name, dpi)
        return payload_of(get_format(name), data, dpi=dpi)
    except CodeFailed:
        raise
    except FigServeError:
        return render_live_panel(panel, arguments, forms)


def draw_figure(panel: LaidOutPanel, forms: Forms) -> EncodedImage:
    """What is no live figure.

    Raises
    ------
    OutputInvalid, UnsupportedType
        When there is no picture of it.
    """
    if isinstance(panel.object, Published):
        return _published(panel.object, forms)
    if isinstance(panel.object, CapturedPlot):
        return _still(panel.object)
    return _encoded(panel.object, forms)


def preferred_formats(smaller: EncodedImage | None, format: str | None) -> Forms:
    """The forms for a panel, by the SVG of its first state: sharp at any size, while that is not too much."""
    if format is not None:
        return SVG if format == "svg" else PNG
    return SVG if smaller is not None and len(smaller.data) <= SVG_LIMIT else PNG


def shown_size(picture: EncodedImage) -> tuple[int, int] | None:
    """Pixels of CSS that it takes, None when unknown."""
    if not picture.width or not picture.height:
        return None
    is_dense = picture.mimetype == "image/png" and picture.dpi == SCREEN_DPI
    scale = CSS_DPI / SCREEN_DPI if is_dense else 1
    return round(picture.width * scale), round(picture.height * scale)


def _call(panel: LaidOutPanel, arguments: dict[str, Any], name: str, dpi: float | None) -> EncodedImage:
    done = threading.Event()
    answers: list[tuple[dict[str, Any], bytes]] = []

    def reply(head: dict[str, Any], body: bytes) -> None:
        answers.append((head, body))
        done.set()

    worker.submit({"name": panel.object.name, "arguments": arguments, "format": name, "dpi": dpi}, reply)
    while not done.wait(_LOOK_SECONDS):
        pass
    head, body = answers[0]
    error = head.get("error")
    if error:
        raise _ERRORS.get(error.get("type"), OutputInvalid)(error["message"])
    return EncodedImage(head["mimetype"], body, head["width"], head["height"], head["dpi"])


def _encoded(item: Any, forms: Forms) -> EncodedImage:
    """A plotting object drawn here; what is interactive stays so where HTML is among the forms."""
    from ...plotting.encode import encode
    from ...plotting.resolve import find_figure

    found = find_figure(item)
    if found is not None:
        name, dpi = forms[0]
        encoded = encode(found, (name,), dpi=dpi, with_thumbnail=False)
        close_if_inline(encoded.figure)
        return encoded.payloads[0]
    # Of those that draw themselves: what they are, else a picture of them.
    payloads = encode(item, with_thumbnail=False).payloads
    names = ["text/html"] if ("html", None) in forms else []
    wanted = [part for kind in (*names, *SHOWN_FORMATS) for part in payloads if part.mimetype == kind]
    return wanted[0] if wanted else encode(item, ("png",), with_thumbnail=False).payloads[0]


def _published(item: Published, forms: Forms) -> EncodedImage:
    """Drawn anew by the server where it can; else what it has."""
    if item.is_redrawable:
        for name, dpi in forms[:1]:
            try:
                return item.fetch(name, dpi=dpi)
            except FigServeError:
                continue
    return _still(item)


def _still(item: Published | CapturedPlot) -> EncodedImage:
    picture = item.still()
    if picture is None:
        raise OutputInvalid("This figure has no image to show here. Open its page instead.")
    return picture


def message_of(error: FigServeError) -> str:
    """What stands in the panel's place."""
    return error.message if isinstance(error, OutputInvalid) else f"It could not be drawn: {error.message}"
