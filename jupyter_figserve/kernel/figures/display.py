"""How published figures and links look in a notebook: static, escaped, without secrets. Kernel."""

from __future__ import annotations

import base64
import sys
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlsplit

from ...model.figures import MARKER, EncodedImage
from ..client.address import UNIX, is_loopback

SHOWN_FORMATS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/svg+xml": "svg",
}
_PLAIN_PNG_LIMIT = 512 * 1024
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
# A page without scripts (a sanitized output) keeps the plain link; one without a clipboard follows it.
_COPY = (
    "var a=this;if(!navigator.clipboard)return true;"
    "navigator.clipboard.writeText(a.href).then(function(){a.textContent='Copied'},function(){window.open(a.href)});"
    "return false"
)


@dataclass(frozen=True)
class FigureCaption:
    """What is said beside a picture; ``href`` is ``url`` as the notebook's page can follow it."""

    name: str
    title: str
    alt: str
    version: int
    url: str
    href: str
    figure: str


def href_of(url: str, *, is_own: bool) -> str:
    """``url`` as a path where only the kernel would understand its host.

    The notebook's own server may sit behind a Hub or a proxy and know itself only as 127.0.0.1; a path leads to it
    from whatever host the notebook's page came from.
    """
    return urlsplit(url).path if is_own and is_local(url) else url


def is_local(url: str) -> bool:
    """Whether a URL's host is known only on this machine."""
    parts = urlsplit(url)
    return parts.scheme == UNIX or is_loopback(parts.hostname or "")


def figure_bundle(
    card: FigureCaption, picture: EncodedImage | None, *, with_link: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Data and metadata for ``display``; the metadata marks the output as ours, for capture to pass over."""
    heading = f'Figure "{card.name}", version {card.version}'
    data: dict[str, Any] = {
        "text/plain": f"{heading}: {card.url}" if with_link else heading,
        "text/html": _figure_html(card, picture, with_link),
    }
    if picture and picture.mimetype == "image/png" and len(picture.data) <= _PLAIN_PNG_LIMIT:
        # For exports that take no HTML, such as PDF by LaTeX.
        data["image/png"] = base64.b64encode(picture.data).decode()
    return data, {MARKER: {"figure": card.figure, "version": card.version}}


def plot_bundle(text: str, name: str, href: str, picture: EncodedImage | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same for a picture that was captured; marked too, as showing it again makes no other picture."""
    card = FigureCaption(name=name, title="", alt=f"Plot {name}", version=1, url=href, href=href, figure="")
    shown = _image(card, picture) if picture else _placeholder(card)
    html = (
        f'<figure style="margin:0;{_TEXT}">{shown}<figcaption style="margin-top:4px"><a href="{escape(href)}"'
        f' target="_blank" rel="noopener" style="{_LINK}">{escape(name)}</a> <span style="{_MUTED}">captured, until the'
        f" session ends</span>{_copy_button(href)}</figcaption></figure>"
    )
    return {"text/plain": text, "text/html": html}, {MARKER: {"plot": name}}


def link_html(name: str, url: str, expires: str | None, note: str | None) -> str:
    until = _until(expires)
    warning = f'<div style="{_MUTED}">{escape(note)}</div>' if note else ""
    return (
        f'<div style="{_TEXT};line-height:1.6"><a href="{escape(url)}" target="_blank" rel="noopener noreferrer"'
        f' style="{_LINK}">{escape(url)}</a>{_copy_button(url)}'
        f'<div style="{_MUTED}">Link to {escape(name)}, {escape(until)}</div>{warning}</div>'
    )


def _until(expires: str | None) -> str:
    """In words, as in "until 2026-12-21 09:30 UTC"; ``expires`` is RFC 3339."""
    if not expires:
        return "without end"
    day, _, time = expires.partition("T")
    return f"until {day} {time[:5]} UTC" if time else f"until {day}"


def link_text(name: str, where: str, expires: str | None, note: str | None) -> str:
    until = _until(expires)
    return f'Link to "{name}", {until}: {where}' + (f"\n{note}" if note else "")


def close_if_inline(figure: Any | None) -> None:
    """Close a pyplot figure that the inline backend would show once more and close at the end of the cell."""
    pyplot, inline = sys.modules.get("matplotlib.pyplot"), sys.modules.get("matplotlib_inline.config")
    if figure is None or pyplot is None or inline is None or pyplot.get_backend() not in _INLINE_BACKENDS:
        return
    # Who keeps figures open from cell to cell (%config InlineBackend.close_figures=False) keeps this one too.
    if inline.InlineBackend.instance().close_figures:
        pyplot.close(figure)


def _figure_html(card: FigureCaption, picture: EncodedImage | None, with_link: bool) -> str:
    shown = _image(card, picture) if picture else _placeholder(card)
    if not with_link:
        return f'<figure style="margin:0;{_TEXT}">{shown}</figure>'
    caption = (
        f'<figcaption style="margin-top:4px"><a href="{escape(card.href)}" target="_blank" rel="noopener"'
        f' style="{_LINK}">{escape(card.title or card.name)}</a>'
        f' <span style="{_MUTED}">version {card.version}</span>{_copy_button(card.href)}</figcaption>'
    )
    return f'<figure style="margin:0;{_TEXT}">{shown}{caption}</figure>'


def _image(card: FigureCaption, picture: EncodedImage) -> str:
    size = f' width="{picture.width}" height="{picture.height}"' if picture.width and picture.height else ""
    title = f' title="{escape(card.title)}"' if card.title else ""
    data = base64.b64encode(picture.data).decode()
    return (
        f'<img src="data:{picture.mimetype};base64,{data}" alt="{escape(card.alt)}"{title}{size}'
        ' style="max-width:100%;height:auto">'
    )


def _placeholder(card: FigureCaption) -> str:
    """For what has no still picture at hand, such as an interactive figure or a PDF: its page shows it."""
    return (
        '<div style="border:1px solid var(--jp-border-color2,#e0e0e0);border-radius:3px;padding:12px 16px;'
        f'display:inline-block">{escape(card.alt)}<br>'
        f'<span style="{_MUTED}">Shown on the page of this figure.</span></div>'
    )


def _copy_button(href: str) -> str:
    return (
        f'<a href="{escape(href)}" target="_blank" rel="noopener noreferrer" style="{_BUTTON}"'
        f' onclick="{escape(_COPY)}" title="Copy the link">Copy link</a>'
    )
