"""An error message as a raster image. Jailed child."""

from __future__ import annotations

import json
from typing import Any

_DPI = 100
_WIDTH, _LINE, _TOP, _LEFT = 640, 20, 84, 24
_HEADING_TOP = 44
_HEADING_PIXELS, _TEXT_PIXELS = 18, 14
_INK, _PAPER, _EDGE = "#3b1a1a", "#fff5f5", "#c53030"


def draw_card(source: bytes) -> Any:
    """Return a figure of the JSON ``{"heading": text, "lines": [text]}``, of the same size as the server's SVG card.

    The text is not parsed as mathtext.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    card = json.loads(source)
    height = _TOP + _LINE * len(card["lines"])
    figure = Figure((_WIDTH / _DPI, height / _DPI), dpi=_DPI)
    frame = Rectangle((1, 1), _WIDTH - 2, height - 2, facecolor=_PAPER, edgecolor=_EDGE, linewidth=0.72)
    figure.add_artist(frame).set_transform(None)
    rows = [(_HEADING_TOP, card["heading"], _HEADING_PIXELS, "bold", _EDGE)]
    rows += [(_TOP + _LINE * row, line, _TEXT_PIXELS, "normal", _INK) for row, line in enumerate(card["lines"])]
    for top, text, pixels, weight, colour in rows:
        figure.text(
            _LEFT / _WIDTH,
            1 - top / height,
            text,
            fontsize=pixels * 72 / _DPI,
            family=["DejaVu Sans Mono", "DejaVu Sans"],
            weight=weight,
            color=colour,
            parse_math=False,
        )
    return figure
