"""Sessions and their plots as JSON, whose fields are public API. Server process."""

from __future__ import annotations

from typing import Any

from ....model.sessions import Session
from ....model.times import rfc3339
from ...services.addresses import PublicBase
from ...services.plots.plot import Plot


def session_json(session: Session, figures: int, plots: int, base: PublicBase) -> dict[str, Any]:
    """Return a session with the numbers of its published figures and captured plots."""
    return {
        "id": session.id,
        "kernel": session.id,
        "notebook": session.notebook or None,
        "started": rfc3339(session.started),
        "ended": rfc3339(session.ended),
        "figures": figures,
        "plots": plots,
        "url": base.plots(session.id),
    }


def plot_json(plot: Plot, session: str, base: PublicBase) -> dict[str, Any]:
    return {
        "path": plot.path,
        "url": base.plot(session, plot.path),
        "mimetype": plot.mimetype,
        "size": plot.size,
        "created": rfc3339(plot.created),
        "origin": plot.origin,
        "figure": plot.figure,
        "version": plot.version,
        "title": plot.title,
        "alt": plot.alt,
        "width": plot.width,
        "height": plot.height,
        "still": base.plot(session, plot.still) if plot.still else None,
        "others": [base.plot(session, path) for path in plot.others],
    }
