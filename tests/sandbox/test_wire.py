"""Frames between parent and child: packed frames can be split, and invalid ones are refused."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.sandbox import wire


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_parts_round_trip(parts: list[bytes]):
    """A frame is split into the parts that it was packed from."""
    data = b"".join(wire.pack_frame({"kind": "x"}, parts))
    header_size, body_size = wire.parse_lengths(data[: wire.PREFIX_BYTES])
    assert len(data) == wire.PREFIX_BYTES + header_size + body_size
    header = json.loads(data[wire.PREFIX_BYTES :][:header_size])
    assert header["kind"] == "x"
    assert wire.split_parts(header, memoryview(data)[wire.PREFIX_BYTES + header_size :]) == parts
    assert wire.parse_frame(data) == (header, parts)


@pytest.mark.parametrize("sizes", [None, 1, {}, [1], [3], [-1, 3], [1.0, 1], [True, True], ["2"], [2, 0, 1]])
def test_sizes_that_do_not_fit(sizes: Any):
    """Sizes are non-negative integers whose sum is the length of the body."""
    with pytest.raises(ValueError, match="sizes"):
        wire.split_parts({"sizes": sizes}, memoryview(b"ab"))


def framed(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">IQ", len(header), len(body)) + header + body


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (framed(b"{}")[:11], "too short"),
        (framed(b'{"sizes": []}')[:-1], "lengths"),
        (framed(b'{"sizes": []}') + b"x", "lengths"),
        (framed(b" " * (wire.MAX_HEADER_BYTES + 1)), "lengths"),
        (framed(b"[]"), "not an object"),
        (framed(b"{"), "property name"),
        (framed(b"[" * 200_000), "nested"),
        (framed(b'{"sizes": [1]}', b"ab"), "sizes"),
    ],
    ids=["short", "cut", "longer", "large header", "no object", "no JSON", "nested", "sizes"],
)
def test_what_is_not_one_frame(data: bytes, problem: str):
    """Whatever it is, it is a ValueError."""
    with pytest.raises(ValueError, match=problem):
        wire.parse_frame(data)
