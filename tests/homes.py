"""Directories of servers in tests."""

from __future__ import annotations

import tempfile
from pathlib import Path

WITHOUT_GARBAGE = '__import__("atexit").register(__import__("gc").freeze)\n'
"""IPython runs it when a kernel starts; Python's search for garbage at its end takes longer than its start does."""


def new_home() -> Path:
    """Return a new directory with a short path: a Unix socket's path has at most 107 bytes."""
    home = Path(tempfile.mkdtemp(prefix="figserve-")).resolve()
    startup = home / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "end.py").write_text(WITHOUT_GARBAGE)
    return home
