"""A dashboard's panels as pictures that stay: what a saved notebook shows of it. Kernel; needs no server."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import FigServeError, OutputInvalid
from ...model import dashboards
from ...model.figures import EncodedImage
from ..figures.captured_plot import CapturedPlot
from ..figures.display import SHOWN_FORMATS, close_if_inline
from ..figures.published_figure import Published
from ..live.registry import worker
from .panels import LaidOutPanel

STILL_LIMIT = 512 * 1024
"""Bytes of one picture in a notebook; a larger one is shown as its thumbnail."""
BOARD_LIMIT = 8 * 2**20
"""Bytes of all pictures of a dashboard in a notebook; beyond it, thumbnails."""
LIVE_SECONDS = 20.0
"""For all live panels of a dashboard together; a display must not hold up its cell for longer."""


@dataclass(frozen=True)
class PanelImage:
    """What stands in a panel's place.

    Parameters
    ----------
    picture
        None where there is none; then ``message`` says why.
    has_page
        Whether it is HTML, so that a picture is only a stand-in.
    """

    picture: EncodedImage | None = None
    message: str = ""
    has_page: bool = False


def draw_stills(
    panels: Sequence[LaidOutPanel], arguments: Mapping[str, Mapping[str, Any]], seconds: float = LIVE_SECONDS
) -> dict[str, PanelImage]:
    """A picture for each panel that is no text, by its place.

    A panel that fails has its message; the others stand.

    Parameters
    ----------
    arguments
        JSON values that a live panel is drawn with, by its place; what is missing has the function's default.
    seconds
        For all live panels together.
    """
    until = time.monotonic() + seconds
    left = BOARD_LIMIT
    stills = {}
    for panel in panels:
        if panel.kind == dashboards.TEXT:
            continue
        still = _drawn(panel, arguments.get(panel.place, {}), until)
        if still.picture is not None:
            still = _bounded(still, still.picture, min(STILL_LIMIT, left))
        left -= len(still.picture.data) if still.picture else 0
        stills[panel.place] = still
    return stills


def _drawn(panel: LaidOutPanel, arguments: Mapping[str, Any], until: float) -> PanelImage:
    try:
        if panel.kind == dashboards.LIVE:
            return PanelImage(render_live_panel(panel, arguments, max(until - time.monotonic(), 0)))
        if isinstance(panel.object, (Published, CapturedPlot)):
            picture = panel.object.still()
            has_page = isinstance(panel.object, Published) and panel.object.is_interactive
            message = "" if picture else "This figure has no image to show here. Open its page instead."
            return PanelImage(picture, message, has_page)
        return _encoded(panel.object)
    except FigServeError as error:
        return PanelImage(message=error.message)


def render_live_panel(panel: LaidOutPanel, arguments: Mapping[str, Any], seconds: float) -> EncodedImage:
    """The picture of a live panel for these JSON values, drawn in the thread of live calls.

    Raises
    ------
    OutputInvalid
        With the function's own message, and when it takes longer than ``seconds``.
    """
    done = threading.Event()
    answers: list[tuple[dict[str, Any], bytes]] = []

    def reply(head: dict[str, Any], body: bytes) -> None:
        answers.append((head, body))
        done.set()

    worker.submit({"name": panel.object.name, "arguments": {**arguments, **panel.fixed}, "format": "png"}, reply)
    if not done.wait(seconds):
        raise OutputInvalid(f"It was not drawn within {seconds:.0f} seconds; its controls draw it.")
    head, body = answers[0]
    if head.get("error"):
        raise OutputInvalid(head["error"]["message"])
    return EncodedImage(head["mimetype"], body, head["width"], head["height"], head["dpi"])


def _encoded(item: Any) -> PanelImage:
    """A plotting object drawn here; where it belongs to a cell that would show it again, not shown again."""
    from ...plotting.encode import encode

    encoded = encode(item)
    close_if_inline(encoded.figure)
    has_page = encoded.payloads[0].mimetype == "text/html"
    picture = next((part for part in encoded.payloads if part.mimetype in SHOWN_FORMATS), encoded.thumbnail)
    message = "" if picture else "It is interactive, and has no picture of itself."
    return PanelImage(picture, message, has_page)


def _bounded(still: PanelImage, picture: EncodedImage, limit: int) -> PanelImage:
    """The same with the picture's thumbnail where it takes more than ``limit`` bytes."""
    if len(picture.data) <= limit:
        return still
    from ...plotting.images import image_thumbnail, open_image

    try:
        small = image_thumbnail(open_image(picture.data))
    except FigServeError:
        small = None
    if small is None or len(small.data) > STILL_LIMIT:
        words = f"Its picture of {len(picture.data):,} bytes is too large to stand in a notebook."
        return PanelImage(message=words, has_page=still.has_page)
    # In the size of the picture that it stands for, so that the page keeps its layout.
    return PanelImage(EncodedImage(small.mimetype, small.data, picture.width, picture.height), has_page=still.has_page)
