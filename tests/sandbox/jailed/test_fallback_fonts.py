"""Characters that the figure's fonts lack are drawn from the fallback fonts, and nothing else changes."""

from __future__ import annotations

import base64
import io

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from ..harness import Sandbox

LATIN = "import matplotlib.pyplot as plt\nplt.title('Größe $x^2$')\nplt.plot([1, 2])\n"
CHINESE = "import matplotlib.pyplot as plt\nplt.rcParams['font.family'] = 'serif'\nplt.figtext(.1, .5, '中')\n"


def font() -> bytes:
    """Return a font with one character, under the name of a fallback family."""
    pen = TTGlyphPen(None)
    for move, point in ((pen.moveTo, (0, 0)), (pen.lineTo, (500, 900)), (pen.lineTo, (900, 0))):
        move(point)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "middle"])
    builder.setupCharacterMap({ord("中"): "middle"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "middle": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "middle": (1000, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Noto Sans CJK JP", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    data = io.BytesIO()
    builder.save(data)
    return data.getvalue()


INSTALL = (
    f"import base64\nopen('f.ttf', 'wb').write(base64.b64decode({base64.b64encode(font())!r}))\n"
    "from matplotlib import font_manager\nfont_manager.fontManager.addfont('f.ttf')\n"
)


def test_a_fallback_font_draws_what_others_lack(full_sandbox: Sandbox):
    """For any family that the code chooses; without the font, the character is reported."""
    result = full_sandbox.render(INSTALL + CHINESE)
    assert result.warnings == ()
    without = full_sandbox.render(
        "from matplotlib import font_manager\nfont_manager.fontManager.ttflist[:] = [\n"
        "    one for one in font_manager.fontManager.ttflist if 'DejaVu' in one.name]\n" + CHINESE
    )
    assert "中" in without.warnings[0]
    assert without.images[0].data != result.images[0].data


def test_latin_text_stays_the_same(full_sandbox: Sandbox):
    """In every format, to the byte."""
    for format in ("png", "svg", "pdf"):
        plain, with_font = (full_sandbox.render(code, format=format) for code in (LATIN, INSTALL + LATIN))
        assert plain.images[0].data == with_font.images[0].data
