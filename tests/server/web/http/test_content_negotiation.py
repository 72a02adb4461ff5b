"""The ``Accept`` header: which format is preferred."""

from __future__ import annotations

import pytest

from jupyter_figserve.server.web.http.content_negotiation import negotiate_formats, negotiate_page


@pytest.mark.parametrize(
    ("accept", "names"),
    [
        ("", []),
        ("text/html", []),
        ("*/*", ["png"]),
        ("image/*", ["png"]),
        ("image/svg+xml", ["svg"]),
        ("IMAGE/JPEG", ["jpg"]),
        ("image/png;q=0.1, application/pdf", ["pdf", "png"]),
        ("application/json, image/svg+xml;q=0.9", ["json", "svg"]),
        ("image/svg+xml;q=0, image/png;q=0.000", []),
        ("image/svg+xml;level=1;q=0.3,image/webp;q=0.7", ["webp", "svg"]),
        ("image/svg+xml;q=x, image/png;q=1.5, image/webp;q=", []),
        (",;=,;;q", []),
    ],
)
def test_by_weight_and_then_in_order(accept, names):
    """Malformed items and those with weight 0 are dropped; wildcards are PNG."""
    assert negotiate_formats(accept) == names


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"
IMAGE_ELEMENT = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "stored", "name"),
    [
        ("", ["png"], None),
        ("*/*", ["png"], None),
        ("text/html", ["png"], None),
        (BROWSER, ["png", "svg"], None),
        ("text/plain", ["png"], None),
        ("image/png;q=0", ["png"], None),
        (IMAGE_ELEMENT, ["png", "svg"], "png"),
        (IMAGE_ELEMENT, ["pdf", "svg"], "svg"),
        ("image/svg+xml", ["png"], "svg"),
        ("image/svg+xml", ["png", "svg"], "svg"),
        ("image/*", ["jpg", "png"], "jpg"),
        ("image/*", [], "png"),
        ("application/pdf;q=0.5, image/*;q=0.4", ["png"], "pdf"),
        ("application/json", ["png"], "json"),
        ("application/json, text/plain, */*", ["png"], None),
        ("text/html;q=0.2, application/json", ["png"], "json"),
        ("image/*, image/png;q=0", ["png", "svg"], "svg"),
    ],
)
def test_page_unless_something_else_is_preferred(accept, stored, name):
    """Navigation and ``*/*`` are for the page; images that are stored come before others that are as acceptable."""
    assert negotiate_page(accept, stored) == name


@pytest.mark.parametrize(
    ("accept", "own", "name"),
    [
        ("image/png,image/*;q=0.8", ["svg"], "svg"),
        (IMAGE_ELEMENT, ["svg"], "svg"),
        ("image/png", ["svg"], "png"),
        ("application/json, image/svg+xml;q=0.9", ["svg"], "json"),
        ("text/csv", ["json", "csv"], "csv"),
        ("application/json, text/csv;q=0.5", ["json", "csv"], "json"),
        ("text/csv, */*;q=0.1", ["json", "csv"], "csv"),
        ("image/webp", ["json", "csv"], "webp"),
        (BROWSER, ["json", "csv"], None),
        ("*/*", ["svg"], None),
    ],
)
def test_only_form_of_a_live_figure(accept, own, name):
    """The function's own format if acceptable, else the requested one, whose error names the available ones."""
    assert negotiate_page(accept, own, is_complete=True) == name
