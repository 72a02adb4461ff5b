"""Texts with a few tags of HTML in them, such as the titles of plotting libraries. Any process."""

from __future__ import annotations

import html
import re

_TAG = re.compile(r"<[^<>]{1,200}>")


def strip_markup(text: str) -> str:
    """Return a text without tags and entities, on one line."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())
