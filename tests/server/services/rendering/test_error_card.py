"""The image of an error, with all text escaped."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from jupyter_figserve.errors import CodeFailed, NoFigure
from jupyter_figserve.server.services.rendering.error_card import svg_card

EVIL = [
    "</text><script>alert(1)</script>",
    '" onload="x',
    "]]>",
    "&xxe;",
    "\x00\x1b[31m\ud800\ufffe",
    "<!--",
    "\n" * 99,
]


@pytest.mark.parametrize("text", EVIL)
def test_hostile_text_is_escaped(text):
    """The card is well-formed and has only the expected elements, for any exception."""
    for error in (CodeFailed(text, kind=text[:20], line=1), NoFigure(text)):
        root = ElementTree.fromstring(svg_card(error))
        names = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert names <= {"svg", "title", "rect", "text"}
        assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]


def test_message_names_value_and_place():
    """It has the kind and the line, and the message in lines that fit."""
    card = svg_card(CodeFailed("word " * 60, kind="ValueError", line=12)).decode()
    assert "ValueError in line 12" in card
    assert card.count("<text") > 4
    assert "no figure" in svg_card(NoFigure("It drew none.")).decode()


def test_a_long_message_is_cut():
    """A million characters give a card of a dozen lines."""
    card = svg_card(CodeFailed("x" * 10**6, kind="E" * 10**6))
    assert len(card) < 5_000
    assert "…" in card.decode()
