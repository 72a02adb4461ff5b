"""Writers of animations: frames are added one at a time, and kept only encoded. Kernel and jailed child."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import TooLarge
from .png import RGBA_CHANNELS, chunk, compress, encode_png, frame_box, signature_and_header
from .raster import require_support

if TYPE_CHECKING:
    from .png import Pixels

_OPAQUE = 255
_GIF_MIN_DELAY = 2
"""Hundredths of a second; browsers slow down anything faster to a tenth of a second."""


class FrameWriter(Protocol):
    """Adds frames of equal size, in RGBA, and returns the file."""

    size: int
    """Bytes written so far."""

    def add(self, frame: Pixels, seconds: float) -> None: ...

    def finish(self, loops: int) -> bytes:
        """Return the file; ``loops`` is the number of plays, 0 for endless."""
        ...


class ApngWriter:
    """Source: Portable Network Graphics (third edition), section 11.3.7."""

    def __init__(self) -> None:
        self.size = 0
        self._chunks: list[bytes] = []
        self._last: Pixels | None = None
        self._frames = self._sequence = 0
        self._shape: tuple[int, ...] = ()

    def add(self, frame: Pixels, seconds: float) -> None:
        left, top, right, bottom = frame_box(self._last, frame)
        self._shape = frame.shape
        milliseconds = max(0, min(65_535, round(seconds * 1000)))
        control = struct.pack(">IIIIHHBB", right - left, bottom - top, left, top, milliseconds, 1000, 0, 0)
        self._append(b"fcTL", self._next() + control)
        body = compress(frame[top:bottom, left:right], RGBA_CHANNELS)
        if self._frames:
            self._append(b"fdAT", self._next() + body)
        else:
            self._append(b"IDAT", body)
        self._last, self._frames = frame.copy(), self._frames + 1

    def finish(self, loops: int) -> bytes:
        height, width, _ = self._shape
        control = chunk(b"acTL", struct.pack(">II", self._frames, loops))
        end = chunk(b"IEND", b"")
        return b"".join([signature_and_header(width, height), control, *self._chunks, end])

    def _next(self) -> bytes:
        self._sequence += 1
        return struct.pack(">I", self._sequence - 1)

    def _append(self, kind: bytes, data: bytes) -> None:
        self._chunks.append(chunk(kind, data))
        self.size += len(self._chunks[-1])


class GifWriter:
    """Encodes each frame with Pillow and joins them. Source: Graphics Interchange Format 89a.

    Every frame has a colour table of its own. Of opaque frames only the changed rectangle is written.
    """

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[bytes] = []
        self._last: Pixels | None = None
        self._shape: tuple[int, ...] = ()
        self._hundredths = 0.0

    def add(self, frame: Pixels, seconds: float) -> None:
        is_opaque = bool((frame[..., 3] == _OPAQUE).all())
        left, top, right, bottom = frame_box(self._last, frame)
        table, lzw, transparent = _encode_gif(frame[top:bottom, left:right], is_opaque)
        # A transparent frame would let the one before it show through, so that it is cleared first.
        disposal = 1 if is_opaque else 2
        flags = disposal << 2 | (transparent is not None)
        control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, flags, self._delay(seconds), transparent or 0, 0)
        bits = (len(table) // 3).bit_length() - 2
        descriptor = struct.pack("<BHHHHB", 0x2C, left, top, right - left, bottom - top, 0x80 | bits)
        self._parts.append(control + descriptor + table + lzw)
        self.size += len(self._parts[-1])
        self._shape = frame.shape
        self._last = frame.copy() if is_opaque else None

    def finish(self, loops: int) -> bytes:
        height, width, _ = self._shape
        screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x70, 0, 0)
        # The extension counts repetitions; without it, the animation plays once.
        repeat = b"" if loops == 1 else b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", max(0, loops - 1), 0)
        return b"".join([screen, repeat, *self._parts, b"\x3b"])

    def _delay(self, seconds: float) -> int:
        """Return hundredths of a second, whose rounding errors do not add up."""
        self._hundredths += seconds * 100
        delay = max(_GIF_MIN_DELAY, min(65_535, round(self._hundredths)))
        self._hundredths -= delay
        return delay


def _encode_gif(pixels: Pixels, is_opaque: bool) -> tuple[bytes, bytes, int | None]:
    """Return the colour table, the compressed pixels and the transparent index of one frame."""
    import numpy as np
    from PIL import Image

    colours = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
    indexed = colours.quantize(256 if is_opaque else 255, dither=Image.Dither.NONE)
    options: dict[str, Any] = {}
    if not is_opaque:
        indexes = np.asarray(indexed).copy()
        indexes[pixels[..., 3] < 128] = 255
        palette = (indexed.getpalette() or []) + [0] * 768
        indexed = Image.fromarray(indexes, "P") if indexes.ndim == 2 else indexed
        indexed.putpalette(palette[:768])
        options = {"transparency": 255}
    buffer = io.BytesIO()
    indexed.save(buffer, "GIF", optimize=False, interlace=0, **options)
    return _split_gif(buffer.getvalue())


def _split_gif(data: bytes) -> tuple[bytes, bytes, int | None]:
    length = 3 << ((data[10] & 7) + 1)
    table, offset, transparent = data[13 : 13 + length], 13 + length, None
    while data[offset] == 0x21:
        if data[offset + 1] == 0xF9 and data[offset + 3] & 1:
            transparent = data[offset + 6]
        offset += 2
        while data[offset]:
            offset += 1 + data[offset]
        offset += 1
    if data[offset + 9] & 0x80:
        length = 3 << ((data[offset + 9] & 7) + 1)
        table, offset = data[offset + 10 : offset + 10 + length], offset + length
    return table, data[offset + 10 : -1], transparent


class WebpWriter:
    """Keeps the frames as PNG, and has Pillow read them one by one."""

    def __init__(self) -> None:
        require_support("webp")
        self.size = 0
        self._frames: list[bytes] = []
        self._milliseconds: list[int] = []

    def add(self, frame: Pixels, seconds: float) -> None:
        self._frames.append(encode_png(frame))
        self._milliseconds.append(max(1, round(seconds * 1000)))

    def finish(self, loops: int) -> bytes:
        buffer = io.BytesIO()
        _spooled(self._frames).save(
            buffer, "WEBP", save_all=True, duration=self._milliseconds, loop=loops, lossless=True, method=2
        )
        return buffer.getvalue()


def _spooled(frames: list[bytes]) -> Any:
    from PIL import Image

    class Spool(Image.Image):
        """An image of several frames that decodes one at a time."""

        n_frames = len(frames)
        is_animated = True

        def seek(self, frame: int) -> None:
            image = Image.open(io.BytesIO(frames[frame])).convert("RGBA")
            self.im, self._size, self._mode = image.im, image.size, image.mode
            self._at = frame

        def tell(self) -> int:
            return self._at

    spool = Spool()
    spool.seek(0)
    return spool


WRITERS: dict[str, Any] = {"gif": GifWriter, "apng": ApngWriter, "webp": WebpWriter}


def check_size(size: int, limit: int, frames: int) -> None:
    """Refuse an animation of more than ``limit`` bytes.

    Raises
    ------
    TooLarge
        Saying after how many frames.
    """
    if size > limit:
        raise TooLarge(
            f"The animation has more than {limit:,} bytes after {frames:,} frames, the maximum (FigServe.figure_bytes)."
            " Use fewer frames, a lower dpi or a smaller figure."
        )
