"""Fonts are found by what they depend on, and described without being opened again."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib import font_manager
from matplotlib.font_manager import FontProperties

from jupyter_figserve.plotting.remembered import fonts
from jupyter_figserve.plotting.remembered.fonts import FontFinder, find_line_height

pytestmark = pytest.mark.skipif(mpl.__version_info__[:2] != (3, 11), reason="other versions draw text themselves")


def test_fonts_are_looked_up_once(monkeypatch):
    """Equal properties are one font; the manager is asked once for each."""
    finder, asked = FontFinder(), []
    find = type(font_manager.fontManager)._find_fonts_by_props
    monkeypatch.setattr(
        type(font_manager.fontManager), "_find_fonts_by_props", lambda *args: asked.append(args) or find(*args)
    )
    plain = [finder.find(FontProperties()) for _ in range(3)]
    bold = finder.find(FontProperties(weight="bold"))
    assert plain[0] == plain[1] == plain[2] != bold
    assert len(asked) == 2
    assert [str(font.file[0]).rsplit("/", 1)[-1] for font in (plain[0], bold)] == [
        "DejaVuSans.ttf",
        "DejaVuSans-Bold.ttf",
    ]


def test_changed_settings_are_seen():
    """A setting that is replaced, and a list of families that is changed in place, are looked up anew."""
    finder = FontFinder()
    first = finder.find(FontProperties())
    mpl.rcParams["font.sans-serif"].insert(0, "DejaVu Serif")
    second = finder.find(FontProperties())
    mpl.rcParams["font.family"] = "monospace"
    names = [str(font.file[0]).rsplit("/", 1)[-1] for font in (first, second, finder.find(FontProperties()))]
    assert names == ["DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf"]


def test_line_heights_are_read_once(monkeypatch):
    """Units, ascent, descent and gap are those of the file."""
    fonts._line_heights.clear()
    font = FontFinder().find(FontProperties())
    opened = font.open(12, 100)
    table, head = opened.get_sfnt_table("OS/2"), opened.get_sfnt_table("head")
    names = ("sTypoAscender", "sTypoDescender", "sTypoLineGap")
    assert tuple(find_line_height(font)) == (head["unitsPerEm"], *(table[name] for name in names))
    monkeypatch.setattr(font_manager, "get_font", lambda *_: pytest.fail("the font was opened again"))
    assert find_line_height(font).units_per_em == head["unitsPerEm"]


def test_a_font_without_tables_has_no_line_height():
    """matplotlib then measures the text instead."""

    class Bare:
        def get_sfnt_table(self, _name):
            return None

    assert fonts._read_line_height(Bare()) is None
