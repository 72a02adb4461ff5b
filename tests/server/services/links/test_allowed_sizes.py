"""The allow-list of sizes that links show without a signature."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.rendering import DrawOptions
from jupyter_figserve.server.services.links.allowed_sizes import AllowedSizes


def test_a_list_grants_what_it_says():
    """Each of the four forms, and the figure's own size; nothing in between."""
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
def test_malformed_sizes_are_rejected(text):
    """The message names the text and the four forms."""
    with pytest.raises(InvalidInput, match="640x480@150"):
        AllowedSizes.parse([text])
