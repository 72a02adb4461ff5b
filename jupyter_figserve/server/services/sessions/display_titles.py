"""Titles of displayed figures: of their library's JSON, or written in the code of their cell. Server process.

A captured image says nothing about itself: without these, a name such as ``cell-3-1f0c9a2b`` would head its pages.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ....model.texts import MAX_TITLE_LENGTH

_TAG = re.compile(r"<[^<>]{1,200}>")
_STRING = r"""(?<![\w])[rRuU]?(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')\s*(?=[,)])"""
_TITLE_CALLS = re.compile(
    r"""(?:\bplt\.title|\.set_title|\.suptitle|\bggtitle|(?<![\w.])title)\(\s*(?:label\s*=\s*|main\s*=\s*)?"""
    + _STRING
    + r"""|(?<![\w.])(?:title|main)\s*=\s*"""
    + _STRING
)
_MAX_CODE = 20_000
_MAX_CODES = 1_000


def find_script_title(library: str, value: Any) -> str:
    """Return the title of a figure of Plotly, Vega or Bokeh, on one line without markup; empty without one."""
    if library == "bokeh":
        return next((title for one in _bokeh_titles(value, 0) if (title := _one_line(one))), "")
    found = value.get("layout") if library == "plotly" and isinstance(value, dict) else value
    shown = found.get("title") if isinstance(found, dict) else None
    return _one_line(shown.get("text") if isinstance(shown, dict) else shown)


@lru_cache(_MAX_CODES)
def find_code_title(code: str) -> str:
    """Return the title that a cell's code gives to its figure as a literal; empty where it writes none or several."""
    groups = {match.group(1, 2, 3, 4) for match in _TITLE_CALLS.finditer(code[:_MAX_CODE])}
    texts = {next((text for text in one if text is not None), "") for one in groups}
    if len(texts) != 1:
        return ""
    (text,) = texts
    # Mathtext and escapes are a matter of the library that draws them.
    return "" if "$" in text or "\\" in text else _one_line(text)


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


def _one_line(text: Any) -> str:
    lines = text if isinstance(text, list) else [text]
    if not all(isinstance(line, str) for line in lines):
        return ""
    plain = html.unescape(_TAG.sub(" ", " ".join(lines)))
    printable = "".join(c for c in " ".join(plain.split()) if unicodedata.category(c) not in ("Cc", "Cs"))
    return printable if len(printable) <= MAX_TITLE_LENGTH else ""
