"""Titles of figures that a JavaScript library draws, from the library's JSON. Server process."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

from ....model.html.plain_text import strip_markup
from ....model.texts import MAX_TITLE_LENGTH


def find_script_title(library: str, value: Any) -> str:
    """Return the title of a figure of Plotly, Vega or Bokeh, on one line without markup; empty without one."""
    if library == "bokeh":
        return next((title for one in _bokeh_titles(value, 0) if (title := clean_title(one))), "")
    found = value.get("layout") if library == "plotly" and isinstance(value, dict) else value
    shown = found.get("title") if isinstance(found, dict) else None
    return clean_title(shown.get("text") if isinstance(shown, dict) else shown)


def _bokeh_titles(value: Any, depth: int) -> Iterator[Any]:
    """Yield the texts of Bokeh's ``Title`` objects."""
    if depth > 20:
        return
    if isinstance(value, dict):
        attributes = value.get("attributes")
        if value.get("name") == "Title" and isinstance(attributes, dict):
            yield attributes.get("text")
        for inner in value.values():
            yield from _bokeh_titles(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, (dict, list)):
                yield from _bokeh_titles(inner, depth + 1)


def clean_title(text: Any) -> str:
    """Return a title on one line without markup; a list is several lines. Empty for anything else, or if too long."""
    lines = text if isinstance(text, list) else [text]
    if not all(isinstance(line, str) for line in lines):
        return ""
    printable = "".join(c for c in strip_markup(" ".join(lines)) if unicodedata.category(c) not in ("Cc", "Cs"))
    return printable if len(printable) <= MAX_TITLE_LENGTH else ""
