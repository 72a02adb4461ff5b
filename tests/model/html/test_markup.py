"""HTML before it is parsed: without comments, declarations and bodies of scripts, in linear time."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.html.content import parse_html
from jupyter_figserve.model.html.markup import prepare_markup


@pytest.mark.parametrize(
    ("text", "markup", "scripts"),
    [
        ("<p>a</p>", "<p>a</p>", []),
        ("<p>a<!-- <img src=x> -->b", "<p>ab", []),
        ("<!-->a<!--->b", "ab", []),
        ("a<!-- <p>b</p>", "a", []),
        ("<!DOCTYPE html><?xml version='1.0'?><p>", "<p>", []),
        ("1 < 2 <3> </p>", "1 &lt; 2 &lt;3> </p>", []),
        ("<SCRIPT type=x>a < b</Script >c", "<SCRIPT type=x></Script >c", [("<SCRIPT type=x>", "a < b")]),
        ("<script><!-- x --></script>", "<script></script>", [("<script>", "<!-- x -->")]),
        ("<!-- <script>x</script> -->", "", []),
        ("a<script>b", "a", []),
        ("<scripts>a", "<scripts>a", []),
    ],
)
def test_markup_and_scripts(text: str, markup: str, scripts: list[tuple[str, str]]):
    """As browsers read them."""
    found: list[tuple[str, str]] = []
    assert prepare_markup(text, lambda tag, body: found.append((tag, body))) == markup
    assert found == scripts


@pytest.mark.parametrize(
    "piece", ["<<!--", "<", "<!", "<?", "<script>", "<script ", "<a '", "</", "<iframe srcdoc='&</a-->'", "paths:{"]
)
def test_broken_markup_takes_linear_time(piece: str):
    """A hundred thousand of them, which Python's parser would try each to the end, are read before the timeout."""
    content = parse_html(piece * 100_000)
    assert not content.is_figure


def test_text_after_a_broken_tag_is_not_shown():
    """Nor is an unclosed tag text; text at the end is."""
    assert parse_html("<p>a").has_text
    assert parse_html("<p>&am").has_text
    assert not parse_html("<p><img src='x").has_text
