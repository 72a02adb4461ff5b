"""What a Dask cluster may send in one call: the bytes of messages, and what compressed parts expand to. Server process.

Dask's own decompression has no limit: a megabyte can become a gigabyte before anybody sees it.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterable
from typing import Any

_SIZE_BYTES = 4
_MAX_VARINT_BYTES = 5


class ByteBudget:
    """The bytes that a server still takes.

    Parameters
    ----------
    left
        The limit.
    """

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, size: int) -> None:
        """Count bytes before there is memory for them.

        Raises
        ------
        ValueError
            They are too many.
        """
        if not 0 <= size <= self.left:
            raise ValueError(f"the Dask cluster sends {size:,} bytes, and {self.left:,} are allowed")
        self.left -= size


def expand(compressions: Iterable[object], frames: Iterable[Any], budget: ByteBudget) -> list[Any]:
    """Decompress frames, each as named.

    Raises
    ------
    ValueError
        They expand to more than is allowed, or are compressed in an unknown way.
    """
    return [_expand(name, frame, budget) for name, frame in zip(compressions, frames, strict=False)]


def _expand(name: object, frame: Any, budget: ByteBudget) -> Any:
    if name is None:
        return frame
    if name == "zlib":
        return _expand_zlib(frame, budget)
    measure = _MEASURES.get(name) if isinstance(name, str) else None
    if measure is None:
        raise ValueError("a Dask worker compresses in a way that this server does not know")
    # These write no more than what the frame announces.
    budget.take(measure(memoryview(frame).cast("B")))
    return importlib.import_module("distributed.protocol.compression").compressions[name].decompress(frame)


def _expand_zlib(frame: Any, budget: ByteBudget) -> bytes:
    decoder = zlib.decompressobj()
    data = decoder.decompress(frame, budget.left + 1)
    budget.take(len(data))
    if not decoder.eof:
        raise ValueError("a compressed part is incomplete")
    return data


def _measure_lz4(frame: memoryview) -> int:
    return int.from_bytes(frame[:_SIZE_BYTES], "little")


def _measure_snappy(frame: memoryview) -> int:
    """Return the varint at the start."""
    size = 0
    for place, byte in enumerate(frame[:_MAX_VARINT_BYTES]):
        size |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return size
    raise ValueError("a compressed part does not tell its size")


def _measure_zstd(frame: memoryview) -> int:
    zstandard: Any = importlib.import_module("zstandard")
    # An unknown size is the largest number of 64 bits.
    return int(zstandard.get_frame_parameters(frame).content_size)


_MEASURES: dict[str, Callable[[memoryview], int]] = {
    "lz4": _measure_lz4,
    "snappy": _measure_snappy,
    "zstd": _measure_zstd,
}
"""How many bytes a frame announces, by the names of Dask's compressions."""
