"""The widget of a live figure with its controls. Kernel.

Images come from the server, which calls the kernel through the agent, so they also update while a cell runs. If the
page's site has no figserve server, they come through the widget's own messages, between cells.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ...errors import FigServeError
from ...model.parameters import Parameters
from .registry import live_functions

_STATIC = Path(__file__).parents[2] / "static" / "widgets"
_SHOWN_FORMATS = ("png", "svg", "jpg", "webp", "html", "json")
_widgets: WeakKeyDictionary[Any, frozenset[str]] = WeakKeyDictionary()
_SHARED_SCRIPTS = ("widget_controls.js", "widget_events.js", "widget_live.js")
_DATA_SCRIPT = "shared/data_table.js"
_SHARED_STYLES = ("widget_controls.css", "widget_content.css")


def make_widget(
    name: str, parameters: Parameters, path: str, declaration: dict[str, Any], values: dict[str, Any]
) -> Any:
    """Make the widget of a live figure.

    Parameters
    ----------
    path
        Path of its page on the server; ``""`` if it has none.
    declaration
        See ``LiveFigure.declaration_state``.
    values
        Initial JSON values of the parameters.
    """
    return _widget_class()(
        name=name,
        heading=name.replace("_", " "),
        controls=parameters.as_json(),
        path=path,
        declared=declaration,
        params=parameters.complete(values),
        parameters=parameters,
    )


def send_rendered(widget: Any, message: dict[str, Any], name: str, arguments: dict[str, Any]) -> None:
    """Render a live figure as a page's message requests, and send it to the page from the worker thread."""

    def reply(head: dict[str, Any], body: bytes) -> None:
        error = head.get("error") or {}
        content = {"rid": message.get("rid"), "error": error.get("message"), "mimetype": head.get("mimetype")}
        widget.send(content | {"code": error.get("code")}, [body])

    def report(done: float, total: float) -> None:
        widget.send({"rid": message.get("rid"), "progress": [done, total]})

    format = message.get("format") if message.get("format") in _SHOWN_FORMATS else "png"
    live_functions.submit({"name": name, "arguments": arguments, "format": format}, reply, report)


def redraw_widgets(name: str) -> None:
    """Redraw the open widgets of this kernel that show a live figure, also where the page follows no server."""
    for widget, names in list(_widgets.items()):
        if name in names:
            widget.draw()


def register_widget(widget: Any, names: Iterable[str]) -> None:
    """Have ``redraw_widgets`` call the widget's ``draw`` for these live figures."""
    _widgets[widget] = frozenset(names)


def read_module(*names: str) -> str:
    """Concatenate the shared scripts and a widget's own: a widget is one module, which cannot import others."""
    shared = (_STATIC.parent / _DATA_SCRIPT).read_text(encoding="utf-8").replace("export function", "function")
    return shared + "".join((_STATIC / name).read_text(encoding="utf-8") for name in (*_SHARED_SCRIPTS, *names))


def read_style(name: str) -> str:
    """Concatenate the shared style sheets and a widget's own."""
    return "".join((_STATIC / one).read_text(encoding="utf-8") for one in (*_SHARED_STYLES, name))


def require_anywidget() -> None:
    """Raise an ``ImportError`` with the install command if anywidget is missing."""
    if find_spec("anywidget") is None:
        raise ImportError('The widget needs anywidget: pip install "anywidget>=0.9.13"')


@cache
def _widget_class() -> Any:
    require_anywidget()
    import anywidget
    import traitlets

    class LiveWidget(anywidget.AnyWidget):
        """``params`` holds the value of each parameter; it can be observed, set and linked."""

        _esm = read_module("live_widget.js")
        _css = read_style("live_widget.css")
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
            self.on_msg(_on_message)
            register_widget(self, [self.name])

        def draw(self) -> None:
            """Render again with the same values, after the data changed."""
            self.revision += 1

        @traitlets.validate("params")
        def _check_params(self, proposal: Any) -> dict[str, Any]:
            try:
                checked: dict[str, Any] = self._parameters.complete(self._parameters.check(proposal.value))
            except FigServeError as error:
                raise traitlets.TraitError(error.message) from error
            return checked

    return LiveWidget


def _on_message(widget: Any, message: Any, _buffers: Any) -> None:
    """Answer a page's request for an image or HTML."""
    if isinstance(message, dict) and message.get("op") == "draw":
        send_rendered(widget, message, widget.name, message.get("arguments") or {})
