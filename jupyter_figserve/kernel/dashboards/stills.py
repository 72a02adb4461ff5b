"""Static images of a dashboard's panels, for saved notebooks. Kernel; needs no server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...errors import FigServeError
from ...model import dashboards
from ...model.figures import EncodedImage
from ..figures.captured_plot import CapturedPlot
from ..figures.display import INLINE_SUFFIXES, close_if_inline
from ..figures.published_figure import Published
from .panel_images import NOTEBOOK, render_live_panel, stored_image
from .panels import LaidOutPanel

MAX_IMAGE_BYTES = 512 * 1024
"""Size above which an image in a notebook is replaced by its thumbnail."""
MAX_DASHBOARD_BYTES = 8 * 2**20
"""Size of all images of a dashboard in a notebook, above which the rest are thumbnails."""
LIVE_TIMEOUT = 20.0
"""Maximum seconds to render all live panels; displaying a dashboard must not block its cell for longer."""


@dataclass(frozen=True)
class Still:
    """The static image of a panel.

    Parameters
    ----------
    image
        None if the panel cannot be rendered; ``message`` then says why.
    has_page
        Whether the figure is HTML, so that the image is only a preview.
    """

    image: EncodedImage | None = None
    message: str = ""
    has_page: bool = False


def render_stills(
    panels: Sequence[LaidOutPanel], arguments: Mapping[str, Mapping[str, Any]], timeout: float = LIVE_TIMEOUT
) -> dict[str, Still]:
    """Render each panel except text, and return the images by place; a failed panel has a message.

    Parameters
    ----------
    arguments
        JSON values of each live panel by place; missing values are the defaults.
    timeout
        Maximum seconds for all live panels.
    """
    deadline = time.monotonic() + timeout
    remaining = MAX_DASHBOARD_BYTES
    stills = {}
    for panel in panels:
        if panel.kind == dashboards.TEXT:
            continue
        still = _render(panel, arguments.get(panel.place, {}), deadline)
        if still.image is not None:
            still = _bounded(still, still.image, min(MAX_IMAGE_BYTES, remaining))
        remaining -= len(still.image.data) if still.image else 0
        stills[panel.place] = still
    return stills


def _render(panel: LaidOutPanel, arguments: Mapping[str, Any], deadline: float) -> Still:
    item = panel.object
    has_page = isinstance(item, Published) and item.is_interactive
    try:
        if panel.kind == dashboards.LIVE:
            return Still(render_live_panel(panel, arguments, NOTEBOOK, max(deadline - time.monotonic(), 0)))
        if isinstance(item, (Published, CapturedPlot)):
            return Still(stored_image(item), has_page=has_page)
        return _encode(item)
    except FigServeError as error:
        return Still(message=error.message, has_page=has_page)


def _encode(item: Any) -> Still:
    """Encode a plotting object, and close its figure if the cell would display it again."""
    from ...plotting.encode import encode

    encoded = encode(item)
    close_if_inline(encoded.figure)
    has_page = encoded.images[0].mimetype == "text/html"
    image = next((part for part in encoded.images if part.mimetype in INLINE_SUFFIXES), encoded.thumbnail)
    return Still(image, "" if image else "This figure is interactive and has no static image.", has_page)


def _bounded(still: Still, image: EncodedImage, limit: int) -> Still:
    """Replace the image by its thumbnail if it has more than ``limit`` bytes."""
    if len(image.data) <= limit:
        return still
    from ...plotting.images import image_thumbnail, open_image

    try:
        small = image_thumbnail(open_image(image.data))
    except FigServeError:
        small = None
    if small is None or len(small.data) > MAX_IMAGE_BYTES:
        message = f"The image has {len(image.data):,} bytes, which is too large for a notebook."
        return replace(still, image=None, message=message)
    # The size of the full image keeps the layout unchanged.
    return replace(still, image=EncodedImage(small.mimetype, small.data, image.width, image.height))
