"""A live figure with its controls as a widget of the notebook. Kernel.

Its pictures come from the server, which asks the kernel by the agent's line: so they come while a cell runs. Where no
server is on the page's own site, they come by the widget's messages, between cells.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...errors import FigServeError, NotConnected
from .registry import worker

if TYPE_CHECKING:
    from .live_figure import LiveFigure

_STATIC = Path(__file__).parents[2] / "static" / "widgets"
_SHARED_SCRIPTS = ("widget_controls.js", "widget_events.js", "widget_live.js")
_STYLE = """
.figserve-live {
  display: grid; grid-template-columns: minmax(0, 1fr); gap: 8px; flex: 1 1 auto; min-width: min(100%, 240px);
  color: var(--jp-ui-font-color1, inherit); position: relative;
}
.figserve-live form { display: flex; flex-wrap: wrap; gap: 8px 16px; }
.figserve-live label { display: flex; align-items: center; gap: 6px; }
.figserve-live input[type="number"] { width: 6em; }
.figserve-live img { max-width: 100%; height: auto; justify-self: start; }
.figserve-live img[hidden] { display: none; }
.figserve-live img.old { opacity: .6; }
.figserve-live iframe { width: 100%; height: 420px; border: 1px solid var(--jp-border-color2, #ddd); background: #fff; }
.figserve-live iframe.coming { position: absolute; inset-inline: 0; visibility: hidden; }
.figserve-live .failed { color: var(--jp-error-color1, #b3261e); white-space: pre-wrap; }
.figserve-live [role="status"]:empty { display: none; }
"""


def make_widget(figure: LiveFigure, values: dict[str, Any]) -> Any:
    """The widget of a live figure, with these JSON values at first."""
    parameters = figure.parameters
    return _widget_class()(
        name=figure.name,
        heading=figure.name.replace("_", " "),
        controls=parameters.as_json(),
        path=path_of(figure),
        declared=declaration_state(figure),
        params=parameters.complete(values),
        parameters=parameters,
    )


def path_of(figure: LiveFigure) -> str:
    """The figure's page as a path: the notebook's page may know the server by another host than the kernel does."""
    try:
        return urlsplit(figure.url()).path
    except NotConnected:
        return ""


def declaration_state(figure: LiveFigure) -> dict[str, Any]:
    """By what a page knows that a cell has defined the function again, and whether the controls still fit it."""
    return {"revision": figure.offer.revision, "schema": figure.parameters.schema()}


def read_module(*names: str) -> str:
    """A widget's scripts after what all widgets have: a widget loads one module, which can import none."""
    return "".join((_STATIC / name).read_text(encoding="utf-8") for name in (*_SHARED_SCRIPTS, *names))


def require_anywidget() -> None:
    """Say what to install where it is not there."""
    if find_spec("anywidget") is None:
        raise ImportError('The widget needs anywidget: pip install "anywidget>=0.9.13"')


@cache
def _widget_class() -> Any:
    require_anywidget()
    import anywidget
    import traitlets

    class LiveWidget(anywidget.AnyWidget):
        """``params`` holds the value of each parameter; observe it, set it, link it."""

        _esm = read_module("live_widget.js")
        _css = _STYLE
        name = traitlets.Unicode()
        heading = traitlets.Unicode().tag(sync=True)
        controls: Any = traitlets.List().tag(sync=True)
        path = traitlets.Unicode().tag(sync=True)
        declared: Any = traitlets.Dict().tag(sync=True)
        revision = traitlets.Int(0).tag(sync=True)
        params: Any = traitlets.Dict().tag(sync=True)

        def __init__(self, parameters: Any, **traits: Any) -> None:
            self._parameters = parameters
            super().__init__(**traits)
            self.on_msg(_draw)

        def draw(self) -> None:
            """Draw the same again, after the data changed."""
            self.revision += 1

        @traitlets.validate("params")
        def _check_params(self, proposal: Any) -> dict[str, Any]:
            try:
                checked: dict[str, Any] = self._parameters.complete(self._parameters.check(proposal.value))
            except FigServeError as error:
                raise traitlets.TraitError(error.message) from error
            return checked

    return LiveWidget


def _draw(widget: Any, message: dict[str, Any], _buffers: Any) -> None:
    """Answer a picture, or HTML, that was asked for by message, from the worker's thread."""
    if not isinstance(message, dict) or message.get("op") != "draw":
        return

    def reply(head: dict[str, Any], body: bytes) -> None:
        error = head.get("error") or {}
        content = {"rid": message.get("rid"), "error": error.get("message"), "mimetype": head.get("mimetype")}
        widget.send(content | {"code": error.get("code")}, [body])

    form = "html" if message.get("format") == "html" else "png"
    worker.submit({"name": widget.name, "arguments": message.get("arguments") or {}, "format": form}, reply)
