"""Sizes that vector images state."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.images.vector_sizes import vector_size


@pytest.mark.parametrize(
    ("name", "data", "size"),
    [
        ("svg", b'<svg width="100pt" height="50pt">', (133, 67)),
        ("svg", b"<!-- x --><s:svg viewBox='0 0 10 20'>", (10, 20)),
        ("svg", b'<svg width="100%" height="50">', None),
        ("svg", b"<svg " * 10_000, None),
        ("pdf", b"/MediaBox [0 0 72 144]", (96, 192)),
        ("eps", b"%%BoundingBox: 0 0 71 72\n%%HiResBoundingBox: 0 0 72 72", (96, 96)),
        ("png", b"", None),
    ],
)
def test_size_in_css_pixels(name, data, size):
    """Of units, a view box or a page; None where the file states none."""
    assert vector_size(name, data) == size
