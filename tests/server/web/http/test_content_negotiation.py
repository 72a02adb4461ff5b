"""The ``Accept`` header: which format is preferred."""

from __future__ import annotations

import pytest

from jupyter_figserve.server.web.http.content_negotiation import negotiate_formats


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
