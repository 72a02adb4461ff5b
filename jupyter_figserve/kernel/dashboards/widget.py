"""A dashboard with its controls as one widget of the notebook. Kernel.

Live panels' pictures come from the server, which asks the kernel by the agent's line: so they come while a cell runs.
Where no server is on the page's own site, they come by the widget's messages, between cells. The page itself hears from
the server when a published figure has another version and when a live figure's function is another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import FigServeError
from ...model import dashboards
from ..figures.published_figure import Published
from ..live.registry import worker
from ..live.widget import declaration_state, path_of, read_module, require_anywidget
from .controls import DashboardControls
from .static_html import data_url, still_class
from .stills import PanelImage

if TYPE_CHECKING:
    from .dashboard import Dashboard
    from .panels import LaidOutPanel

_STYLE = Path(__file__).parents[2] / "static" / "widgets" / "dashboard_widget.css"


def make_board_widget(
    board: Dashboard, stills: Mapping[str, PanelImage], values: Mapping[str, Any], key: str, href: str | None
) -> Any:
    """The widget of a dashboard, with these JSON values of its controls at first."""
    controls = board.controls
    params = controls.complete(values)
    return _widget_class()(
        board=board,
        heading=board.title,
        href=href or "",
        theme=board.theme or "",
        still_class=still_class(key),
        controls=[control.as_json() for control in controls.items],
        rows=[
            [_panel_json(panel, stills.get(panel.place), controls.arguments(panel.place, params)) for panel in row]
            for row in board.rows
        ],
        params=params,
    )


def _panel_json(panel: LaidOutPanel, still: PanelImage | None, drawn: dict[str, Any]) -> dict[str, Any]:
    """What the page knows of a panel; ``drawn`` is what its still was drawn with."""
    still = still or PanelImage()
    described: dict[str, Any] = {
        "place": panel.place,
        "kind": panel.kind,
        "share": panel.share,
        "caption": panel.caption,
        "alt": panel.alt or panel.words,
        "message": still.message,
        "has_page": still.has_page,
    }
    if panel.kind == dashboards.TEXT:
        from ...model.markdown import render_markdown

        return described | {"html": render_markdown(panel.markdown)}
    if panel.kind == dashboards.LIVE:
        described |= {"path": path_of(panel.object), "declared": declaration_state(panel.object)}
        described |= {"fixed": dict(panel.fixed), "drawn": drawn}
    if isinstance(panel.object, Published):
        described["published"] = _published_json(panel, panel.object)
    if still.picture is not None:
        picture = still.picture
        described |= {"still": data_url(picture.mimetype, picture.data)}
        described |= {"width": picture.width, "height": picture.height}
    return described


def _published_json(panel: LaidOutPanel, figure: Published) -> dict[str, Any]:
    """By what the page follows a published figure; its alternative text too, unless the panel has its own."""
    has_own_alt = panel.given_alt is not None
    return {"figure": figure.id, "path": figure.path, "version": figure.version, "has_own_alt": has_own_alt}


@cache
def _widget_class() -> Any:
    require_anywidget()
    import anywidget
    import traitlets

    class DashboardWidget(anywidget.AnyWidget):
        """``params`` holds the value of each control; observe it, set it, link it."""

        _esm = read_module("dashboard_view.js", "dashboard_figure.js", "dashboard_widget.js")
        _css = _STYLE.read_text(encoding="utf-8")
        heading = traitlets.Unicode().tag(sync=True)
        href = traitlets.Unicode().tag(sync=True)
        theme = traitlets.Unicode().tag(sync=True)
        still_class = traitlets.Unicode().tag(sync=True)
        controls: Any = traitlets.List().tag(sync=True)
        rows: Any = traitlets.List().tag(sync=True)
        revision = traitlets.Int(0).tag(sync=True)
        params: Any = traitlets.Dict().tag(sync=True)

        def __init__(self, board: Any, **traits: Any) -> None:
            self._board = board
            self._controls: DashboardControls = board.controls
            super().__init__(**traits)
            self.on_msg(_answer)

        def __repr__(self) -> str:
            return f'<widget of dashboard "{self.heading}">'

        def draw(self) -> None:
            """Draw the live panels again, after the data changed."""
            self.revision += 1

        @traitlets.validate("params")
        def _check_params(self, proposal: Any) -> dict[str, Any]:
            try:
                checked: dict[str, Any] = self._controls.complete(proposal.value)
            except FigServeError as error:
                raise traitlets.TraitError(error.message) from error
            return checked

    return DashboardWidget


def _answer(widget: Any, message: Any, _buffers: Any) -> None:
    """Answer what a page asked by message: a live panel's picture or HTML, or the HTML of an interactive figure."""
    if not isinstance(message, dict):
        return
    panel = next((panel for panel in widget._board.panels if panel.place == message.get("place")), None)
    if panel is None:
        return
    if message.get("op") == "draw" and panel.kind == dashboards.LIVE:
        _draw(widget, panel, message)
    elif message.get("op") == "page" and panel.kind == dashboards.FIGURE:
        _send_page(widget, panel, message)


def _draw(widget: Any, panel: LaidOutPanel, message: dict[str, Any]) -> None:
    def reply(head: dict[str, Any], body: bytes) -> None:
        error = head.get("error") or {}
        content = {"rid": message.get("rid"), "error": error.get("message"), "mimetype": head.get("mimetype")}
        widget.send(content | {"code": error.get("code")}, [body])

    form = "html" if message.get("format") == "html" else "png"
    arguments = {**(message.get("arguments") or {}), **panel.fixed}
    worker.submit({"name": panel.object.name, "arguments": arguments, "format": form}, reply)


def _send_page(widget: Any, panel: LaidOutPanel, message: dict[str, Any]) -> None:
    try:
        page, error = _page_of(panel.object), None
    except FigServeError as failure:
        page, error = b"", failure.message
    widget.send({"rid": message.get("rid"), "error": error, "mimetype": "text/html"}, [page])


def _page_of(item: Any) -> bytes:
    """The HTML of an interactive figure; of a published one, the newest version's."""
    if isinstance(item, Published):
        return item.fetch_page()
    from ...plotting.encode import encode

    return encode(item, ("html",)).payloads[0].data
