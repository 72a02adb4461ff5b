"""Which sandbox this machine and this user have for posted code. Any process; takes a second or two."""

from __future__ import annotations

import sys

from .result import Result, note, ok

_MEND = "c.FigServe.render_python = '/path/to/a/python/with/matplotlib'"


def check_sandbox(python: str = "") -> Result:
    """Build a sandbox as a server of this user's would, let it be attacked, and end it."""
    from ...sandbox.doctor import describe, examine

    report = examine(python)
    subject, words = python or sys.executable, describe(report)
    if report.tier == "none":
        # No fault of the installation: everything else works without.
        is_python = any("ended at once" in why or "ModuleNotFound" in why for why in report.reasons)
        return note("own sandbox", subject, words, _MEND if is_python else None)
    return ok("own sandbox", subject, words)
