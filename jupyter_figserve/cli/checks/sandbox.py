"""Checks which sandbox is available for posted code. Any process; takes a few seconds."""

from __future__ import annotations

import sys

from .result import Result, note, ok

_FIX = "c.FigServe.render_python = '/path/to/a/python/with/matplotlib'"


def check_sandbox(python: str = "") -> Result:
    """Start a sandbox as a server of this user would, run its self-test, and stop it."""
    from ...sandbox.doctor import describe, examine

    report = examine(python)
    subject, text = python or sys.executable, describe(report)
    if report.tier == "none":
        # Not an error: everything else works without a sandbox.
        is_python = any("ended at once" in why or "ModuleNotFound" in why for why in report.reasons)
        return note("own sandbox", subject, text, _FIX if is_python else None)
    return ok("own sandbox", subject, text)
