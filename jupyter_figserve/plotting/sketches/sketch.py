"""Thumbnails of figures that a JavaScript library draws, without a browser. Kernel, jailed child."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from . import bokeh, plotly

if TYPE_CHECKING:
    from ...model.figures import EncodedImage


def find_sketch(obj: object) -> EncodedImage | None:
    """Return the thumbnail of a Plotly or Bokeh figure; None for anything else, and for one that cannot be sketched."""
    for draw in (plotly.draw_sketch, bokeh.draw_sketch):
        # It is no reason for a publish to fail.
        with contextlib.suppress(Exception):
            if (found := draw(obj)) is not None:
                return found
    return None
