"""The size that an image is displayed with."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.display_size import parse_display_size


@pytest.mark.parametrize(
    ("width", "height", "found"),
    [
        (320, 240, (320, 240)),
        (320, None, (320, 240)),
        (None, "120px", (160, 120)),
        (" 300 ", 10, (300, 10)),
        (320.4, None, (320, 240)),
        ("50%", None, (None, None)),
        (True, 3, (4, 3)),
        (-1, 0, (None, None)),
        (10**6, None, (None, None)),
        (float("nan"), [], (None, None)),
        (None, None, (None, None)),
    ],
)
def test_one_side_follows_from_the_other(width, height, found):
    """Texts in pixels count as numbers; anything else counts as not given."""
    assert parse_display_size(width, height, (640, 480)) == found


def test_without_the_images_size_both_are_needed():
    """The proportions are unknown."""
    assert parse_display_size(320, None, (None, None)) == (None, None)
    assert parse_display_size(320, 240, (None, None)) == (320, 240)
