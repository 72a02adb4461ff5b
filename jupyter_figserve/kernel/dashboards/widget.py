"""The widget of a dashboard with its controls. Kernel.

Images of live panels come from the server, which calls the kernel through the agent, so they also update while a cell
runs. If the page's site has no figserve server, they come through the widget's own messages, between cells. The server
notifies the page when a figure has a new version or a live figure's function is redefined.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from ...errors import FigServeError
from ...model import dashboards
from ..figures.display import data_url
from ..figures.published_figure import Published
from ..live.widget import read_module, read_style, register_widget, require_anywidget, send_rendered
from .controls import DashboardControls
from .model import DashboardModel
from .panels import LaidOutPanel
from .static_html import still_class
from .stills import Still


def make_dashboard_widget(
    model: DashboardModel, stills: Mapping[str, Still], values: Mapping[str, Any], key: str, href: str | None
) -> Any:
    """Make the widget of a dashboard, with these initial JSON values of its controls."""
    params = model.controls.complete(values)
    widget = _widget_class()(
        model=model,
        heading=model.title,
        href=href or "",
        theme=model.theme or "",
        still_class=still_class(key),
        controls=[control.as_json() for control in model.controls.items],
        rows=[
            [_panel_json(panel, stills.get(panel.place), model.controls, params) for panel in row] for row in model.rows
        ],
        params=params,
    )
    register_widget(widget, model.live_names)
    return widget


def _panel_json(
    panel: LaidOutPanel, still: Still | None, controls: DashboardControls, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the JSON of a panel for the page; its still was rendered with ``params``."""
    still = still or Still()
    value: dict[str, Any] = {
        "place": panel.place,
        "kind": panel.kind,
        "share": panel.share,
        "caption": panel.caption,
        "alt": panel.alt or panel.summary,
        "message": still.message,
        "has_page": still.has_page,
    }
    if panel.kind == dashboards.TEXT:
        from ...model.markdown import render_markdown

        return value | {"html": render_markdown(panel.markdown)}
    if panel.kind == dashboards.LIVE:
        value |= {"path": panel.object.server_path(), "declared": panel.object.declaration_state()}
        value["format"] = panel.format
        value |= {
            "fixed": dict(panel.fixed),
            "initial": controls.arguments(panel.place, params),
        }
    if isinstance(panel.object, Published) and panel.object.url is not None:
        value["published"] = _published_json(panel, panel.object)
    if still.image is not None:
        value |= {"still": data_url(still.image), "width": still.image.width, "height": still.image.height}
    return value


def _published_json(panel: LaidOutPanel, figure: Published) -> dict[str, Any]:
    """Return the JSON by which the page follows a figure's versions."""
    has_own_alt = panel.given_alt is not None
    return {"figure": figure.id, "path": figure.path, "version": figure.version, "has_own_alt": has_own_alt}


@cache
def _widget_class() -> Any:
    require_anywidget()
    import anywidget
    import traitlets

    class DashboardWidget(anywidget.AnyWidget):
        """``params`` holds the value of each control; it can be observed, set and linked."""

        _esm = read_module("dashboard_view.js", "dashboard_figure.js", "dashboard_widget.js")
        _css = read_style("dashboard_widget.css")
        heading = traitlets.Unicode().tag(sync=True)
        href = traitlets.Unicode().tag(sync=True)
        theme = traitlets.Unicode().tag(sync=True)
        still_class = traitlets.Unicode().tag(sync=True)
        controls: Any = traitlets.List().tag(sync=True)
        rows: Any = traitlets.List().tag(sync=True)
        revision = traitlets.Int(0).tag(sync=True)
        params: Any = traitlets.Dict().tag(sync=True)

        def __init__(self, model: DashboardModel, **traits: Any) -> None:
            self._model = model
            super().__init__(**traits)
            self.on_msg(_on_message)

        def __repr__(self) -> str:
            return f'<widget of dashboard "{self.heading}">'

        def draw(self) -> None:
            """Render the live panels again, after the data changed."""
            self.revision += 1

        @traitlets.validate("params")
        def _check_params(self, proposal: Any) -> dict[str, Any]:
            try:
                checked: dict[str, Any] = self._model.controls.complete(proposal.value)
            except FigServeError as error:
                raise traitlets.TraitError(error.message) from error
            return checked

    return DashboardWidget


def _on_message(widget: Any, message: Any, _buffers: Any) -> None:
    """Answer a page's request for the image or HTML of a live panel, or the HTML of an interactive figure."""
    panel = widget._model.find(message.get("place")) if isinstance(message, dict) else None
    if panel is None:
        return
    if message.get("op") == "draw" and panel.kind == dashboards.LIVE:
        send_rendered(widget, message, panel.object.name, {**(message.get("arguments") or {}), **panel.fixed})
    elif message.get("op") == "page" and panel.kind == dashboards.FIGURE:
        _send_page(widget, panel, message)


def _send_page(widget: Any, panel: LaidOutPanel, message: dict[str, Any]) -> None:
    try:
        page, error = _html_of(panel.object), None
    except FigServeError as failure:
        page, error = b"", failure.message
    widget.send({"rid": message.get("rid"), "error": error, "mimetype": "text/html"}, [page])


def _html_of(item: Any) -> bytes:
    """Return the HTML of an interactive figure; of a published one, that of the newest version."""
    if isinstance(item, Published):
        return item.fetch_page()
    from ...plotting.encode import encode

    return encode(item, ("html",)).images[0].data
