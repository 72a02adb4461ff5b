"""Images of Markdown texts."""

from __future__ import annotations

from jupyter_figserve.model.html.content import HtmlImage
from jupyter_figserve.model.markdown_images import find_markdown_images


def test_images_are_found():
    """Those of Markdown and of HTML, with their alternative texts; not those in code."""
    text = (
        '![Bears](a.png "Title") and <img src="b.png" alt="Deer">\n`![x](c.png)`\n\n```\n![x](d.png)\n```\n![](<e.png>)'
    )
    assert find_markdown_images(text) == [
        HtmlImage("a.png", "Bears"),
        HtmlImage("e.png"),
        HtmlImage("b.png", "Deer"),
    ]
    assert find_markdown_images("Words and [a link](x.png)") == []
