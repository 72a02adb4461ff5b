"""The frame in which a job goes into a child and an answer comes out: lengths, JSON, bytes. Sandbox, both sides.

Nothing in it needs more than counting and ``json`` to be read: the parent reads frames that hostile code may have
written.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

READY = b"R"
"""What a child writes before its answer, when it has put on its jail, or has warmed up, and waits for its job."""
WARM_UP = "warm up"
"""The kind of a frame that asks a child to draw for itself, and to write ``READY`` again."""
HEADER_BYTES = 256 * 1024
_LENGTHS = struct.Struct(">IQ")
PREFIX_BYTES = _LENGTHS.size


def pack(header: Mapping[str, Any], parts: Sequence[bytes] = ()) -> list[bytes]:
    """A frame in pieces to be written one after the other; the header learns the parts' sizes."""
    words = json.dumps({**header, "sizes": [len(part) for part in parts]}).encode()
    return [_LENGTHS.pack(len(words), sum(map(len, parts))) + words, *parts]


def lengths(prefix: bytes) -> tuple[int, int]:
    """Bytes of the header and of all parts, from the first ``PREFIX_BYTES`` of a frame."""
    header, body = _LENGTHS.unpack(prefix)
    return header, body


def split(header: Mapping[str, Any], body: memoryview) -> list[bytes]:
    """The parts, by the header's sizes.

    Raises
    ------
    ValueError
        When sizes and body do not fit.
    """
    sizes = header.get("sizes")
    if not isinstance(sizes, list) or not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError("sizes are no list of whole numbers")
    if sum(sizes) != len(body):
        raise ValueError("sizes and bytes do not agree")
    parts, start = [], 0
    for size in sizes:
        parts.append(bytes(body[start : start + size]))
        start += size
    return parts
