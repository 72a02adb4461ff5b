"""The image of a display message: found, checked, or refused, whatever a kernel sends."""

from __future__ import annotations

import base64

import pytest

from jupyter_figserve.errors import FigServeError
from jupyter_figserve.model.figures import MARKER
from jupyter_figserve.server.services.sessions.display_messages import (
    find_display_id,
    find_execution_count,
    find_image,
    find_mark,
)

from ...pictures import HTML, JPG, PDF, SVG, WEBP, png, png_header

MAX_BYTES, MAX_PIXELS = 100_000, 1_000_000


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def content(**data: object) -> dict[str, object]:
    names = {"png": "image/png", "svg": "image/svg+xml", "jpg": "image/jpeg", "webp": "image/webp"}
    return {"data": {names.get(name, name): value for name, value in data.items()}, "metadata": {}}


@pytest.mark.parametrize(
    ("shown", "mimetype", "data"),
    [
        (content(png=encoded(png())), "image/png", png()),
        (content(png=base64.encodebytes(png()).decode()), "image/png", png()),
        (content(svg=SVG.decode()), "image/svg+xml", SVG),
        (content(jpg=encoded(JPG)), "image/jpeg", JPG),
        (content(webp=encoded(WEBP)), "image/webp", WEBP),
        (content(svg=SVG.decode(), png=encoded(png())), "image/png", png()),
        ({"data": {"text/plain": "x", "image/png": encoded(png())}}, "image/png", png()),
    ],
)
def test_pictures_are_found(shown, mimetype, data):
    """PNG, SVG, JPEG and WebP; a PNG takes precedence; base64 may have line breaks."""
    found = find_image(shown, MAX_BYTES, MAX_PIXELS)
    assert (found.mimetype, found.data) == (mimetype, data)


@pytest.mark.parametrize(
    "shown",
    [
        {}, {"data": {}}, {"data": None}, {"data": []}, {"data": "image/png"}, None, [], "x", 3,
        {"data": {"text/html": HTML.decode(), "application/pdf": encoded(PDF), "text/plain": "<svg/>"}},
        {"data": {"image/gif": "R0lGODlhAQABAAAAACw="}},
    ],
)  # fmt: skip
def test_what_shows_no_picture_is_none(shown):
    """Text, HTML, other types, and contents of the wrong shape."""
    assert find_image(shown, MAX_BYTES, MAX_PIXELS) is None


@pytest.mark.parametrize(
    "shown",
    [
        content(png="not base64!"), content(png=encoded(png())[:-3]), content(png="*" + encoded(png())),
        content(png=""), content(png=None),
        content(png=3), content(png=[encoded(png())]), content(png={"a": 1}), content(png="ü"),
        content(png=encoded(b"<script>")), content(png=encoded(SVG)), content(png=encoded(png()[:-4])),
        content(jpg=encoded(png())), content(svg=HTML.decode()), content(svg=encoded(png())),
        content(svg="\ud800<svg/>"),
        content(svg="<!DOCTYPE svg [<!ENTITY a 'b'>]><svg>&a;</svg>"), content(svg=b"<svg/>"),
        content(png=encoded(png_header(10_000, 10_000))), content(png=encoded(png() + b"x" * MAX_BYTES)),
        content(svg="<svg>" + "x" * MAX_BYTES), content(svg="<svg>" + "ü" * (MAX_BYTES - 100)),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(shown):
    """Broken base64, wrong types, entities, compression bombs and too large images."""
    with pytest.raises(FigServeError):
        find_image(shown, MAX_BYTES, MAX_PIXELS)


def test_what_is_too_large_is_not_decoded(monkeypatch):
    """The length of the text suffices."""
    monkeypatch.delattr("jupyter_figserve.server.services.sessions.display_messages.binascii")
    with pytest.raises(FigServeError, match="more than 100,000 bytes"):
        find_image(content(png="A" * 10 * MAX_BYTES), MAX_BYTES, MAX_PIXELS)


@pytest.mark.parametrize(
    ("shown", "mark"),
    [
        ({"metadata": {MARKER: {"mark": "abc"}}}, "abc"),
        ({"metadata": {MARKER: {"figure": "x"}}}, ""),
        ({"metadata": {MARKER: None}}, ""),
        ({"metadata": {MARKER: {"mark": 3}}}, ""),
        ({"metadata": {MARKER: {"mark": "x" * 1_000}}}, ""),
        ({"metadata": {}}, None),
        ({"metadata": "x"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_our_own_displays_are_known(shown, mark):
    """By their metadata; a mark is a short text."""
    assert find_mark(shown) == mark


@pytest.mark.parametrize(
    ("shown", "display_id"),
    [({"transient": {"display_id": "a"}}, "a")]
    + [({"transient": value}, None) for value in ({}, None, [], {"display_id": 3}, {"display_id": "x" * 1_000})],
)
def test_display_ids_are_short_text(shown, display_id):
    """Other values are ignored."""
    assert find_display_id(shown) == display_id


@pytest.mark.parametrize(
    ("count", "found"), [(3, 3), (0, 0), (-1, None), (True, None), ("3", None), (3.0, None), (None, None), (1e9, None)]
)
def test_counts_are_whole_numbers(count, found):
    """Other values are ignored."""
    assert find_execution_count({"execution_count": count}) == found
