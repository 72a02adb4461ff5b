"""Images of a Markdown text, found without rendering it. Any process."""

from __future__ import annotations

import re

from .html.content import HtmlImage, parse_html

_IMAGE = re.compile(r"!\[([^\[\]]{0,1000})\]\(\s{0,9}<?([^\s()<>]+)")
_CODE = re.compile(r"^(```|~~~).*?(?:^\1|\Z)|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def find_markdown_images(text: str) -> list[HtmlImage]:
    """Return the images of a text with their alternative texts: those of Markdown, then those of HTML in it."""
    text = _CODE.sub("", text)
    return [HtmlImage(source, alt.strip()) for alt, source in _IMAGE.findall(text)] + parse_html(text).images
