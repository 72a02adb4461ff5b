"""Names, words, ids, digests and the values that a figure is made of."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_figserve.errors import InvalidInput, InvalidName, UnsupportedType
from jupyter_figserve.model.figures import (
    MAX_VECTOR_BYTES,
    EncodedImage,
    FigureRecord,
    Identity,
    Representation,
    Source,
    Version,
    check_name,
    is_id,
    new_id,
    sha256_hex,
    slug,
    validate_single_line,
)
from jupyter_figserve.model.formats import FORMATS


@pytest.mark.parametrize("name", ["a", "7", "_x", "Sales 2024.v2-final_1", "é", "売上", "x" * 100, "console", "com10"])
def test_names_in_the_grammar(name: str):
    """Letters and digits of any script, then also spaces, dots, hyphens and underscores."""
    assert check_name(name) == name


def test_name_comes_back_in_nfc():
    """Two ways to write é are one name."""
    assert check_name("cafe\u0301") == "caf\u00e9"


@pytest.mark.parametrize(
    "name",
    ["", " a", ".", "..", ".hidden", "-rf", "../x", "a/b", "a\\b", "a\n", "a\nb", "a\x00", "a\tb", "a:b", "%2e%2e"]
    + ["x" * 101, "\u2024\u2024/x", "a\u2044b", "a\u2215b", "a\uff0fb", "a\u202eb", "a\u200bb", "<b>", "a\ud800"]
    + [None, 7, b"a", ["a"]],
)
def test_names_outside_the_grammar(name):
    """No path, no control, no look-alike of a slash or a dot, nothing that is no string."""
    with pytest.raises(InvalidName, match="cannot be a figure's name"):
        check_name(name)


@pytest.mark.parametrize("name", ["con", "CON", "Nul", "aux.png", "COM1", "lpt9.tar.gz", "prn."])
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
    """What of a title can stand in a name, joined by hyphens."""
    assert slug(title) == name


@given(st.text(max_size=150) | st.text(alphabet="a.-_ :/\u0301é\u1112\u1161\u11ab", max_size=150))
@example("con.")
@example("a" * 99 + "e\u0301")
@example("a" * 99 + " . -")
def test_slug_is_always_a_name(title: str):
    """Every slug passes ``check_name`` unchanged, and a slug's slug is itself."""
    made = slug(title)
    if made is not None:
        assert check_name(made) == made
        assert slug(made) == made


@given(st.text(max_size=120))
def test_checked_names_are_stable(name: str):
    """A name that passed passes again as it is, in NFC and on one line."""
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
def test_words(text, line: str):
    """White space becomes single spaces; markup and direction marks are words like others."""
    assert validate_single_line(text, "title", 300) == line


@pytest.mark.parametrize("text", ["x" * 301, "a\x00b", "a\x1bb", "a\x85b", "\ud800", 7, b"x", ["x"]])
def test_other_words_are_refused(text):
    """Control characters, halves of characters, other types, and too many; the message names the field."""
    with pytest.raises(InvalidInput, match="title"):
        validate_single_line(text, "title", 300)


@given(st.text(max_size=60))
def test_words_are_one_line(text: str):
    """Nothing that passes can break a header or a line of a log."""
    try:
        line = validate_single_line(text, "title", 300)
    except InvalidInput:
        return
    assert len(line.splitlines()) <= 1
    assert validate_single_line(line, "title", 300) == line


