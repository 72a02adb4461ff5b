"""Numbers of bytes as text for people. Any process."""

from __future__ import annotations


def format_bytes(count: int) -> str:
    """Return a number of bytes with up to three digits and a decimal unit, such as ``25.3 kB``."""
    if count < 1000:
        return "1 byte" if count == 1 else f"{count} bytes"
    value = count / 1000
    for unit in ("kB", "MB", "GB"):
        # From 999.5, three digits would be rounded to 1e+03.
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.3f}".rstrip("0").rstrip(".") + " TB"
