"""Frames of a kernel's agent: head length (4 bytes, big-endian), head as JSON, body. Server process."""

from __future__ import annotations

import json
from typing import Any

from .....errors import InvalidInput
from .....model.kernel_protocol import MAX_HEAD_BYTES
from .kernel_answer import replace_surrogates

_LENGTH_BYTES = 4


def parse_frame(frame: str | bytes) -> tuple[dict[str, Any], bytes]:
    """Split a frame into head and body.

    Raises
    ------
    InvalidInput
        When it is not a valid frame.
    """
    if isinstance(frame, str) or len(frame) < _LENGTH_BYTES:
        raise InvalidInput("The frame is not binary, or too short.")
    end = _LENGTH_BYTES + int.from_bytes(frame[:_LENGTH_BYTES], "big")
    if end > min(len(frame), _LENGTH_BYTES + MAX_HEAD_BYTES):
        raise InvalidInput("The frame's head is too long.")
    try:
        head = json.loads(frame[_LENGTH_BYTES:end])
        # What was just read may be nested too deeply to be written.
        clean = replace_surrogates(head) if isinstance(head, dict) else None
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The frame's head is not JSON.") from error
    if clean is None:
        raise InvalidInput("The frame's head is not a JSON object.")
    return clean, frame[end:]


def make_frame(head: dict[str, Any], body: bytes) -> bytes:
    """Return the frame of a head and a body."""
    text = json.dumps(head).encode()
    return len(text).to_bytes(_LENGTH_BYTES, "big") + text + body
