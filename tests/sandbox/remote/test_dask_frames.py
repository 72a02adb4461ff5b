"""What compressed frames of a Dask cluster may expand to."""

from __future__ import annotations

import importlib
import zlib
from typing import Any

import pytest

from jupyter_figserve.sandbox.remote.dask_frames import ByteBudget, expand

from ...conftest import require_package

SNAPPY_300 = bytes((0xAC, 0x02))


def announce(name: str, frame: bytes, monkeypatch: Any) -> list[Any]:
    """Expand a frame of a compression that need not be installed."""
    require_package("distributed")
    table = importlib.import_module("distributed.protocol.compression").compressions
    monkeypatch.setitem(table, name, table["zlib"]._replace(name=name, decompress=lambda _: b"expanded"))
    return expand([name], [frame], ByteBudget(300))


def test_frames_are_expanded_together():
    """The limit is that of all; what is not compressed does not expand."""
    budget = ByteBudget(100)
    frames = [zlib.compress(bytes(40)), b"as it is", zlib.compress(bytes(60))]
    assert expand(["zlib", None, "zlib"], frames, budget) == [bytes(40), b"as it is", bytes(60)]
    assert budget.left == 0
    with pytest.raises(ValueError, match="0 are allowed"):
        expand(["zlib"], [zlib.compress(b"x")], budget)


@pytest.mark.parametrize("name", ["auto", "unknown", 7, ["zlib"]])
def test_unknown_compression(name: object):
    """It cannot be bounded."""
    with pytest.raises(ValueError, match="does not know"):
        expand([name], [b""], ByteBudget(10))


def test_an_incomplete_frame():
    """It is no result."""
    with pytest.raises(ValueError, match="incomplete"):
        expand(["zlib"], [zlib.compress(bytes(40))[:-2]], ByteBudget(100))


@pytest.mark.parametrize(
    ("name", "size"), [("lz4", (300).to_bytes(4, "little")), ("snappy", SNAPPY_300)], ids=["lz4", "snappy"]
)
def test_announced_sizes(name: str, size: bytes, monkeypatch):
    """A frame that announces too much is not expanded; negative sizes are large ones."""
    assert announce(name, size + b"...", monkeypatch) == [b"expanded"]
    for more in (bytes((size[0] + 1,)) + size[1:], bytes((size[0] | 0x80,)) + b"\xff\xff\xff\x7f"):
        with pytest.raises(ValueError, match="are allowed"):
            announce(name, more + b"...", monkeypatch)


def test_a_size_that_does_not_end(monkeypatch):
    """As of a frame that is not snappy's."""
    with pytest.raises(ValueError, match="does not tell its size"):
        announce("snappy", b"\xff" * 9, monkeypatch)
