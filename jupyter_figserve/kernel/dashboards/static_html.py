"""Static HTML of a dashboard for saved notebooks, exports and e-mail. Kernel; escaped, without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from ...model import dashboards
from ...model.figures import MARKER
from ..figures.display import data_url
from .model import DashboardModel
from .panels import LaidOutPanel
from .stills import Still

# Notebooks do not store style sheets, so each element has its own style.
_TEXT = "color:var(--jp-ui-font-color1,inherit);font-family:var(--jp-ui-font-family,system-ui,sans-serif)"
_MUTED = "color:var(--jp-ui-font-color2,#5c6370)"
_BOX = "border:1px solid var(--jp-border-color2,#dfe2e6);border-radius:6px;padding:12px 16px"
_MIN_WIDTH = 240
"""Pixels of a panel below which its row wraps."""


def still_class(key: str) -> str:
    """Return the CSS class by which the widget finds the static dashboard that it replaces."""
    return f"figserve-still-{key}"


def static_bundle(
    model: DashboardModel, text: str, stills: Mapping[str, Still], key: str, href: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return data and metadata for ``display``; its metadata excludes the output from capture."""
    data = {"text/plain": text, "text/html": static_html(model, stills, key, href)}
    return data, {MARKER: {"dashboard": model.title}}


def static_html(model: DashboardModel, stills: Mapping[str, Still], key: str, href: str | None) -> str:
    """Return the dashboard with its images inline; the title links to its page if it has one."""
    rows = "".join(_row_html(row, stills) for row in model.rows)
    title = escape(model.title)
    if href is not None:
        title = f'<a href="{escape(href)}" target="_blank" rel="noopener" style="color:inherit">{title}</a>'
    title = f'<div style="font-size:1.4em;font-weight:600;margin:0 0 12px">{title}</div>'
    return f'<div class="{still_class(key)}" style="{_TEXT};max-width:1200px">{title}{rows}</div>'


def _row_html(row: tuple[LaidOutPanel, ...], stills: Mapping[str, Still]) -> str:
    panels = "".join(_panel_html(panel, stills.get(panel.place, Still())) for panel in row)
    return f'<div style="display:flex;flex-wrap:wrap;gap:16px;margin:0 0 16px">{panels}</div>'


def _panel_html(panel: LaidOutPanel, still: Still) -> str:
    style = f"flex:{panel.share:g} 1 0;min-width:min(100%,{_MIN_WIDTH}px);margin:0"
    if panel.kind == dashboards.TEXT:
        from ...model.markdown import render_markdown

        return f'<div style="{style}">{render_markdown(panel.markdown)}</div>'
    caption = f'<figcaption style="{_MUTED};margin-top:4px">{escape(panel.caption)}</figcaption>'
    return f'<figure style="{style}">{_image_html(panel, still)}{caption if panel.caption else ""}</figure>'


def _image_html(panel: LaidOutPanel, still: Still) -> str:
    image = still.image
    if image is None:
        text = f"{escape(panel.alt or panel.summary)}<br>" if panel.alt or panel.summary else ""
        return f'<div style="{_BOX}">{text}<span style="{_MUTED}">{escape(still.message)}</span></div>'
    size = f' width="{image.css_width}" height="{image.css_height}"' if image.css_width and image.css_height else ""
    return f'<img src="{data_url(image)}" alt="{escape(panel.alt)}"{size} style="max-width:100%;height:auto">'
