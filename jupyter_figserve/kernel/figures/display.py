"""Mimebundles of published figures and links for the notebook: static, escaped, without secrets. Kernel."""

from __future__ import annotations

import base64
import re
import sys
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import urlsplit

from ...model.figures import MARKER, EncodedImage
from ...model.formats import INLINE_FORMATS
from ..client.address import UNIX, is_loopback

INLINE_SUFFIXES = {row.mimetype: row.name for row in INLINE_FORMATS}
"""Suffixes of the formats that an ``img`` element displays, by mimetype."""
_MAX_PLAIN_PNG_BYTES = 512 * 1024
_INLINE_BACKENDS = ("inline", "module://matplotlib_inline.backend_inline", "module://ipykernel.pylab.backend_inline")
_TEXT = (
    "color:var(--jp-ui-font-color1,inherit);font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px"
)
_MUTED = "color:var(--jp-ui-font-color2,#767676)"
_LINK = "color:var(--jp-content-link-color,#1976d2)"
_BUTTON = (
    f"{_LINK};border:1px solid var(--jp-border-color1,#bdbdbd);border-radius:3px;padding:1px 7px;margin-left:8px;"
    "text-decoration:none;white-space:nowrap"
)
# In sanitized outputs, which have no scripts, and without clipboard access, the button is a plain link.
_COPY = (
    "var a=this,t=a.textContent;if(!navigator.clipboard)return true;"
    "navigator.clipboard.writeText(a.href).then(function(){a.textContent='Copied';"
    "setTimeout(function(){a.textContent=t},1500)},function(){window.open(a.href)});"
    "return false"
)


@dataclass(frozen=True)
class FigureCaption:
    """Text and links around an image; ``href`` is ``url`` in a form that the notebook's page can follow."""

    name: str
    title: str
    alt: str
    version: int
    url: str
    href: str
    figure: str
    limitation: str = ""


def limitation_text(reason: str) -> str:
    """Return the line that says why a figure is only available as it was published."""
    return f"Not available in other sizes and formats. {reason}"


def link_href(url: str, *, is_own: bool) -> str:
    """Return ``url``, or its path if the host is only valid on the kernel's machine.

    The notebook's own server may be behind a Hub or a proxy and know itself only as 127.0.0.1; the path works from any
    host that the notebook's page was loaded from.
    """
    return urlsplit(url).path if is_own and is_local(url) else url


def is_local(url: str) -> bool:
    """Whether a URL is valid only on this machine."""
    parts = urlsplit(url)
    return parts.scheme == UNIX or is_loopback(parts.hostname or "")


