"""Every figure gets a URL.

Share a plot::

    import jupyter_figserve as figserve

    pub = figserve.publish(fig)                # stores the figure on your server, and shows it with its page
    link = pub.share(expires="7d")             # anyone who has link.url can open it, for a week
    link.set_expiry("1d")                      # until tomorrow; link.revoke() takes it back at once

Find it again, with its links, also in another session::

    pub = figserve.get("sales")                # or figserve.figures(); or the gallery, at the top of each figure's page
    pub.links(), figserve.links()              # each has its url
    pub.data()                                 # what the plot shows, as pandas tables
    pub.delete(), pub.restore()                # with all its links

Let others change parameters, and put several plots on one page::

    @figserve.live
    def animal(since: Annotated[int, figserve.Range(2010, 2022)] = 2015): ...

    animal.share(allow=["since"])
    figserve.Dashboard("Sightings", [[fig, pub], [animal, "Some *Markdown*"]]).share()

Draw code in a sandbox, without access to files or the network::

    figserve.render("import matplotlib.pyplot as plt; plt.plot([1, 3, 2])", format="svg")

``help(figserve.publish)`` and ``help(pub.share)`` describe all options; ``%figserve status`` in a notebook says which
server is used.
"""

# The names are resolved lazily, so that importing the package is cheap.

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import FigServeError, NotConnected
    from .kernel.client.discovery import connect
    from .kernel.client.local_server import serve
    from .kernel.dashboard import Dashboard
    from .kernel.dashboards.panels import Panel
    from .kernel.figures.captured_plot import CapturedPlot, last
    from .kernel.figures.lookup import figures, get, links, unpublish
    from .kernel.figures.plots_directory import plots_dir
    from .kernel.figures.publish import publish
    from .kernel.figures.published_figure import Published, SharedLink
    from .kernel.live.decorator import live
    from .kernel.live.live_figure import LiveFigure
    from .kernel.magics import load_ipython_extension
    from .kernel.render import render, render_url
    from .model.parameters import Range
    from .model.progress import progress
    from .model.responses import Response

__version__ = "0.1.0"

_HOMES = {
    "CapturedPlot": ".kernel.figures.captured_plot",
    "Dashboard": ".kernel.dashboard",
    "FigServeError": ".errors",
    "LiveFigure": ".kernel.live.live_figure",
    "NotConnected": ".errors",
    "Panel": ".kernel.dashboards.panels",
    "Published": ".kernel.figures.published_figure",
    "Range": ".model.parameters",
    "Response": ".model.responses",
    "SharedLink": ".kernel.figures.published_figure",
    "connect": ".kernel.client.discovery",
    "figures": ".kernel.figures.lookup",
    "get": ".kernel.figures.lookup",
    "last": ".kernel.figures.captured_plot",
    "links": ".kernel.figures.lookup",
    "live": ".kernel.live.decorator",
    "load_ipython_extension": ".kernel.magics",
    "plots_dir": ".kernel.figures.plots_directory",
    "progress": ".model.progress",
    "publish": ".kernel.figures.publish",
    "render": ".kernel.render",
    "render_url": ".kernel.render",
    "serve": ".kernel.client.local_server",
    "unpublish": ".kernel.figures.lookup",
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
    "Response",
    "SharedLink",
    "connect",
    "figures",
    "get",
    "last",
    "links",
    "live",
    "load_ipython_extension",
    "plots_dir",
    "progress",
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
    # Cached, so that a submodule of the same name does not shadow it.
    globals()[name] = value
    return value


def _watch_cells() -> None:
    """Record the figures that cells show and close, of which ``publish()`` without a figure takes the last."""
    from .kernel.cells import last_shown
    from .kernel.client.front_end import find_shell

    shell = find_shell()
    if shell is not None:
        last_shown.watch(shell)


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    import atexit
    import gc

    # When a process ends, its memory is free at once: a search for garbage before that takes a third of a second.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    # What is imported stays: collections find nothing meanwhile, and take a seventh of the time.
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        from .server.app import FigServe
    finally:
        if is_enabled:
            gc.enable()
    return [{"module": "jupyter_figserve", "app": FigServe}]


if "IPython" in sys.modules:
    _watch_cells()
