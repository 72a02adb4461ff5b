"""Removal of notebook syntax from code that was copied from a notebook or a console. Jailed child."""

from __future__ import annotations

import re
import textwrap

IGNORED_MAGICS = frozenset(
    "matplotlib config load_ext reload_ext autoreload precision pip conda mamba timeit reset clear env xmode pdb"
    " who whos lsmagic".split()
)
"""Magics whose effect is a given here, or does not change the figure: inline display, reloading, timing, packages."""
IGNORED_CELL_MAGICS = frozenset(("time", "capture", "prun"))
_IGNORED = re.compile(
    rf"^([ \t]*)(?:%(?:{'|'.join(sorted(IGNORED_MAGICS))})\b|%%(?:{'|'.join(sorted(IGNORED_CELL_MAGICS))})\b"
    r"|![ \t]*(?:pip3?|conda|mamba|python3? -m pip)\b).*$",
    re.MULTILINE,
)
_TIMED = re.compile(r"^([ \t]*)%time[ \t]+(?=\S)", re.MULTILINE)
_PYLAB = re.compile(r"^([ \t]*)%pylab\b.*$", re.MULTILINE)
# The prompts of Python, doctest and IPython.
_FIRST_PROMPT = re.compile(r"[ \t]*(?:>>>(?: |$)|In \[\d*\]: ?)")
_PROMPT = re.compile(r"[ \t]*(?:(?:>>>|\.\.\.)(?: |$)|In \[\d*\]: ?|\.\.\.+: ?)")


def as_python(text: str) -> str:
    """Return the code as Python, line by line; for code that does not parse.

    A block that is indented as a whole is dedented. Of a console's log, lines without a prompt are its output.
    """
    text = _without_prompts(textwrap.dedent(text))
    text = _IGNORED.sub(r"\1pass", text)
    return _PYLAB.sub(r"\1from pylab import *", _TIMED.sub(r"\1", text))


def _without_prompts(text: str) -> str:
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if not _FIRST_PROMPT.match(first):
        return text
    matches = [(line, _PROMPT.match(line)) for line in lines]
    return "\n".join(line[match.end() :] if match else "" for line, match in matches)
