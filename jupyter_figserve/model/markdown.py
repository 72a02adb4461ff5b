"""Markdown as HTML that is safe to stand in a page of ours: no raw HTML, no pictures, no addresses that run. Any
process; markdown-it-py is loaded with the first text.

Source: CommonMark 0.31; tables and strikethrough as GitHub writes them.
"""

from __future__ import annotations

import html
import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_REL = "noopener nofollow"
# A page's own address is what a fragment and a relative path would lead away from: they name nothing in a dashboard.
_OPENED = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_MAX_NESTED = 20
"""Quotes and lists inside one another; deeper ones are text."""


def render_markdown(text: str) -> str:
    """HTML of a Markdown text.

    Links lead to web and mail addresses alone; a picture is a link to it, since pages load nothing from elsewhere; HTML
    in the text is text.
    """
    rendered: str = _renderer().render(text)
    return rendered


@cache
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": _MAX_NESTED}).enable(["table", "strikethrough"])
    markdown.validateLink = _is_opened  # type: ignore[method-assign]  # as its manual has it
    markdown.add_render_rule("link_open", _open_link)
    markdown.add_render_rule("image", _write_image)
    markdown.add_render_rule("th_open", _open_cell)
    markdown.add_render_rule("td_open", _open_cell)
    return markdown


def _is_opened(url: str) -> bool:
    return _OPENED.match(url.strip()) is not None


def _open_link(renderer: Any, tokens: Any, index: int, options: Any, environment: Any) -> str:
    token = tokens[index]
    token.attrSet("rel", _REL)
    written: str = renderer.renderToken(tokens, index, options, environment)
    return written


def _write_image(renderer: Any, tokens: Any, index: int, options: Any, environment: Any) -> str:
    token = tokens[index]
    words = renderer.renderInlineAsText(token.children or [], options, environment)
    address = html.escape(str(token.attrGet("src") or ""))
    kinds = [one.type for one in tokens[:index]]
    if kinds.count("link_open") > kinds.count("link_close"):
        return html.escape(words) or address
    return f'<a href="{address}" rel="{_REL}">{html.escape(words) or address}</a>'


def _open_cell(renderer: Any, tokens: Any, index: int, options: Any, environment: Any) -> str:
    """A column's alignment as a class: a style attribute is not allowed in our pages."""
    token = tokens[index]
    style = str(token.attrs.pop("style", ""))
    if style.startswith("text-align:"):
        token.attrSet("class", f"to-{style.removeprefix('text-align:')}")
    written: str = renderer.renderToken(tokens, index, options, environment)
    return written