def figure_bundle(
    caption: FigureCaption, image: EncodedImage | None, *, with_link: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return data and metadata for ``display``; its metadata excludes the output from capture."""
    heading = f'Figure "{caption.name}", version {caption.version}'
    note = f"\n{limitation_text(caption.limitation)}" if caption.limitation else ""
    data: dict[str, Any] = {
        "text/plain": f"{heading}: {caption.url}{note}" if with_link else heading,
        "text/html": _figure_html(caption, image, with_link),
    }
    if image and image.mimetype == "image/png" and len(image.data) <= _MAX_PLAIN_PNG_BYTES:
        # For exports without HTML, such as PDF through LaTeX.
        data["image/png"] = base64.b64encode(image.data).decode()
    return data, {MARKER: {"figure": caption.figure, "version": caption.version}}


def unpublished_bundle(
    text: str, title: str, alt: str, image: EncodedImage | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return data and metadata of a figure without a URL: its image alone."""
    if image is None:
        return {"text/plain": text}, {}
    caption = FigureCaption(name="", title=title, alt=alt, version=0, url="", href="", figure="")
    data: dict[str, Any] = {"text/plain": text, "text/html": _figure_html(caption, image, with_link=False)}
    if image.mimetype == "image/png" and len(image.data) <= _MAX_PLAIN_PNG_BYTES:
        data["image/png"] = base64.b64encode(image.data).decode()
    return data, {}


def plot_bundle(
    text: str, name: str, href: str, image: EncodedImage | None, alt: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return data and metadata of a captured plot; the metadata excludes the output from capture."""
    caption = FigureCaption(name=name, title="", alt=alt or f"Plot {name}", version=1, url=href, href=href, figure="")
    html = (
        f'<figure style="margin:0;{_TEXT}">{_image_html(caption, image)}<figcaption style="margin-top:4px">'
        f'<a href="{escape(href)}" target="_blank" rel="noopener" style="{_LINK}">{escape(name)}</a>'
        f' <span style="{_MUTED}">captured, available until the session ends</span>{_page_button(href)}</figcaption>'
        "</figure>"
    )
    return {"text/plain": text, "text/html": html}, {MARKER: {"plot": name}}


def link_html(name: str, url: str, expires: str | None, note: str | None, audience: str) -> str:
    until = _expiry_text(expires)
    warning = f'<div style="{_MUTED}">{_prose(note)}</div>' if note else ""
    return (
        f'<div style="{_TEXT};line-height:1.6"><a href="{escape(url)}" target="_blank" rel="noopener noreferrer"'
        f' style="{_LINK}">{escape(url)}</a>{_copy_button(url, "Copy link", "Copy the link")}'
        f'<div style="{_MUTED}">Link to {escape(name)} for {escape(audience)}, {escape(until)}</div>{warning}</div>'
    )


def _prose(text: str) -> str:
    """Return sentences as HTML, in which commands and settings, between backticks, become code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _expiry_text(expires: str | None) -> str:
    """Format an RFC 3339 time in the local zone, as in "valid until 2026-12-21 09:30 CET"."""
    if not expires:
        return "never expires"
    moment = datetime.fromisoformat(expires).astimezone()
    return f"valid until {moment:%Y-%m-%d %H:%M %Z}"


def link_text(name: str, where: str, expires: str | None, note: str | None, audience: str) -> str:
    return f'Link to "{name}" for {audience}, {_expiry_text(expires)}: {where}' + (f"\n{note}" if note else "")


def close_if_inline(figure: Any | None) -> None:
    """Close a pyplot figure that the inline backend would display again, and close, at the end of the cell."""
    pyplot, inline = sys.modules.get("matplotlib.pyplot"), sys.modules.get("matplotlib_inline.config")
    if figure is None or pyplot is None or inline is None or pyplot.get_backend() not in _INLINE_BACKENDS:
        return
    # With %config InlineBackend.close_figures=False, figures stay open from cell to cell, and so does this one.
    if inline.InlineBackend.instance().close_figures:
        pyplot.close(figure)


def _figure_html(caption: FigureCaption, image: EncodedImage | None, with_link: bool) -> str:
    shown = _image_html(caption, image)
    if not with_link:
        return f'<figure style="margin:0;{_TEXT}">{shown}</figure>'
    note = ""
    if caption.limitation:
        note = f'<div style="{_MUTED}">{escape(limitation_text(caption.limitation))}</div>'
    text = (
        f'<figcaption style="margin-top:4px"><a href="{escape(caption.href)}" target="_blank" rel="noopener"'
        f' style="{_LINK}">{escape(caption.title or caption.name)}</a>'
        f' <span style="{_MUTED}">version {caption.version}</span>{_page_button(caption.href)}{note}</figcaption>'
    )
    return f'<figure style="margin:0;{_TEXT}">{shown}{text}</figure>'


def _image_html(caption: FigureCaption, image: EncodedImage | None) -> str:
    """Return the image, or a placeholder if there is none, as for an interactive figure or a PDF."""
    if image is None:
        return (
            '<div style="border:1px solid var(--jp-border-color2,#e0e0e0);border-radius:3px;padding:12px 16px;'
            f'display:inline-block">{escape(caption.alt)}<br>'
            f'<span style="{_MUTED}">Open the figure\'s page to see it.</span></div>'
        )
    size = f' width="{image.css_width}" height="{image.css_height}"' if image.css_width and image.css_height else ""
    title = f' title="{escape(caption.title)}"' if caption.title else ""
    return f'<img src="{data_url(image)}" alt="{escape(caption.alt)}"{title}{size} style="max-width:100%;height:auto">'


def data_url(image: EncodedImage) -> str:
    return f"data:{image.mimetype};base64,{base64.b64encode(image.data).decode()}"


def _page_button(href: str) -> str:
    return _copy_button(href, "Copy page address", "The page opens after a login. For others, make a link: share().")


def _copy_button(href: str, label: str, title: str) -> str:
    return (
        f'<a href="{escape(href)}" target="_blank" rel="noopener noreferrer" style="{_BUTTON}"'
        f' onclick="{escape(_COPY)}" title="{escape(title)}">{label}</a>'
    )
