"""Tests of numbers of bytes as text."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.byte_counts import format_bytes


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (25_300, "25.3 kB"),
        (4_000_000, "4 MB"),
        (7 * 10**9, "7 GB"),
        (999_900, "1 MB"),
        (5 * 10**12, "5 TB"),
        (1_234_500 * 10**9, "1,234.5 TB"),
    ],
)
def test_sizes_have_up_to_three_digits_and_a_unit(count, text):
    """Decimal units, as disks have them."""
    assert format_bytes(count) == text
