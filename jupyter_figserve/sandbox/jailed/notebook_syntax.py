"""What notebooks understand besides Python, as code that was copied from one has it. Sandbox, child side."""

from __future__ import annotations

import re
import textwrap

# What they set up is given here, or of no account: shown pictures, reloading, timing, packages.
_OF_NO_ACCOUNT = re.compile(
    r"^([ \t]*)(?:%(?:matplotlib|config|load_ext|reload_ext|autoreload|precision|pip|conda|mamba|timeit|reset|clear)\b"
    r"|%%(?:time|capture|prun)\b|![ \t]*(?:pip3?|conda|mamba|python3? -m pip)\b).*$",
    re.MULTILINE,
)
_TIMED = re.compile(r"^([ \t]*)%time[ \t]+(?=\S)", re.MULTILINE)
_PYLAB = re.compile(r"^([ \t]*)%pylab\b.*$", re.MULTILINE)


def as_python(text: str) -> str:
    """The same lines, as Python would have them; for code that is not Python as it stands.

    A block that is indented as a whole, as it is within a page, goes to the margin.
    """
    text = _OF_NO_ACCOUNT.sub(r"\1pass", textwrap.dedent(text))
    return _PYLAB.sub(r"\1from pylab import *", _TIMED.sub(r"\1", text))
