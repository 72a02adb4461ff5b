"""Writes an export as PDF: a page per row, with the images of the default values. Kernel."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

from ...model import dashboards
from ...model.markdown import render_markdown
from .document import ExportDocument, ExportPanel, label_of, value_text

if TYPE_CHECKING:
    from ...plotting.pdf_layout import PageCell, TextBlock

_KINDS = {"h1": "heading", "h2": "heading", "h3": "heading", "h4": "heading", "h5": "heading", "h6": "heading",
          "p": "text", "li": "item", "pre": "code", "tr": "text"}  # fmt: skip


def write_pdf_export(document: ExportDocument) -> bytes:
    """Return a PDF with a page per row of the dashboard."""
    from ...plotting.pdf_layout import Page, write_pdf

    count = len(document.rows)
    pages = [
        Page(document.title, tuple(_cell(document, one) for one in row), f"{number} of {count}" if count > 1 else "")
        for number, row in enumerate(document.rows, 1)
    ]
    return write_pdf(pages, document.title)


def _cell(document: ExportDocument, exported: ExportPanel) -> PageCell:
    from ...plotting.pdf_layout import PageCell, TextBlock

    panel = exported.panel
    if panel.kind == dashboards.TEXT:
        return PageCell(panel.share, None, tuple(_text_blocks(panel.markdown)))
    image = document.find_image(exported.first)
    blocks = [] if image else [TextBlock("text", exported.first.message)]
    if panel.caption:
        blocks.append(TextBlock("caption", panel.caption))
    if panel.parameters.items:
        values = ", ".join(f"{label_of(item)}: {value_text(item.default)}" for item in panel.parameters.items)
        blocks.append(TextBlock("quiet", values))
    return PageCell(panel.share, image.data if image else None, tuple(blocks))


def _text_blocks(markdown: str) -> list[TextBlock]:
    """Convert Markdown to paragraphs without markup."""
    parser = _Blocks()
    parser.feed(render_markdown(markdown))
    parser.close()
    return [block for block in parser.found if block.text.strip()]


class _Blocks(HTMLParser):
    """Parses the HTML that ``render_markdown`` produces; not a general HTML parser."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[TextBlock] = []
        self._lists: list[int | None] = []
        self._is_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("ul", "ol"):
            self._lists.append(None if tag == "ul" else int(dict(attrs).get("start") or 1))
        elif tag == "br":
            self._add("\n")
        elif tag in ("td", "th") and self.found and self.found[-1].text:
            self._add("   ")
        # In a loose list, the paragraph belongs to the item.
        elif tag in _KINDS and not (tag == "p" and self.found and self.found[-1].text in self._marks()):
            self._begin(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            self._lists.pop()
        if tag == "pre":
            self._is_code = False
        if tag in _KINDS and tag != "p":
            self._begin("p")

    def handle_data(self, data: str) -> None:
        self._add(data if self._is_code else " ".join(data.split("\n")) if data.strip() else " ")

    def _marks(self) -> set[str]:
        """Return the marker of the current list item."""
        if not self._lists:
            return set()
        number = self._lists[-1]
        return {"  " * (len(self._lists) - 1) + ("• " if number is None else f"{number - 1}. ")}

    def _begin(self, tag: str) -> None:
        from ...plotting.pdf_layout import TextBlock

        self._is_code = tag == "pre"
        text = ""
        if tag == "li" and self._lists:
            number = self._lists[-1]
            if number is not None:
                self._lists[-1] = number + 1
            text = next(iter(self._marks()))
        self.found.append(TextBlock(_KINDS[tag], text))

    def _add(self, text: str) -> None:
        from ...plotting.pdf_layout import TextBlock

        if not self.found:
            self.found.append(TextBlock("text", ""))
        last = self.found[-1]
        if text.strip() or (last.text and last.text.strip()):
            self.found[-1] = TextBlock(last.kind, last.text + text)
