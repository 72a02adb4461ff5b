"""Frames between parent and child: packed frames can be split, and invalid ones are refused."""

from __future__ import annotations

import json
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


@pytest.mark.parametrize("sizes", [None, 1, {}, [1], [3], [-1, 3], [1.0, 1], [True, True], ["2"], [2, 0, 1]])
def test_sizes_that_do_not_fit(sizes: Any):
    """Sizes are non-negative integers whose sum is the length of the body."""
    with pytest.raises(ValueError, match="sizes"):
        wire.split_parts({"sizes": sizes}, memoryview(b"ab"))
