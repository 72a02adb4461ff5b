"""Figure names, single-line text, ids, digests, and the values that describe a figure."""

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


def test_ids():
    """16 letters and digits, unique."""
    made = {new_id() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(is_id(text) for text in made)


@pytest.mark.parametrize(
    "text", ["", "a" * 15, "a" * 17, "a" * 16 + "\n", "../../../../../x", "é" * 16, "a" * 15 + "_"]
)
def test_invalid_ids(text: str):
    """An id is safe in a path and in a file name."""
    assert not is_id(text)


def test_digest_is_sha256():
    """In hexadecimal, as ``sha256sum`` prints it."""
    assert sha256_hex(b"x") == hashlib.sha256(b"x").hexdigest()


def _version(**changes) -> Version:
    main = Representation("image/png", "d1", 10, 640, 480, 100.0)
    return replace(Version(1, 5.0, "k", "Title", "Alt", (main,)), **changes)


def test_payload_is_described():
    """A representation holds the digest and the size of its bytes."""
    assert EncodedImage("image/png", b"abc", 1, 2, 3.0).to_representation() == Representation(
        "image/png", sha256_hex(b"abc"), 3, 1, 2, 3.0
    )


def test_representation_has_a_known_format():
    """The mimetype selects the format; an unknown mimetype is an error."""
    assert Representation("image/png", "d", 1).format is FORMATS["png"]
    with pytest.raises(UnsupportedType):
        _ = Representation("image/bmp", "d", 1).format


def test_size_of_a_version_includes_all_parts():
    """The thumbnail and the source count too."""
    thumbnail, source = Representation("image/png", "d2", 5), Source("figure", "d3", 100)
    version = _version(thumbnail=thumbnail, source=source)
    assert version.size == 115
    assert version.parts == [*version.representations, thumbnail, source]


def test_find_representation():
    """By format; None when the version does not have it."""
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
    ("vector", "is_vector_used"),
    [
        (Representation("image/svg+xml", "s", 90, 614, 461), True),
        (Representation("image/svg+xml", "s", MAX_VECTOR_BYTES + 1, 614, 461), False),
        (Representation("image/svg+xml", "s", 90, 500, 461), False),
        (Representation("image/svg+xml", "s", 90), False),
        (Representation("application/pdf", "s", 90, 614, 461), False),
    ],
)
def test_hidpi_screens_get_a_vector_image(vector: Representation, is_vector_used: bool):
    """Instead of the PNG, when it shows the same image and is small."""
    version = _version()
    both = replace(version, representations=(*version.representations, vector))
    assert both.hidpi == (vector if is_vector_used else None)
    assert version.hidpi is None
    assert replace(version, representations=(vector,)).hidpi is None


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
def test_versions_with_equal_content(changes, same: bool):
    """Bytes and metadata are compared; author and time are not."""
    assert _version().is_duplicate_of(_version(**changes)) is same


def test_heading_and_alternative_text():
    """The heading is the title or the name; the alternative text is never empty."""
    record = FigureRecord("i", Identity("ann", "/s", "n", "", "sales"), "published", 1.0, 1.0, _version())
    bare = replace(record, version=_version(title="", alt=""))
    assert (record.heading, record.alt) == ("Title", "Alt")
    assert (bare.heading, bare.alt) == ("sales", "sales")
    assert (record.name, record.owner) == ("sales", "ann")
