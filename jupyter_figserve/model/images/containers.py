"""Sizes in the headers of AVIF (ISO base media boxes) and TIFF (directories of tags). Any process.

The bytes may be hostile: boxes and directories are walked up to a limit, and damaged ones end the walk.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

Size = tuple[int, int]
_MAX_BOXES = 10_000
_MAX_DEPTH = 8
_MAX_PAGES = 1_000
_MAX_TAGS = 1_000
# Containers to descend into, with the bytes before their first child (``meta`` has version and flags).
_CONTAINERS = {b"meta": 4, **dict.fromkeys((b"iprp", b"ipco", b"moov", b"trak", b"mdia", b"minf", b"stbl"), 0)}
_WIDTH, _HEIGHT = 256, 257
_TAG_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}


def is_avif(data: bytes) -> bool:
    """Whether the file type box names AVIF. Source: AV1 Image File Format, section 6; ISO/IEC 14496-12, 4.3."""
    if len(data) < 16 or data[4:8] != b"ftyp":
        return False
    length = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[offset : offset + 4] for offset in range(16, length, 4))}
    return bool(brands & {b"avif", b"avis"})


def avif_sizes(data: bytes) -> list[Size]:
    """Return the sizes that the file states, that of the primary image first.

    Source: ISO/IEC 23008-12, sections 6.5.3 (ispe), 6.5.10 (irot) and 9.3 (ipma); ISO/IEC 14496-12, 8.3.2 (tkhd).
    """
    sizes: dict[int, Size] = {}
    tracks: list[Size] = []
    rotated: set[int] = set()
    primary, properties = 0, {}
    for index, (kind, start, end) in enumerate(_boxes(data)):
        body = data[start : min(end, start + 65_536)]
        if kind == b"ispe" and len(body) >= 12:
            sizes[index] = struct.unpack_from(">II", body, 4)
        elif kind == b"irot" and body and body[0] & 1:
            rotated.add(index)
        elif kind == b"tkhd" and len(body) >= 8:
            width, height = struct.unpack(">II", body[-8:])
            tracks.append((width >> 16, height >> 16))
        elif kind == b"pitm" and len(body) >= 6:
            primary = int.from_bytes(body[4:8] if body[0] else body[4:6], "big")
        elif kind == b"ipma":
            properties = _associations(body)
    own = _properties_of_primary(data, properties.get(primary, []))
    first = next((sizes[index] for index in own if index in sizes), None)
    if first is not None and any(index in rotated for index in own):
        first = first[::-1]
    return [*([first] if first else []), *sizes.values(), *tracks]


def avif_timing(data: bytes) -> tuple[int, float]:
    """Return the number of frames of an image sequence and its duration in seconds; 1 and 0 for a still image.

    Source: ISO/IEC 14496-12, sections 8.4.2 (mdhd) and 8.7.3 (stsz).
    """
    frames, seconds = 1, 0.0
    for kind, start, end in _boxes(data):
        body = data[start : min(end, start + 40)]
        if kind == b"stsz" and len(body) >= 12:
            frames = max(frames, int.from_bytes(body[8:12], "big"))
        elif kind == b"mdhd" and len(body) >= 32:
            scale, ticks = struct.unpack_from(">IQ" if body[0] else ">II", body, 20 if body[0] else 12)
            seconds = max(seconds, ticks / scale if scale else 0.0)
    return frames, seconds


def _properties_of_primary(data: bytes, numbers: list[int]) -> list[int]:
    """Return the walk's indices of the boxes that ``ipma`` numbers, from 1, within ``ipco``."""
    children: list[int] = []
    end_of_ipco = 0
    for index, (kind, start, end) in enumerate(_boxes(data)):
        if kind == b"ipco" and not end_of_ipco:
            end_of_ipco = end
        elif end_of_ipco and start <= end_of_ipco:
            children.append(index)
    return [children[number - 1] for number in numbers if 0 < number <= len(children)]


def _associations(body: bytes) -> dict[int, list[int]]:
    """Return the property numbers of each item. Source: ISO/IEC 23008-12, section 9.3.1."""
    found: dict[int, list[int]] = {}
    try:
        version, flags = body[0], body[3]
        (count,) = struct.unpack_from(">I", body, 4)
        offset = 8
        for _ in range(min(count, _MAX_BOXES)):
            (item,) = struct.unpack_from(">I" if version else ">H", body, offset)
            offset += 4 if version else 2
            number = body[offset]
            offset += 1
            step, mask = (2, 0x7FFF) if flags & 1 else (1, 0x7F)
            at = range(offset, offset + number * step, step)
            found[item] = [int.from_bytes(body[here : here + step], "big") & mask for here in at]
            offset += number * step
    except (IndexError, struct.error):
        # The list is cut off: it only decides which of the sizes comes first, and all of them are checked.
        pass
    return found


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the content of each box, parents before children."""
    ranges = [(0, len(data), 0)]
    count = 0
    while ranges:
        offset, stop, depth = ranges.pop()
        if offset + 8 > stop or count >= _MAX_BOXES:
            continue
        count += 1
        (length,) = struct.unpack_from(">I", data, offset)
        kind, start = data[offset + 4 : offset + 8], offset + 8
        if length == 1 and offset + 16 <= stop:
            (length,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = stop if length == 0 else offset + length
        if end < start or end > stop:
            continue
        yield kind, start, end
        ranges.append((end, stop, depth))
        skipped = _CONTAINERS.get(kind)
        if skipped is not None and depth < _MAX_DEPTH:
            ranges.append((start + skipped, end, depth + 1))


def is_tiff(data: bytes) -> bool:
    """Whether the bytes start like TIFF or BigTIFF."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def tiff_sizes(data: bytes) -> list[Size]:
    """Return the sizes of the pages. Source: TIFF 6.0, section 2; BigTIFF has 64-bit offsets and counts."""
    sizes: list[Size] = []
    seen: set[int] = set()
    try:
        order, is_big = "<" if data[:2] == b"II" else ">", data[2:4] in (b"+\0", b"\0+")
        (offset,) = struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", data, 8 if is_big else 4)
        while offset and offset not in seen and len(seen) < _MAX_PAGES:
            seen.add(offset)
            size, offset = _read_page(data, offset, order, is_big)
            if size is not None:
                sizes.append(size)
    except struct.error:
        # Where an offset leads out of the file, no decoder finds a further page; without any page, it is refused.
        pass
    return sizes


def _read_page(data: bytes, offset: int, order: str, is_big: bool) -> tuple[Size | None, int]:
    """Return the size of a page, and the offset of the next one."""
    (count,) = struct.unpack_from(f"{order}{'Q' if is_big else 'H'}", data, offset)
    first, step, value_at = offset + (8 if is_big else 2), 20 if is_big else 12, 12 if is_big else 8
    if count > _MAX_TAGS:
        return None, 0
    values: dict[int, int] = {}
    for index in range(count):
        entry = first + index * step
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if tag in (_WIDTH, _HEIGHT) and kind in _TAG_TYPES:
            (values[tag],) = struct.unpack_from(f"{order}{_TAG_TYPES[kind]}", data, entry + value_at)
    end, word = first + count * step, f"{order}{'Q' if is_big else 'I'}"
    # Decoders accept a last page that is cut off here, so its size counts.
    (following,) = struct.unpack_from(word, data, end) if end + struct.calcsize(word) <= len(data) else (0,)
    size = (values[_WIDTH], values[_HEIGHT]) if len(values) == 2 else None
    return size, following
