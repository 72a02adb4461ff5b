"""How a dashboard looks where nothing runs: in a saved notebook, an export, an e-mail. Kernel; static and escaped."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from ...model import dashboards
from ...model.figures import MARKER
from .stills import PanelImage

if TYPE_CHECKING:
    from .dashboard import Dashboard
    from .panels import LaidOutPanel

# Notebooks keep no style sheet of ours, so that each element has its own style.
_INK = "color:var(--jp-ui-font-color1,inherit);font-family:var(--jp-ui-font-family,system-ui,sans-serif)"
_QUIET = "color:var(--jp-ui-font-color2,#5c6370)"
_BOX = "border:1px solid var(--jp-border-color2,#dfe2e6);border-radius:6px;padding:12px 16px"
_MIN_WIDTH = 240
"""Pixels of a panel, below which a row breaks into several."""


def still_class(key: str) -> str:
    """The class by which a widget finds the pictures that stand in for it, to hide them."""
    return f"figserve-still-{key}"


def board_bundle(
    board: Dashboard, stills: Mapping[str, PanelImage], key: str, href: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Data and metadata for ``display``; the metadata marks the output as ours, for capture to pass over."""
    data = {"text/plain": repr(board), "text/html": board_html(board, stills, key, href)}
    return data, {MARKER: {"dashboard": board.title}}


def board_html(board: Dashboard, stills: Mapping[str, PanelImage], key: str, href: str | None) -> str:
    """The whole dashboard with its pictures inside, its title leading to its page where it has one."""
    rows = "".join(_row_html(row, stills) for row in board.rows)
    title = escape(board.title)
    if href is not None:
        title = f'<a href="{escape(href)}" target="_blank" rel="noopener" style="color:inherit">{title}</a>'
    title = f'<div style="font-size:1.4em;font-weight:600;margin:0 0 12px">{title}</div>'
    return f'<div class="{still_class(key)}" style="{_INK};max-width:1200px">{title}{rows}</div>'


def data_url(mimetype: str, data: bytes) -> str:
    return f"data:{mimetype};base64,{base64.b64encode(data).decode()}"


def _row_html(row: list[LaidOutPanel], stills: Mapping[str, PanelImage]) -> str:
    inside = "".join(_panel_html(panel, stills.get(panel.place, PanelImage())) for panel in row)
    return f'<div style="display:flex;flex-wrap:wrap;gap:16px;margin:0 0 16px">{inside}</div>'


def _panel_html(panel: LaidOutPanel, still: PanelImage) -> str:
    style = f"flex:{panel.share:g} 1 0;min-width:min(100%,{_MIN_WIDTH}px);margin:0"
    if panel.kind == dashboards.TEXT:
        from ...model.markdown import render_markdown

        return f'<div style="{style}">{render_markdown(panel.markdown)}</div>'
    caption = f'<figcaption style="{_QUIET};margin-top:4px">{escape(panel.caption)}</figcaption>'
    return f'<figure style="{style}">{_picture_html(panel, still)}{caption if panel.caption else ""}</figure>'


def _picture_html(panel: LaidOutPanel, still: PanelImage) -> str:
    picture = still.picture
    if picture is None:
        words = f"{escape(panel.alt or panel.words)}<br>" if panel.alt or panel.words else ""
        return f'<div style="{_BOX}">{words}<span style="{_QUIET}">{escape(still.message)}</span></div>'
    size = f' width="{picture.width}" height="{picture.height}"' if picture.width and picture.height else ""
    source = data_url(picture.mimetype, picture.data)
    return f'<img src="{source}" alt="{escape(panel.alt)}"{size} style="max-width:100%;height:auto">'
