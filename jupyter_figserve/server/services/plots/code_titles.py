"""Titles of captured images, as the code of their cell writes them. Server process.

A captured image says nothing about itself: without these, a name such as ``cell-3-1f0c9a2b`` would head its pages.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..script_figures.titles import clean_title

_STRING = r"""(?<![\w])[rRuU]?(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')\s*(?=[,)])"""
_TITLE_CALLS = re.compile(
    r"""(?:\bplt\.title|\.set_title|\.suptitle|\bggtitle|(?<![\w.])title)\(\s*(?:label\s*=\s*|main\s*=\s*)?"""
    + _STRING
    + r"""|(?<![\w.])(?:title|main)\s*=\s*"""
    + _STRING
)
_MAX_CODE = 20_000
_MAX_CODES = 1_000


@lru_cache(_MAX_CODES)
def find_code_title(code: str) -> str:
    """Return the title that a cell's code gives to its figure as a literal; empty where it writes none or several."""
    groups = {match.group(1, 2, 3, 4) for match in _TITLE_CALLS.finditer(code[:_MAX_CODE])}
    texts = {next((text for text in one if text is not None), "") for one in groups}
    if len(texts) != 1:
        return ""
    (text,) = texts
    # Mathtext and escapes are a matter of the library that draws them.
    return "" if "$" in text or "\\" in text else clean_title(text)
