"""Cursors of the pages of lists."""

from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.store.catalog.pagination import decode_cursor, encode_cursor


@given(st.floats(allow_nan=False, allow_infinity=False), st.from_regex(r"[A-Za-z0-9]{1,40}", fullmatch=True))
def test_cursor_is_read_back(stamp: float, row_id: str):
    """Exactly, in characters that a URL does not escape."""
    cursor = encode_cursor(stamp, row_id)
    assert decode_cursor(cursor) == (stamp, row_id)
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "=", "AAAA", "////"]
    + [_encoded(v) for v in ([], [1], [1, 2, 3], {}, None, [None, "a"], ["x", "a"], [1, None], [1, ["a"]])]
    + [_encoded(v) for v in ([10**400, "a"], [1, ""], [1, "\ud800"], [1, "a\x00"], [1, "a" * 65])]
    + [_encoded([float("nan"), "a"]), base64.urlsafe_b64encode(b"[" * 5_000).decode()],
)
def test_other_cursors_are_rejected(cursor: str):
    """Any invalid text is malformed input."""
    with pytest.raises(InvalidInput) as refused:
        decode_cursor(cursor)
    assert refused.value.code == "invalid_cursor"


@given(st.text(max_size=60))
def test_any_text_is_a_cursor_or_rejected(text: str):
    """Reading raises one kind of error."""
    with contextlib.suppress(InvalidInput):
        decode_cursor(text)
