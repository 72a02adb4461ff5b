"""Markdown rendered as HTML that is safe to insert into a page."""

from __future__ import annotations

import re

import pytest

from jupyter_figserve.model.markdown import render_markdown


def test_usual_markdown_becomes_html():
    """Headings, lists, emphasis, code, tables and strikethrough."""
    text = "# Bears\n\n- *one* **two**\n- `three` ~~four~~\n\n| year | count |\n|---|--:|\n| 2012 | 7 |\n"
    rendered = render_markdown(text)
    for part in ("<h1>Bears</h1>", "<em>one</em>", "<strong>two</strong>", "<code>three</code>", "<s>four</s>"):
        assert part in rendered
    assert '<td class="to-right">7</td>' in rendered


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <b onclick='x'>b</b>",
        "[a](javascript:alert(1))",
        "[a](JaVaScript:alert(1))",
        "[a](&#106;avascript:alert(1))",
        "[a](data:text/html,<script>alert(1)</script>)",
        "![a](javascript:alert(1))",
        '[a](https://x.example "\\"onmouseover=alert(1)")',
        "<javascript:alert(1)>",
        "| a |\n|:-:|\n| <script>alert(1)</script> |",
        "```html\n<script>alert(1)</script>\n```",
        "[a]: javascript:alert(1)\n\n[a]",
    ],
)
def test_no_markup_of_the_text_survives(text: str):
    """Elements, attributes and URLs of the text are escaped or dropped."""
    rendered = render_markdown(text)
    for tag in re.findall(r"<[^>]*>", rendered):
        assert re.match(r"</?(p|a|table|thead|tbody|tr|th|td|pre|code)\b", tag), tag
        assert not re.search(r"\son\w+=|style=|href=\"(?!https://)", re.sub(r'title="[^"]*"', "", tag)), tag


def test_links_send_no_referrer_and_images_become_links():
    """Pages load nothing from other sites; an image inside a link becomes its text."""
    assert render_markdown("[a](https://x.example)") == (
        '<p><a href="https://x.example" rel="noopener nofollow">a</a></p>\n'
    )
    assert render_markdown('![a "b"](https://x.example/y.png)') == (
        '<p><a href="https://x.example/y.png" rel="noopener nofollow">a &quot;b&quot;</a></p>\n'
    )
    assert render_markdown("[![in](https://a.example/b)](https://c.example)") == (
        '<p><a href="https://c.example" rel="noopener nofollow">in</a></p>\n'
    )


def test_nesting_is_limited():
    """Ten thousand nested quotes are rendered, but not as ten thousand elements."""
    assert render_markdown(">" * 10_000 + "x").count("<blockquote>") < 50


def test_images_inside_and_beside_links():
    """An image inside a link is its text; one beside it is a link of its own, also after many others."""
    text = "![a](https://e.org/a) [![b](https://e.org/b)](https://e.org/l) ![c](https://e.org/c)"
    rel = 'rel="noopener nofollow"'
    assert render_markdown(text) == (
        f'<p><a href="https://e.org/a" {rel}>a</a> <a href="https://e.org/l" {rel}>b</a>'
        f' <a href="https://e.org/c" {rel}>c</a></p>\n'
    )


@pytest.mark.parametrize(
    "text", ["[" * 20_000, "|a" * 3_000 + "\n" + "|-" * 3_000 + "\n" + "|\n" * 5_000, "[![" * 9_000]
)
def test_kind_C7_text_that_would_take_long_is_shown_as_text(text):
    """Unclosed brackets and tables would take the square of their length."""
    assert render_markdown(text).startswith("<pre>")


def test_long_ordinary_text_is_rendered():
    """The limit does not meet links, lists and tables that people write."""
    text = (
        "- [a *link*](https://x.example) and **more**\n" * 500
        + "\n\n| a | b | c |\n|---|---|---|\n"
        + "| 1 | 2 | 3 |\n" * 500
    )
    assert not render_markdown(text).startswith("<pre>")
