"""Sizes and frame counts of raster images, read from their headers; no pixel is decoded. Any process.

The bytes may be hostile: every reader runs in time linear in a bounded number of blocks, and returns None for what it
cannot read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .containers import avif_sizes, avif_timing, tiff_sizes

MAX_BLOCKS = 200_000
"""Blocks of one file that are walked; files with more are not readable."""
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_EXIF_ORIENTATION = 0x0112
_ROTATED = frozenset({5, 6, 7, 8})
_GIF_DEFAULT_DELAY = 0.1
"""Seconds that browsers show a frame whose delay is below 20 ms."""


@dataclass(frozen=True)
class ImageHeader:
    """Properties stated in the header of an image.

    Parameters
    ----------
    width, height
        Pixels, as displayed.
    largest
        Pixels of the largest frame, page or tile grid, at least ``width * height``.
    frames
        Number of frames of an animation; 1 for a still.
    duration
        Seconds that all frames take once; None for a still.
    """

    width: int
    height: int
    largest: int
    frames: int = 1
    duration: float | None = None

    @property
    def is_animated(self) -> bool:
        return self.frames > 1


class _Unreadable(Exception):
    """The header is damaged, or its blocks are too many."""


def read_header(name: str, data: bytes) -> ImageHeader | None:
    """Return the header of an image in the raster format ``name``; None if it cannot be read."""
    reader = _READERS.get(name)
    if reader is None:
        return None
    try:
        header = reader(data)
    except (_Unreadable, struct.error, IndexError):
        return None
    return header if header.width > 0 and header.height > 0 else None


def is_apng(data: bytes) -> bool:
    """Whether a PNG has an ``acTL`` chunk before its pixels, which makes it an animation.

    Source: Portable Network Graphics (third edition), section 11.3.7.1.
    """
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return False
    try:
        for kind, _, _ in _png_chunks(data):
            if kind in (b"IDAT", b"acTL"):
                return kind == b"acTL"
    except _Unreadable:
        # Damaged before any pixels: no animation, and ``read_header`` refuses it.
        pass
    return False


def _png(data: bytes) -> ImageHeader:
    """Source: Portable Network Graphics (third edition), sections 11.2.1 (IHDR) and 11.3.7.2 (fcTL)."""
    if len(data) < 24 or data[12:16] != b"IHDR":
        raise _Unreadable
    width, height = struct.unpack_from(">II", data, 16)
    if not is_apng(data):
        return ImageHeader(width, height, width * height)
    frames, seconds, largest = 0, 0.0, width * height
    for kind, start, _ in _png_chunks(data):
        if kind == b"fcTL":
            frame_width, frame_height, _, _, delay, scale = struct.unpack_from(">IIIIHH", data, start + 4)
            frames, seconds = frames + 1, seconds + delay / (scale or 100)
            largest = max(largest, frame_width * frame_height)
    return _animated(width, height, largest, frames, seconds)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and length of the data of each chunk."""
    offset = 8
    for _ in range(MAX_BLOCKS):
        if offset + 8 > len(data):
            return
        (length,) = struct.unpack_from(">I", data, offset)
        yield data[offset + 4 : offset + 8], offset + 8, length
        offset += 12 + length
    raise _Unreadable


def _gif(data: bytes) -> ImageHeader:
    """Source: Graphics Interchange Format 89a, sections 18 (screen), 20 (image) and 23 (graphic control)."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    offset, frames, seconds, delay, largest = 13 + _colours(flags), 0, 0.0, 0.0, width * height
    budget = [MAX_BLOCKS + len(data) // 128]
    while offset < len(data) and data[offset] != 0x3B:
        if data[offset] == 0x2C:
            left, top, image_width, image_height, flags = struct.unpack_from("<HHHHB", data, offset + 1)
            frames, seconds = frames + 1, seconds + delay
            largest = max(largest, (left + image_width) * (top + image_height))
            offset, delay = _skip_blocks(data, offset + 11 + _colours(flags), budget), 0.0
        elif data[offset] == 0x21:
            if data[offset + 1] == 0xF9 and data[offset + 2] == 4:
                hundredths = struct.unpack_from("<H", data, offset + 4)[0]
                delay = hundredths / 100 if hundredths > 1 else _GIF_DEFAULT_DELAY
            offset = _skip_blocks(data, offset + 2, budget)
        else:
            raise _Unreadable
    if not frames:
        raise _Unreadable
    return _animated(width, height, largest, frames, seconds)


def _colours(flags: int) -> int:
    """Return the size of a colour table in bytes."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(data: bytes, offset: int, budget: list[int]) -> int:
    while data[offset]:
        offset += 1 + data[offset]
        budget[0] -= 1
        if budget[0] < 0:
            raise _Unreadable
    return offset + 1


