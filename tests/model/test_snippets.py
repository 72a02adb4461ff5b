"""Snippets that users copy keep their meaning in HTML, Markdown and LaTeX."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import mistune
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.snippets import Snippets, image_url
from jupyter_figserve.model.texts import validate_single_line

PAGE = "https://example.org/user/a%40b/figserve/f/Tok-en_x"
EVIL = [
    "plain words",
    "a ] ( b ) [c](http://evil) ![d](http://evil)",
    '<script>alert("1")</script>',
    '"><img src=x onerror=alert(1)>',
    "' onclick='alert(1)",
    "`code` *em* __strong__ ~~gone~~ $x_1$ | cell |",
    "back\\slash \\] end\\",
    "&amp; &lt;b&gt; &#60;",
    "# not a heading",
    "50 % of {braces} ~ ^ # & _ $ \\",
    "https://evil.example and www.evil.example",
    "naïve 売上 \u202e",
]


def _snippets(text: str, page: str = PAGE, **size: int) -> Snippets:
    return Snippets(page, f"{page}.png", text, text, **size)


MARKDOWN = mistune.create_markdown(escape=False, plugins=["strikethrough", "table", "url", "math"])


class Tags(HTMLParser):
    """The tags of a document with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        self.text += data


@pytest.mark.parametrize("text", EVIL)
def test_html_is_one_image_in_one_link(text: str):
    """For any text there are exactly these two tags, with the text as alternative text."""
    parsed = Tags(_snippets(text, width=640, height=480).html)
    assert parsed.tags == [
        ("a", {"href": PAGE}),
        ("img", {"src": f"{PAGE}.png", "alt": text, "width": "640", "height": "480"}),
    ]
    assert parsed.text == ""


@pytest.mark.parametrize("text", EVIL)
def test_iframe_is_one_frame(text: str):
    """It shows the embedding page in the image's size, by default 640 by 480."""
    [(tag, attributes)] = Tags(_snippets(text, width=300, height=200).iframe).tags
    assert tag == "iframe"
    assert attributes["src"] == f"{PAGE}/embed"
    assert (attributes["title"], attributes["width"], attributes["height"]) == (text, "300", "200")
    assert 'width="640" height="480"' in _snippets(text).iframe


def _assert_markdown(text: str, page: str = PAGE) -> None:
    markdown = _snippets(text, page).markdown
    assert "\n" not in markdown
    parsed = Tags(MARKDOWN(markdown))
    assert [tag for tag, _ in parsed.tags] == ["p", "a", "img"]
    assert parsed.tags[1][1] == {"href": page}
    assert parsed.tags[2][1] == {"src": f"{page}.png", "alt": text}
    assert parsed.text.strip() == ""


@pytest.mark.parametrize("text", EVIL)
def test_markdown_is_one_image_in_one_link(text: str):
    """An independent parser finds the text as alternative text, and nothing else."""
    _assert_markdown(text)


@given(st.text(alphabet=st.sampled_from(r"ab \[]()*_`<>!#&;\"'~$|{}-+=.:/"), max_size=40))
def test_markdown_of_any_text(text: str):
    """The same for random punctuation, in text that the store accepts."""
    _assert_markdown(validate_single_line(text, "alt", 100))


def test_markdown_of_an_address_with_parentheses():
    """Parentheses in a base URL do not end the link's destination."""
    _assert_markdown("words", "https://example.org/a(b/f/token")


@pytest.mark.parametrize("text", EVIL)
def test_latex_is_balanced_and_escapes_the_text(text: str):
    """Every special character is escaped, so that braces balance and the text contains no command."""
    lines = _snippets(text).latex.splitlines()
    [caption] = [line for line in lines if line.lstrip().startswith(r"\caption")]
    bare = re.sub(r"\\[{}#$%&_]", "", caption)
    assert bare.count("{") == bare.count("}")
    commands = set(re.findall(r"\\[A-Za-z]+", bare))
    assert commands <= {r"\caption", r"\href", r"\textbackslash", r"\textasciitilde", r"\textasciicircum"}
    assert not re.search(r"[#$%&_~^]", re.sub(r"\\href\{[^}]*\}", "", bare))


def test_latex_can_be_unescaped():
    """Undoing each escape yields the text."""
    text = "50 % of {a_b} ~ ^ # & $ \\ end"
    latex = _snippets(text).latex
    inside = latex.split(r"\caption{")[1].split(r" (\href")[0]
    undone = re.sub(
        r"\\text(backslash|asciitilde|asciicircum)\{\}|\\(.)",
        lambda m: {"backslash": "\\", "asciitilde": "~", "asciicircum": "^"}.get(m[1], m[2]),
        inside,
    )
    assert undone == text


def test_latex_names_the_file_to_save():
    """LaTeX cannot load URLs: the first line says which file to save under the included name."""
    latex = Snippets(PAGE, f"{PAGE}.pdf?width=300", "t", "a").latex
    assert latex.splitlines()[0] == f"% save {PAGE}.pdf?width=300 as figure.pdf"
    assert r"\includegraphics[width=\linewidth]{figure.pdf}" in latex
    assert r"\href{https://example.org/user/a\%40b/" in latex


@given(st.integers(1, 99_999), st.none() | st.floats(10, 1200))
def test_image_url_has_the_given_size(width: int, dpi: float | None):
    """Sizes are query parameters; an absent size is omitted."""
    parts = urlsplit(image_url(PAGE, "png", width=width, height=None, dpi=dpi))
    query = parse_qs(parts.query)
    assert parts.path.endswith("/Tok-en_x.png")
    assert float(query["width"][0]) == width
    assert "height" not in query
    assert ("dpi" in query) is (dpi is not None)
    assert image_url(PAGE, "svg") == f"{PAGE}.svg"


@pytest.mark.parametrize("size", ["x", 0, -1, float("nan"), float("inf"), True, [1]])
def test_image_url_refuses_what_is_no_size(size: Any):
    """With a sentence, as everywhere in a notebook."""
    with pytest.raises(InvalidInput, match=r"Invalid width .* Use a positive"):
        image_url(PAGE, "png", width=size)


def test_large_sizes_are_written_in_full():
    """No exponent, which a server does not read as a whole number."""
    assert image_url(PAGE, "png", width=12_345_678, dpi=72.5).endswith("?width=12345678&dpi=72.5")
    assert image_url(PAGE, "png", width=np.int64(300), dpi=np.float32(72)).endswith("?width=300&dpi=72")


def test_json_has_each_form():
    """Under the documented field names."""
    snippets = _snippets("words")
    assert snippets.as_json() == {
        "url": PAGE,
        "markdown": snippets.markdown,
        "html": snippets.html,
        "iframe": snippets.iframe,
        "latex": snippets.latex,
    }
