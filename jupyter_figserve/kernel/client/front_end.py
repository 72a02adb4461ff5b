"""Detection of interactive front ends, as opposed to batch execution. Kernel; also outside IPython."""

from __future__ import annotations

import sys
from typing import Any


def is_batch_run() -> bool:
    """Whether nobody waits for a result at a front end: a script, or a notebook that a program executes.

    A front end can answer ``input()``, and declares it in each ``execute_request`` (``allow_stdin`` of the messaging
    protocol). Programs that execute notebooks cannot: nbconvert, papermill, ``jupyter execute`` and everything else
    built on nbclient.
    """
    shell = find_shell()
    if shell is None:
        return not (hasattr(sys, "ps1") or sys.flags.interactive)
    kernel = find_kernel()
    if kernel is None:
        return not _has_prompt()
    allows_input = (find_parent(shell).get("content") or {}).get("allow_stdin")
    if allows_input is None:
        # A callback of a widget or another thread: ipykernel remembers the last cell's.
        allows_input = getattr(kernel, "_allow_stdin", True)
    return not allows_input


def find_shell() -> Any | None:
    """Return the IPython shell if this code runs in one; does not import IPython."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None


def find_kernel() -> Any | None:
    """Return ipykernel's kernel if this code runs in one; None at a terminal prompt and in a script."""
    return getattr(find_shell(), "kernel", None)


def find_parent(shell: Any) -> dict[str, Any]:
    """Return the running ``execute_request`` from ipykernel; empty at a terminal prompt."""
    get_parent = getattr(shell, "get_parent", None)
    parent = get_parent() if callable(get_parent) else None
    return parent if isinstance(parent, dict) else {}


def _has_prompt() -> bool:
    """Whether IPython in a terminal shows a prompt; ``ipython script.py`` does not."""
    from traitlets.config import Application

    return not Application.initialized() or bool(getattr(Application.instance(), "interact", True))