def _jpeg(data: bytes) -> ImageHeader:
    """Read the segments before the pixels: frame header and orientation. Source: ITU-T T.81, B.2.2.

    A valid file has one frame header. Of several, some programs take the first and some the last.
    """
    offset, is_rotated, frames = 2, False, []
    for _ in range(MAX_BLOCKS):
        if data[offset : offset + 1] != b"\xff" or len(data) < offset + 4:
            break
        marker = data[offset + 1]
        if marker == 0xFF or marker in _JPEG_STANDALONE:
            offset += 1 if marker == 0xFF else 2
            continue
        if marker in (0xD9, 0xDA):
            break
        (length,) = struct.unpack_from(">H", data, offset + 2)
        if marker in _JPEG_FRAMES:
            frames.append(struct.unpack_from(">HH", data, offset + 5)[::-1])
        if marker == 0xE1 and data[offset + 4 : offset + 10] == b"Exif\0\0":
            is_rotated = _exif_orientation(data[offset + 10 : offset + 2 + length]) in _ROTATED
        offset += 2 + max(length, 2)
    else:
        raise _Unreadable
    if not frames:
        raise _Unreadable
    width, height = frames[0]
    size = (height, width) if is_rotated else (width, height)
    return ImageHeader(*size, max(wide * high for wide, high in frames))


def _exif_orientation(exif: bytes) -> int:
    """Return the orientation that Exif states, 1 if none. Source: TIFF 6.0, section 2; Exif 2.3, section 4.6.4."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    try:
        if order is None:
            return 1
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for index in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * index)
            if tag == _EXIF_ORIENTATION:
                return int(value)
    except struct.error:
        # Decoders show an image with damaged Exif data upright; its pixels are the same.
        pass
    return 1


def _webp(data: bytes) -> ImageHeader:
    """Read the first chunk, and the frames of an animation. Source: RFC 9649, sections 2.5 to 2.7."""
    sizes, canvas, frames, seconds, offset = [], None, 0, 0.0, 12
    for _ in range(MAX_BLOCKS):
        if offset + 8 > len(data):
            break
        kind, (length,) = data[offset : offset + 4], struct.unpack_from("<I", data, offset + 4)
        size = _webp_size(kind, data, offset + 8)
        if kind == b"ANMF":
            frames, seconds = frames + 1, seconds + _int24(data, offset + 20) / 1000
        if size is not None:
            canvas = canvas or size
            sizes.append(size[0] * size[1])
        offset += 8 + length + (length & 1)
    else:
        raise _Unreadable
    if canvas is None:
        raise _Unreadable
    return _animated(*canvas, max(sizes), max(frames, 1), seconds)


def _webp_size(kind: bytes, data: bytes, start: int) -> tuple[int, int] | None:
    if kind == b"VP8X":
        return _int24(data, start + 4) + 1, _int24(data, start + 7) + 1
    if kind == b"ANMF":
        return _int24(data, start + 6) + 1, _int24(data, start + 9) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, start + 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, start + 6)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _int24(data: bytes, offset: int) -> int:
    low, high = struct.unpack_from("<HB", data, offset)
    return int(low) | int(high) << 16


def _animated(width: int, height: int, largest: int, frames: int, seconds: float) -> ImageHeader:
    return ImageHeader(width, height, largest, frames, round(seconds, 3) if frames > 1 else None)


def _avif(data: bytes) -> ImageHeader:
    header = _largest(avif_sizes(data))
    return _animated(header.width, header.height, header.largest, *avif_timing(data))


def _largest(sizes: list[tuple[int, int]]) -> ImageHeader:
    if not sizes:
        raise _Unreadable
    return ImageHeader(*sizes[0], max(width * height for width, height in sizes))


_READERS: dict[str, Callable[[bytes], ImageHeader]] = {
    "png": _png,
    "apng": _png,
    "gif": _gif,
    "jpg": _jpeg,
    "webp": _webp,
    "avif": _avif,
    "tiff": lambda data: _largest(tiff_sizes(data)),
}
