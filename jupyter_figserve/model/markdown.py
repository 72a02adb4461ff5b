"""Markdown to HTML that is safe in our pages: no raw HTML, no images, no script URLs. Any process.

Source: CommonMark 0.31, with the tables and strikethrough of GitHub. markdown-it-py is imported on first use.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline

_REL = "noopener nofollow"
# Fragments and relative paths are excluded: they have no meaning in a dashboard.
_ALLOWED_URL = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_MAX_NESTING = 20
"""Maximum nesting of quotes and lists; deeper ones are shown as text."""
_MAX_TOKENS, _MAX_STEPS = 2, 5
"""Tokens, and steps of looking ahead, for each character. Tables and unclosed brackets may take the square of these."""
_MIN_BUDGET = 1_000
_STEPS = "figserve steps"
_LINKS = "figserve links"


class _TooComplex(Exception):
    """The text takes more steps than its length justifies."""


class _Tokens(list[Any]):
    """A list of limited length."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def append(self, token: Any) -> None:
        if len(self) >= self._limit:
            raise _TooComplex
        super().append(token)


def render_markdown(text: str) -> str:
    """Render a Markdown text as HTML.

    Links lead to web and mail addresses only. Images become links, because pages load nothing from other sites. HTML is
    shown as text, and so is a text that would take long to render.
    """
    from markdown_it.rules_core import StateCore

    markdown, environment = _renderer(), {_STEPS: _MIN_BUDGET + _MAX_STEPS * len(text)}
    state = StateCore(text, markdown, environment)
    state.tokens = _Tokens(_MIN_BUDGET + _MAX_TOKENS * len(text))
    try:
        markdown.core.process(state)
    except _TooComplex:
        return f"<pre>{html.escape(text)}</pre>\n"
    rendered: str = markdown.renderer.render(state.tokens, markdown.options, environment)
    return rendered


@cache
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": _MAX_NESTING}).enable(["table", "strikethrough"])
    markdown.inline.skipToken = _counted(markdown.inline.skipToken)  # type: ignore
    markdown.validateLink = _is_allowed  # type: ignore[method-assign]  # as its manual has it
    markdown.add_render_rule("link_open", _open_link)
    markdown.add_render_rule("image", _write_image)
    markdown.add_render_rule("th_open", _open_cell)
    markdown.add_render_rule("td_open", _open_cell)
    return markdown


def _counted(skip: Callable[[StateInline], None]) -> Callable[[StateInline], None]:
    """Return markdown-it's function that looks ahead, with a limit for each text."""

    def skip_token(state: StateInline) -> None:
        state.env[_STEPS] -= 1
        if state.env[_STEPS] < 0:
            raise _TooComplex
        skip(state)

    return skip_token


def _is_allowed(url: str) -> bool:
    return _ALLOWED_URL.match(url.strip()) is not None


def _open_link(renderer: Any, tokens: Any, index: int, options: Any, environment: Any) -> str:
    token = tokens[index]
    token.attrSet("rel", _REL)
    written: str = renderer.renderToken(tokens, index, options, environment)
    return written


def _write_image(renderer: Any, tokens: Any, index: int, options: Any, environment: Any) -> str:
    token = tokens[index]
    text = renderer.renderInlineAsText(token.children or [], options, environment)
    address = html.escape(str(token.attrGet("src") or ""))
    if _is_in_link(tokens, index, environment):
        return html.escape(text) or address
    return f'<a href="{address}" rel="{_REL}">{html.escape(text) or address}</a>'


def _is_in_link(tokens: Any, index: int, environment: Any) -> bool:
    """Whether a token is inside a link; what was counted for an earlier token is not counted again."""
    known, start, depth = environment.get(_LINKS, (None, 0, 0))
    if known is not tokens or start > index:
        start = depth = 0
    for token in tokens[start:index]:
        depth += (token.type == "link_open") - (token.type == "link_close")
    environment[_LINKS] = tokens, index, depth
    return bool(depth > 0)


def _open_cell(renderer: Any, tokens: Any, index: int, options: Any, environment: Any) -> str:
    """Write the alignment of a column as a class; our pages do not allow style attributes."""
    token = tokens[index]
    style = str(token.attrs.pop("style", ""))
    if style.startswith("text-align:"):
        token.attrSet("class", f"to-{style.removeprefix('text-align:')}")
    written: str = renderer.renderToken(tokens, index, options, environment)
    return written
