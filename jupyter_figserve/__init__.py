"""Every figure gets a URL: the notebook's names, resolved lazily so that importing the package costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import FigServeError, NotConnected
    from .kernel.captured import CapturedPlot, last, plots_dir
    from .kernel.connection import connect
    from .kernel.dashboard import Dashboard
    from .kernel.live import LiveFigure, live
    from .kernel.magics import load_ipython_extension
    from .kernel.panels import Panel
    from .kernel.publication import Published, SharedLink
    from .kernel.publish import figures, publish, unpublish
    from .kernel.render import render, render_url
    from .kernel.serve import serve
    from .parameters import Range

__version__ = "0.1.0"

_HOMES = {
    "CapturedPlot": ".kernel.captured",
    "Dashboard": ".kernel.dashboard",
    "FigServeError": ".errors",
    "LiveFigure": ".kernel.live",
    "NotConnected": ".errors",
    "Panel": ".kernel.panels",
    "Published": ".kernel.publication",
    "Range": ".parameters",
    "SharedLink": ".kernel.publication",
    "connect": ".kernel.connection",
    "figures": ".kernel.publish",
    "last": ".kernel.captured",
    "live": ".kernel.live",
    "load_ipython_extension": ".kernel.magics",
    "plots_dir": ".kernel.captured",
    "publish": ".kernel.publish",
    "render": ".kernel.render",
    "render_url": ".kernel.render",
    "serve": ".kernel.serve",
    "unpublish": ".kernel.publish",
}

__all__ = [
    "CapturedPlot",
    "Dashboard",
    "FigServeError",
    "LiveFigure",
    "NotConnected",
    "Panel",
    "Published",
    "Range",
    "SharedLink",
    "connect",
    "figures",
    "last",
    "live",
    "load_ipython_extension",
    "plots_dir",
    "publish",
    "render",
    "render_url",
    "serve",
    "unpublish",
]


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(import_module(home, __name__), name)
    # Names that are also submodules' must not be shadowed by them, so the value is kept here.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from .server.app import FigServe

    return [{"module": "jupyter_figserve", "app": FigServe}]
