"""Sizes of published figures: read, granted by links, and written as they are signed."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.sandbox.renderer import DrawOptions
from jupyter_figserve.server.services.rendering.request import RenderLimits
from jupyter_figserve.server.services.rendering.sizes import AllowedSizes, query_of_sizes, read_sizes

LIMITS = RenderLimits()


def test_a_list_grants_what_it_says():
    """Each of the four forms, and the figure as it is; nothing in between."""
    sizes = AllowedSizes.parse(["640", "640x480", "@150", "320x240@200"])
    granted = [
        DrawOptions(),
        DrawOptions("svg"),
        DrawOptions(width=640),
        DrawOptions(width=640, height=480),
        DrawOptions(dpi=150.0),
        DrawOptions(width=320, height=240, dpi=200.0),
    ]
    assert all(sizes.grants(options) for options in granted)
    refused = [
        DrawOptions(width=641),
        DrawOptions(height=480),
        DrawOptions(width=640, dpi=150.0),
        DrawOptions(width=320, height=240),
        DrawOptions(transparent=True),
        DrawOptions(style="ggplot"),
        DrawOptions(width=640, style="ggplot"),
    ]
    assert not any(sizes.grants(options) for options in refused)
    assert sizes.widths == [640]


@pytest.mark.parametrize("text", ["", "0", "640x", "x480", "640X480", "-1", "640x480@", "1e3", "640 ", "999999"])
def test_what_is_no_size_is_refused(text):
    """Naming it and the forms that there are."""
    with pytest.raises(InvalidInput, match="640x480@150"):
        AllowedSizes.parse([text])


def test_the_query_reads_back():
    """What is signed is what is asked for; what is as usual is left out."""
    options = DrawOptions("png", 640, 480, 150.5, "ggplot", True)
    query = query_of_sizes(options)
    assert [name for name, _ in query] == ["width", "height", "dpi", "style", "transparent"]
    assert read_sizes(dict(query), "png", LIMITS) == options
    assert query_of_sizes(DrawOptions("svg")) == []
