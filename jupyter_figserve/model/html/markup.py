"""HTML prepared for Python's parser, whose time grows with the square of broken markup. Any process.

Source: github.com/python/cpython, issue 135462 (CVE-2025-6069), mended in newer Pythons alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_OPENING = re.compile(r"<!--|<script\b[^<>]*>", re.IGNORECASE)
_SCRIPT_END = re.compile(r"</script\s{0,20}>", re.IGNORECASE)
_DECLARATION = re.compile(r"<[!?][^<>]*>")
_NO_TAG = re.compile(r"<(?![A-Za-z/])")
_COMMENT = "<!--"


def prepare_markup(text: str, take_script: Callable[[str, str], None]) -> str:
    """Return HTML without comments, declarations and bodies of scripts; what closes nowhere goes on to the end.

    Parameters
    ----------
    take_script
        Called with the start tag and the body of each script.
    """
    kept, position = [], 0
    while opening := _OPENING.search(text, position):
        kept.append(text[position : opening.start()])
        if opening[0] == _COMMENT:
            # "<!-->" is a whole comment.
            end = text.find("-->", opening.start() + 2)
            position = len(text) if end < 0 else end + 3
        elif closing := _SCRIPT_END.search(text, opening.end()):
            take_script(opening[0], text[opening.end() : closing.start()])
            kept.append(opening[0] + closing[0])
            position = closing.end()
        else:
            position = len(text)
    kept.append(text[position:])
    return _NO_TAG.sub("&lt;", _DECLARATION.sub("", "".join(kept)))
