"""Images and text laid out as PDF pages: complete text, images at their own resolution, rcParams unchanged."""

from __future__ import annotations

import io
import re

import matplotlib

from jupyter_figserve.plotting.encode import encode
from jupyter_figserve.plotting.pdf_layout import Page, PageCell, TextBlock, write_pdf

from ..conftest import require_package
from ..example_figures import line


def read(data: bytes):
    return require_package("pypdf").PdfReader(io.BytesIO(data))


def test_a_page_for_each_sheet():
    """Each has its title and text, including non-Latin characters; equal pages are equal bytes."""
    text = "$5 and $x^2$ ελληνικά 日本"
    pages = [Page(f"Title {n}", (PageCell(1, None, (TextBlock("text", text),)),), f"{n} of 2") for n in (1, 2)]
    data = write_pdf(pages, "Both")
    found = read(data).pages
    assert len(found) == 2
    assert f"Title 1\n1 of 2\n{text}" in found[0].extract_text()
    assert write_pdf(pages, "Both") == data


def test_an_image_keeps_its_pixels():
    """It is scaled into its place, and not resampled."""
    content = encode(line(), ("png",), dpi=200).images[0]
    (image,) = read(write_pdf([Page("One", (PageCell(1, content.data),))], "One")).pages[0].images
    assert image.image.size == (content.width, content.height)


def test_long_words_are_broken_and_long_texts_truncated():
    """No line is wider than its place, and text that does not fit on a page is left out."""
    cell = PageCell(1, None, (TextBlock("text", "x" * 500),))
    lines = read(write_pdf([Page("One", (cell, cell))], "One")).pages[0].extract_text().split("\n")
    assert {len(found) for found in lines if re.fullmatch("x+", found)} - {0}
    assert max(map(len, lines)) < 120
    endless = PageCell(1, None, (TextBlock("text", "word " * 20_000),))
    assert len(read(write_pdf([Page("One", (endless,))], "One")).pages) == 1


def test_the_users_parameters_stay():
    """The user's style neither affects the pages nor is changed by them."""
    pages = [Page("One", (PageCell(1, None, (TextBlock("heading", "Words"),)),))]
    plain = write_pdf(pages, "One")
    with matplotlib.rc_context({"font.size": 30, "text.color": "red", "savefig.facecolor": "black"}):
        assert write_pdf(pages, "One") == plain
        assert matplotlib.rcParams["font.size"] == 30
