"""The frame format between the parent and a sandboxed child: lengths, a JSON header, binary parts. Both processes.

The parent reads frames that hostile code may have written, so that parsing needs no more than arithmetic and ``json``.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

READY = b"R"
"""Sent by a child before any frame, when it is jailed (and again when it is warm) and waits for its job."""
WARM_UP = "warm up"
"""The kind of a frame that makes a child draw a throw-away figure and send ``READY`` again."""
MAX_HEADER_BYTES = 256 * 1024
_LENGTHS = struct.Struct(">IQ")
PREFIX_BYTES = _LENGTHS.size


def pack_frame(header: Mapping[str, Any], parts: Sequence[bytes] = ()) -> list[bytes]:
    """Return a frame as a list of pieces to write in order; the sizes of the parts are added to the header."""
    text = json.dumps({**header, "sizes": [len(part) for part in parts]}).encode()
    return [_LENGTHS.pack(len(text), sum(map(len, parts))) + text, *parts]


def parse_lengths(prefix: bytes) -> tuple[int, int]:
    """Return the sizes of the header and of all parts, from the first ``PREFIX_BYTES`` of a frame."""
    header, body = _LENGTHS.unpack(prefix)
    return header, body


def parse_frame(frame: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Return the header and the parts of a whole frame.

    Raises
    ------
    ValueError
        It is not one frame.
    """
    if len(frame) < PREFIX_BYTES:
        raise ValueError("the frame is too short")
    size, body = parse_lengths(frame[:PREFIX_BYTES])
    end = PREFIX_BYTES + size
    if size > MAX_HEADER_BYTES or end + body != len(frame):
        raise ValueError("the lengths are wrong")
    try:
        header = json.loads(frame[PREFIX_BYTES:end])
    except RecursionError as error:
        raise ValueError("the header is nested too deeply") from error
    if not isinstance(header, dict):
        raise ValueError("the header is not an object")
    return header, split_parts(header, memoryview(frame)[end:])


def split_parts(header: Mapping[str, Any], body: memoryview) -> list[bytes]:
    """Split the body of a frame into its parts by the sizes in the header.

    Raises
    ------
    ValueError
        The sizes are malformed, or do not add up to the length of the body.
    """
    sizes = header.get("sizes")
    if not isinstance(sizes, list) or not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError("the sizes are not a list of non-negative integers")
    if sum(sizes) != len(body):
        raise ValueError("the sizes do not add up to the length of the body")
    parts, start = [], 0
    for size in sizes:
        parts.append(bytes(body[start : start + size]))
        start += size
    return parts
