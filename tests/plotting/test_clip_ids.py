"""Ids of clip paths, which older versions of matplotlib hash from memory addresses."""

from __future__ import annotations

import re

import pytest

from jupyter_figserve.plotting import clip_ids
from jupyter_figserve.plotting.clip_ids import with_reproducible_ids

SVG = (
    '<g clip-path="url(#{0})"><text>url(#{0}x)</text></g><g clip-path="url(#{1})"/><g clip-path="url(#{0})"/>'
    '<image href="url(#pffffffffff)"/><defs><clipPath id="{1}"><rect/></clipPath><clipPath id="{0}"/></defs>'
)


def drawn(first: str, second: str) -> bytes:
    return SVG.format(first, second).encode()


def test_they_follow_the_order_of_drawing(monkeypatch):
    """Two processes give the same SVG, in which each element has its own clip path; other text stays."""
    monkeypatch.setattr(clip_ids, "_are_reproducible", lambda: False)
    one = with_reproducible_ids(drawn("p0123456789", "pabcdef0123"))
    assert one == with_reproducible_ids(drawn("p9999999999", "p0000000000")).replace(b"p9999999999x", b"p0123456789x")
    first, second = (re.findall(rb'clipPath id="(p[0-9a-f]{10})"', one)[at].decode() for at in (1, 0))
    assert first != second
    expected = drawn("p0123456789", "pabcdef0123").decode()
    for before, after in (("p0123456789", first), ("pabcdef0123", second)):
        for form in ("url(#{})", 'clipPath id="{}"'):
            expected = expected.replace(form.format(before), form.format(after))
    assert one.decode() == expected
    assert with_reproducible_ids(b"<svg/>") == b"<svg/>"


def test_newer_versions_name_them_so_already():
    """From matplotlib 3.10 on, nothing is changed."""
    if not clip_ids._are_reproducible():
        pytest.skip("not on this machine: an older matplotlib")
    assert with_reproducible_ids(drawn("p0123456789", "pabcdef0123")) == drawn("p0123456789", "pabcdef0123")
