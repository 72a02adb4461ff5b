"""The figure that the running cell showed or closed last: notebooks close figures after showing them. Kernel."""

from __future__ import annotations

import sys
from typing import Any

from ...plotting.shown_figures import ShownFigures, wrap_close
from .cell import find_cell

_kept = ShownFigures(1)
_execution: str | None = None
_watched: set[int] = set()


def watch(shell: Any) -> None:
    """Record the figures that the cells of an IPython shell show and close; idempotent, and imports nothing."""
    _hook_close()
    if id(shell) in _watched:
        return
    _watched.add(id(shell))
    formatter = shell.display_formatter.mimebundle_formatter
    # A formatter registered by name waits until matplotlib is imported. It adds nothing to the display.
    formatter.for_type_by_name("matplotlib.figure", "Figure", _record_shown)
    shell.events.register("pre_run_cell", _begin_cell)
    shell.events.register("post_run_cell", _end_cell)


def find_last_shown() -> Any | None:
    """Return the figure that the running cell showed or closed last; None if there is none."""
    cell = find_cell()
    figures = _kept.figures
    return figures[-1] if figures and cell is not None and cell.execution == _execution else None


def record(figure: Any) -> None:
    """Keep a figure as the last of the running cell, until the cell ends."""
    global _execution
    cell = find_cell()
    if cell is not None:
        _execution = cell.execution
        _kept.keep(figure)


def forget() -> None:
    """Release the figure."""
    _kept.clear()


def _record_shown(figure: Any) -> Any:
    record(figure)
    own = getattr(type(figure), "_repr_mimebundle_", None)
    return own(figure) if callable(own) else None


def _begin_cell(_info: Any = None) -> None:
    forget()
    _hook_close()


def _end_cell(_result: Any = None) -> None:
    forget()


def _hook_close() -> None:
    """Wrap ``pyplot.close``, once pyplot is imported."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    close = getattr(pyplot, "close", None)
    if close is not None and not hasattr(close, "_figserve_close"):
        wrapped: Any = wrap_close(close, record)
        wrapped._figserve_close = close
        pyplot.close = wrapped
