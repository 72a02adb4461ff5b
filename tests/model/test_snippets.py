"""What is copied from a page means the same where it is pasted."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import mistune
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.model.figures import validate_single_line
from jupyter_figserve.model.snippets import Snippets, image_url

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


def _snippets(words: str, page: str = PAGE, **size: int) -> Snippets:
    return Snippets(page, f"{page}.png", words, words, **size)


MARKDOWN = mistune.create_markdown(escape=False, plugins=["strikethrough", "table", "url", "math"])


class Tags(HTMLParser):
    """The tags, with their attributes, and all text between."""

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


@pytest.mark.parametrize("words", EVIL)
def test_html_is_one_picture_in_one_link(words: str):
    """Whatever the words, there are these two tags, with the words as the alternative text."""
    parsed = Tags(_snippets(words, width=640, height=480).html)
    assert parsed.tags == [
        ("a", {"href": PAGE}),
        ("img", {"src": f"{PAGE}.png", "alt": words, "width": "640", "height": "480"}),
    ]
    assert parsed.text == ""


@pytest.mark.parametrize("words", EVIL)
def test_iframe_is_one_frame(words: str):
    """Of the embedding page, as large as the picture, else 640 by 480."""
    [(tag, attributes)] = Tags(_snippets(words, width=300, height=200).iframe).tags
    assert tag == "iframe"
    assert attributes["src"] == f"{PAGE}/embed"
    assert (attributes["title"], attributes["width"], attributes["height"]) == (words, "300", "200")
    assert 'width="640" height="480"' in _snippets(words).iframe


def _assert_markdown(words: str, page: str = PAGE) -> None:
    text = _snippets(words, page).markdown
    assert "\n" not in text
    parsed = Tags(MARKDOWN(text))
    assert [tag for tag, _ in parsed.tags] == ["p", "a", "img"]
    assert parsed.tags[1][1] == {"href": page}
    assert parsed.tags[2][1] == {"src": f"{page}.png", "alt": words}
    assert parsed.text.strip() == ""


@pytest.mark.parametrize("words", EVIL)
def test_markdown_is_one_picture_in_one_link(words: str):
    """Read by another's parser it gives the words back as the alternative text, and nothing else."""
    _assert_markdown(words)


@given(st.text(alphabet=st.sampled_from(r"ab \[]()*_`<>!#&;\"'~$|{}-+=.:/"), max_size=40))
def test_markdown_of_any_words(words: str):
    """The same over random punctuation, where the words are words as the store keeps them."""
    _assert_markdown(validate_single_line(words, "alt", 100))


def test_markdown_of_an_address_with_parentheses():
    """Parentheses in a base URL do not end the destination."""
    _assert_markdown("words", "https://example.org/a(b/f/token")


@pytest.mark.parametrize("words", EVIL)
def test_latex_is_balanced_and_holds_no_command_of_the_words(words: str):
    """Every special character of the words is spelled out, so that braces balance and no command begins."""
    lines = _snippets(words).latex.splitlines()
    [caption] = [line for line in lines if line.lstrip().startswith(r"\caption")]
    bare = re.sub(r"\\[{}#$%&_]", "", caption)
    assert bare.count("{") == bare.count("}")
    commands = set(re.findall(r"\\[A-Za-z]+", bare))
    assert commands <= {r"\caption", r"\href", r"\textbackslash", r"\textasciitilde", r"\textasciicircum"}
    assert not re.search(r"[#$%&_~^]", re.sub(r"\\href\{[^}]*\}", "", bare))


def test_latex_reads_back_as_the_words():
    """Undoing each escape gives the words."""
    words = "50 % of {a_b} ~ ^ # & $ \\ end"
    latex = _snippets(words).latex
    inside = latex.split(r"\caption{")[1].split(r" (\href")[0]
    undone = re.sub(
        r"\\text(backslash|asciitilde|asciicircum)\{\}|\\(.)",
        lambda m: {"backslash": "\\", "asciitilde": "~", "asciicircum": "^"}.get(m[1], m[2]),
        inside,
    )
    assert undone == words


def test_latex_names_the_file_to_save():
    """LaTeX reads no URL: the first line says what to save under the name that it includes."""
    latex = Snippets(PAGE, f"{PAGE}.pdf?width=300", "t", "a").latex
    assert latex.splitlines()[0] == f"% save {PAGE}.pdf?width=300 as figure.pdf"
    assert r"\includegraphics[width=\linewidth]{figure.pdf}" in latex
    assert r"\href{https://example.org/user/a\%40b/" in latex


@given(st.integers(1, 99_999), st.none() | st.floats(10, 1200))
def test_image_url_has_the_sizes_that_are_given(width: int, dpi: float | None):
    """As a query; a size that is not given is not there."""
    parts = urlsplit(image_url(PAGE, "png", width=width, height=None, dpi=dpi))
    query = parse_qs(parts.query)
    assert parts.path.endswith("/Tok-en_x.png")
    assert float(query["width"][0]) == width
    assert "height" not in query
    assert ("dpi" in query) is (dpi is not None)
    assert image_url(PAGE, "svg") == f"{PAGE}.svg"


def test_json_has_each_form():
    """Under the names that the interface promises."""
    snippets = _snippets("words")
    assert snippets.as_json() == {
        "url": PAGE,
        "markdown": snippets.markdown,
        "html": snippets.html,
        "iframe": snippets.iframe,
        "latex": snippets.latex,
    }
