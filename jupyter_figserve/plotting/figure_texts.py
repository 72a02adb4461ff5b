"""Titles and other texts of a matplotlib figure, as plain characters on one line. Kernel and jailed child."""

from __future__ import annotations

from typing import Any

from .readable_text import one_line, plain_text


def plain_line(text: object, limit: int) -> str:
    """Return a text of matplotlib on one line, its mathtext as characters; ``""`` if it is not a string."""
    return one_line(plain_text(text), limit)


def find_heading(figure: Any, limit: int) -> str:
    """Return the title above all Axes of a figure."""
    text = getattr(figure, "_suptitle", None)
    return "" if text is None else plain_line(text.get_text(), limit)


def find_axes_title(axes: Any, limit: int) -> str:
    """Return the title of an Axes, which may stand at three places."""
    titles = (plain_line(axes.get_title(loc=place), limit) for place in ("center", "left", "right"))
    return next(filter(None, titles), "")
