"""Glyphs are remembered by all that their pixels depend on."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import LoadFlags

from jupyter_figserve.plotting.remembered import glyphs
from jupyter_figserve.plotting.remembered.fonts import FontFinder
from jupyter_figserve.plotting.remembered.glyphs import GlyphKey, find_glyph

pytestmark = pytest.mark.skipif(mpl.__version_info__[:2] != (3, 11), reason="other versions draw text themselves")
UPRIGHT = (1.0, 0.0, 0, 1)


@pytest.fixture
def font():
    glyphs._glyphs.clear()
    return FontFinder().find(FontProperties())


def key_of(font, **changes):
    number = font.open(10, 100).get_char_index(ord("R"))
    key = GlyphKey(font.file, 10, 100, number, LoadFlags.FORCE_AUTOHINT, UPRIGHT, 0, 0)
    return key._replace(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 12},
        {"dpi": 72},
        {"number": 5},
        {"hinting": LoadFlags.NO_HINTING},
        {"shape": (0.0, 1.0, 0, 1)},
        {"shape": (1.0, 0.0, 0.3, 1)},
        {"shape": (1.0, 0.0, 0, 2)},
        {"left": 32},
        {"base": 32},
    ],
    ids=str,
)
def test_each_property_changes_the_pixels(font, changes):
    """A glyph is the same when it is asked for again, and another one when a property differs."""
    first = find_glyph(font, key_of(font))
    other = find_glyph(font, key_of(font, **changes))
    assert find_glyph(font, key_of(font)) is first
    assert find_glyph(font, key_of(font, **changes)) is other
    assert first.image.tobytes() != other.image.tobytes()


def test_large_glyphs_are_not_kept(font):
    """A title in huge letters would fill the memory."""
    key = key_of(font, size=400)
    assert find_glyph(font, key).image.shape[0] > 300
    assert key not in glyphs._glyphs
