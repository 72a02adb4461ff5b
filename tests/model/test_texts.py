"""Figure names and single-line text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_figserve.errors import InvalidInput, InvalidName
from jupyter_figserve.model.texts import check_name, slug, validate_single_line


@pytest.mark.parametrize("name", ["a", "7", "_x", "Sales 2024.v2-final_1", "é", "売上", "x" * 100, "console", "com10"])
def test_names_in_the_grammar(name: str):
    """Letters and digits of any script, followed by these or spaces, dots, hyphens and underscores."""
    assert check_name(name) == name


def test_name_comes_back_in_nfc():
    """The two encodings of é are one name."""
    assert check_name("cafe\u0301") == "caf\u00e9"


@pytest.mark.parametrize(
    "name",
    ["", " a", ".", "..", ".hidden", "-rf", "../x", "a/b", "a\\b", "a\n", "a\nb", "a\x00", "a\tb", "a:b", "%2e%2e"]
    + ["x" * 101, "\u2024\u2024/x", "a\u2044b", "a\u2215b", "a\uff0fb", "a\u202eb", "a\u200bb", "<b>", "a\ud800"]
    + [None, 7, b"a", ["a"]],
)
def test_names_outside_the_grammar(name):
    """Paths, control characters, look-alikes of slashes and dots, and values that are not strings are rejected."""
    with pytest.raises(InvalidName, match="cannot be a figure's name"):
        check_name(name)


@pytest.mark.parametrize("name", ["con", "CON", "Nul", "aux.png", "COM1", "lpt9.tar.gz", "prn.", "com\u00b9"])
def test_names_of_devices(name: str):
    """A download must not open a device on Windows."""
    with pytest.raises(InvalidName):
        check_name(name)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Sales by month", "Sales-by-month"),
        ("  Sales: 50 % (net) ", "Sales-50-net"),
        ("α/β", "α-β"),
        ("../../etc/passwd", "etc-passwd"),
        ("$\\alpha$", "alpha"),
        ("a -- b", "a-b"),
        ("x" * 200, "x" * 100),
        ("con", None),
        ("???", None),
        ("", None),
        ("-.-", None),
    ],
)
def test_slugs(title: str, name: str | None):
    """The parts of a title that are allowed in a name, joined by hyphens."""
    assert slug(title) == name


@given(st.text(max_size=150) | st.text(alphabet="a.-_ :/\u0301é\u1112\u1161\u11ab", max_size=150))
@example("con.")
@example("a" * 99 + "e\u0301")
@example("a" * 99 + " . -")
def test_slug_is_always_a_name(title: str):
    """Every slug passes ``check_name`` unchanged, and slugs are idempotent."""
    made = slug(title)
    if made is not None:
        assert check_name(made) == made
        assert slug(made) == made


@given(st.text(max_size=120))
def test_checked_names_are_stable(name: str):
    """A valid name is still valid in NFC and on one line."""
    try:
        checked = check_name(name)
    except InvalidName:
        return
    assert check_name(checked) == checked == unicodedata.normalize("NFC", name)
    assert len(checked.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, ""),
        ("", ""),
        ("  Sales\r\n by\tmonth ", "Sales by month"),
        ("a\u2028b\u2029c", "a b c"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("\u202eabc", "\u202eabc"),
        ("x" * 300, "x" * 300),
    ],
)
def test_single_line_text(text, line: str):
    """White space becomes single spaces; markup and direction marks are ordinary text."""
    assert validate_single_line(text, "title", 300) == line


@pytest.mark.parametrize("text", ["x" * 301, "a\x00b", "a\x1bb", "a\x85b", "\ud800", 7, b"x", ["x"]])
def test_other_text_is_rejected(text):
    """Control characters, lone surrogates, other types and text that is too long; the message names the field."""
    with pytest.raises(InvalidInput, match="title"):
        validate_single_line(text, "title", 300)


@given(st.text(max_size=60))
def test_text_is_one_line(text: str):
    """Accepted text cannot break a header or a log line."""
    try:
        line = validate_single_line(text, "title", 300)
    except InvalidInput:
        return
    assert len(line.splitlines()) <= 1
    assert validate_single_line(line, "title", 300) == line


def test_a_long_name_is_cut_in_the_message():
    """Its quotation marks stay."""
    with pytest.raises(InvalidName, match=f"^'{'n' * 59}…' cannot be"):
        check_name("n" * 200)
