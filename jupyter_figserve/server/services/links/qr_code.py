"""QR codes of links. Server process."""

from __future__ import annotations

from io import BytesIO

_QUIET_ZONE = 4
"""Modules of white around the code. Source: ISO/IEC 18004, section 5.3.8."""
_SCALE = 8
"""Pixels for each module."""


def make_qr_code(url: str, format: str) -> bytes:
    """Return an SVG or a PNG that cameras read as ``url``, also with 15 % of it covered or damaged."""
    import segno

    buffer = BytesIO()
    code = segno.make_qr(url, error="m")
    code.save(buffer, kind=format, scale=_SCALE, border=_QUIET_ZONE, light="#fff")
    return buffer.getvalue()
