"""How the C library gives memory back to the system. Server process."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_M_MMAP_THRESHOLD = -3
"""Source: mallopt(3)."""
_THRESHOLD_BYTES = 512 * 1024


def return_large_blocks() -> None:
    """Have blocks from 512 KB return to the system as soon as they are freed.

    glibc raises this threshold to the size of the largest block that was freed, up to 32 MB. Images then come from a
    heap that cannot shrink while anything small above them is in use, and many slow readers at once leave the process
    large for good.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
