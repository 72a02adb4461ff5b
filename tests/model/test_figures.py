"""Ids, digests, and the values that describe a figure."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from jupyter_figserve.errors import UnsupportedType
from jupyter_figserve.model.figures import (
    MAX_VECTOR_BYTES,
    EncodedImage,
    FigureRecord,
    Identity,
    Representation,
    Source,
    Version,
    is_id,
    new_id,
    sha256_hex,
)
from jupyter_figserve.model.formats import FORMATS


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


def test_image_is_described():
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
