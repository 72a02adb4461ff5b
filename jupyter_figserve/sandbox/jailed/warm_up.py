"""Throw-away drawings, so that the first image of a process takes little longer than the next. Zygote, jailed child."""

from __future__ import annotations

from collections.abc import Iterator

from ...plotting.encode import encode
from .drawing_warnings import drawing_warnings
from .figure_log import figure_log

_ROUNDS = 2
"""Drawings after which Python has specialized the code that draws (PEP 659)."""
_LABELS = ((0, -5, (1, 5, 10, 20, 25, 50, 100, 200)), (1, -10, (0.1, 0.2, 0.5, 2.5)), (2, -8, (0.02, 0.05, 0.25)))
"""Tick labels of common axes: decimals, the multiple that they begin at, and steps."""
_LAST = 20


def warm_zygote() -> None:
    """Draw what most figures consist of, and keep no font open: children would share its position in the file."""
    from matplotlib import font_manager

    for _ in range(_ROUNDS):
        draw_figure()
    _draw_labels()
    font_manager._get_font.cache_clear()  # type: ignore[attr-defined]


def draw_figure() -> None:
    """Draw a line with title, labels and legend, so that this process has its own memory pages, fonts and caches."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    axes.plot([0, 1, 2], [0.5, -1.25, 2], label="a")
    axes.set(title="Title", xlabel="x", ylabel="y")
    axes.legend()
    _encode(figure)


def _draw_labels() -> None:
    """Draw the tick labels of common axes, whose layouts are remembered."""
    from matplotlib import pyplot, ticker

    figure = pyplot.figure()
    minus = ticker.ScalarFormatter.fix_minus
    for label in dict.fromkeys(_labels()):
        figure.text(0, 0, minus(label))
    _encode(figure)


def _labels() -> Iterator[str]:
    for decimals, first, steps in _LABELS:
        for step in steps:
            yield from (f"{step * number:.{decimals}f}" for number in range(first, _LAST + 1))


def _encode(figure: object) -> None:
    from matplotlib import pyplot

    encode(figure, with_thumbnail=False)
    pyplot.close("all")
    figure_log.clear()
    drawing_warnings.clear()
