"""Encodes a figure as multipart/form-data; hand-written, so that image bytes are copied only once. Any process."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from .formats import get_format_of_mimetype


@dataclass(frozen=True)
class Part:
    """One part of a form; with a ``filename``, servers treat it as a file."""

    name: str
    content_type: str
    data: bytes
    filename: str | None = None


def json_part(name: str, value: Any) -> Part:
    return Part(name, "application/json", json.dumps(value).encode())


def image_part(name: str, mimetype: str, data: bytes) -> Part:
    row = get_format_of_mimetype(mimetype)
    return Part(name, row.content_type, data, f"{name}.{row.name}")


def encode_form(parts: list[Part]) -> tuple[str, bytes]:
    """Return the ``Content-Type`` header and the body of a form.

    Source: RFC 7578 and RFC 2046 section 5.1.1; the boundary has 128 random bits, so the data is not searched.
    """
    boundary = secrets.token_hex(16)
    pieces: list[bytes] = []
    for part in parts:
        filename = f'; filename="{part.filename}"' if part.filename else ""
        pieces.append(
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{part.name}"{filename}\r\n'
            f"Content-Type: {part.content_type}\r\n\r\n".encode()
        )
        pieces += part.data, b"\r\n"
    pieces.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(pieces)
