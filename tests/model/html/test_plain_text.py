"""Texts with tags, as text."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.html.plain_text import strip_markup


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Sales", "Sales"),
        ("<b>Sales</b><br>of <span style='color: red'>2026</span>", "Sales of 2026"),
        ("Bears &amp; deer &lt; 3", "Bears & deer < 3"),
        ("  a\n\tb  ", "a b"),
        ("<" + "x" * 300 + ">", "<" + "x" * 300 + ">"),
    ],
)
def test_markup_is_left_out(text, plain):
    """Entities are what they stand for, and all is on one line; what is too long for a tag is none."""
    assert strip_markup(text) == plain
