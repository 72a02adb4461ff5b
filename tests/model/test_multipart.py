"""The form of a publish."""

from __future__ import annotations

from jupyter_figserve.model.multipart import encode_form, image_part, json_part
from tests.kernel.conftest import PNG, Received


def parsed(parts):
    content_type, body = encode_form(parts)
    return Received("POST", "/", {}, {"content-type": content_type}, body).parts


def test_parts_arrive_in_order_with_their_bytes():
    """Bytes that look like line ends or boundaries are sent unchanged."""
    evil = PNG + b"\r\n--\r\n--x--\r\n\x00\n"
    parts = parsed(
        [
            json_part("figure", {"title": "größer"}),
            image_part("representation", "image/png", evil),
            image_part("representation", "image/svg+xml", b"<svg/>"),
        ]
    )
    assert parts == [
        ("figure", "application/json", b'{"title": "gr\\u00f6\\u00dfer"}'),
        ("representation", "image/png", evil),
        ("representation", "image/svg+xml; charset=utf-8", b"<svg/>"),
    ]