def test_ids():
    """16 letters and digits, never the same twice."""
    made = {new_id() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(is_id(text) for text in made)


@pytest.mark.parametrize(
    "text", ["", "a" * 15, "a" * 17, "a" * 16 + "\n", "../../../../../x", "é" * 16, "a" * 15 + "_"]
)
def test_other_ids(text: str):
    """An id can stand in a path and in a file name as it is."""
    assert not is_id(text)


def test_digest_is_sha256():
    """In hexadecimal, as ``sha256sum`` prints it."""
    assert sha256_hex(b"x") == hashlib.sha256(b"x").hexdigest()


def _version(**changes) -> Version:
    main = Representation("image/png", "d1", 10, 640, 480, 100.0)
    return replace(Version(1, 5.0, "k", "Title", "Alt", (main,)), **changes)


def test_payload_is_described():
    """A representation knows the bytes by digest and size."""
    assert EncodedImage("image/png", b"abc", 1, 2, 3.0).to_representation() == Representation(
        "image/png", sha256_hex(b"abc"), 3, 1, 2, 3.0
    )


def test_representation_has_a_row_of_the_table():
    """By its mimetype; a mimetype outside the table is an error."""
    assert Representation("image/png", "d", 1).format is FORMATS["png"]
    with pytest.raises(UnsupportedType):
        _ = Representation("image/gif", "d", 1).format


def test_size_of_a_version_counts_all_parts():
    """Thumbnail and source take room too."""
    thumbnail, source = Representation("image/png", "d2", 5), Source("figure", "d3", 100)
    version = _version(thumbnail=thumbnail, source=source)
    assert version.size == 115
    assert version.parts == [*version.representations, thumbnail, source]


def test_find_representation():
    """By format, None when the version has none of it."""
    assert _version().find_representation(FORMATS["png"]).digest == "d1"
    assert _version().find_representation(FORMATS["svg"]) is None


@pytest.mark.parametrize(
    ("mimetypes", "thumbnail", "shown"),
    [
        (["image/svg+xml", "image/png"], True, "image/svg+xml"),
        (["application/pdf", "image/jpeg"], True, "image/jpeg"),
        (["text/html"], True, "thumbnail"),
        (["text/html"], False, None),
    ],
)
def test_image_for_an_img_element(mimetypes: list[str], thumbnail: bool, shown: str | None):
    """The main representation comes first, then the others, then the thumbnail; some figures have none of these."""
    parts = tuple(Representation(mimetype, mimetype, 1) for mimetype in mimetypes)
    small = Representation("image/png", "thumbnail", 1) if thumbnail else None
    image = _version(representations=parts, thumbnail=small).inline_image
    assert (image and image.digest) == shown


@pytest.mark.parametrize(
    ("drawn", "is_sharp"),
    [
        (Representation("image/svg+xml", "s", 90, 614, 461), True),
        (Representation("image/svg+xml", "s", MAX_VECTOR_BYTES + 1, 614, 461), False),
        (Representation("image/svg+xml", "s", 90, 500, 461), False),
        (Representation("image/svg+xml", "s", 90), False),
        (Representation("application/pdf", "s", 90, 614, 461), False),
    ],
)
def test_dense_screens_are_shown_a_drawing(drawn: Representation, is_sharp: bool):
    """In the place of the PNG, when it is the same picture and light."""
    version = _version()
    both = replace(version, representations=(*version.representations, drawn))
    assert both.vector == (drawn if is_sharp else None)
    assert version.vector is None
    assert replace(version, representations=(drawn,)).vector is None


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"number": 9, "created": 7.0, "session": "other"}, True),
        ({"thumbnail": Representation("image/png", "t", 1)}, True),
        ({"title": "Other"}, False),
        ({"alt": "Other"}, False),
        ({"representations": (Representation("image/png", "d9", 10),)}, False),
    ],
)
def test_versions_that_say_the_same(changes, same: bool):
    """Bytes and words decide; who made it and when does not."""
    assert _version().is_duplicate_of(_version(**changes)) is same


def test_heading_and_alternative_text():
    """The title, else the name; the alternative text is never empty."""
    record = FigureRecord("i", Identity("ann", "/s", "n", "", "sales"), "published", 1.0, 1.0, _version())
    bare = replace(record, version=_version(title="", alt=""))
    assert (record.heading, record.alt) == ("Title", "Alt")
    assert (bare.heading, bare.alt) == ("sales", "sales")
    assert (record.name, record.owner) == ("sales", "ann")
