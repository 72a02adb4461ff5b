"""The size of a PNG, read from its header without the code under test."""

from __future__ import annotations

import struct


def png_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height, None for anything but a PNG. Source: Portable Network Graphics, section 11.2.1."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height
