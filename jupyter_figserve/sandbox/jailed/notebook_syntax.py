"""Removal of notebook syntax from code that was copied from a notebook. Jailed child."""

from __future__ import annotations

import re
import textwrap

# Magics whose effect is a given here, or irrelevant to the figure: inline display, reloading, timing, packages.
_IGNORED = re.compile(
    r"^([ \t]*)(?:%(?:matplotlib|config|load_ext|reload_ext|autoreload|precision|pip|conda|mamba|timeit|reset|clear)\b"
    r"|%%(?:time|capture|prun)\b|![ \t]*(?:pip3?|conda|mamba|python3? -m pip)\b).*$",
    re.MULTILINE,
)
_TIMED = re.compile(r"^([ \t]*)%time[ \t]+(?=\S)", re.MULTILINE)
_PYLAB = re.compile(r"^([ \t]*)%pylab\b.*$", re.MULTILINE)


def as_python(text: str) -> str:
    """Return the code as Python, line by line; for code that does not parse.

    A block that is indented as a whole is dedented.
    """
    text = _IGNORED.sub(r"\1pass", textwrap.dedent(text))
    return _PYLAB.sub(r"\1from pylab import *", _TIMED.sub(r"\1", text))
