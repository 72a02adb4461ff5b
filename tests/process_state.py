"""What a module of tests may not leave changed in its process, since the next module runs in it too."""

from __future__ import annotations

import locale
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD") if hasattr(signal, name))
_OWN_VARIABLES = frozenset({"PYTEST_CURRENT_TEST", "PYTEST_XDIST_TESTRUNUID"})
"""Of pytest itself."""
_RESOLVED_SETTINGS = frozenset({"backend", "backend_fallback"})
"""matplotlib sets them when they are first needed."""


def read_state() -> dict[str, dict[str, Any]]:
    """Return the locale, the directory, the environment, the signal handlers, matplotlib's settings and the prompt."""
    return {
        "locale": {"LC_ALL": locale.setlocale(locale.LC_ALL)},
        "working directory": {"path": os.getcwd()},
        "environment": {name: value for name, value in os.environ.items() if name not in _OWN_VARIABLES},
        "signal handler": {one.name: signal.getsignal(one) for one in _SIGNALS},
        "rcParams": _read_settings(),
        "sys": {"ps1": getattr(sys, "ps1", None)},
    }


def find_changes(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield each value that differs; nothing about what was not loaded before."""
    for kind, old in before.items():
        new = after[kind]
        for name in sorted(old.keys() | new.keys()) if old else ():
            if old.get(name) != new.get(name):
                yield f"{kind} {name}: {old.get(name)!r} before, {new.get(name)!r} after"


def initial_shared_objects() -> AbstractContextManager[None]:
    """Establish what drawing changes for the whole process, as bars on polar axes change every rectangle."""
    if "matplotlib.figure" not in sys.modules:
        return nullcontext()
    from jupyter_figserve.plotting import shared_objects

    return shared_objects.applied({})


def _read_settings() -> dict[str, Any]:
    if "matplotlib" not in sys.modules or not hasattr(sys.modules["matplotlib"], "rcParams"):
        return {}
    # As a plain dictionary: reading "backend" would choose one.
    return {k: v for k, v in dict.items(sys.modules["matplotlib"].rcParams) if k not in _RESOLVED_SETTINGS}
