"""Canonical JSON: the same bytes in Python and in JavaScript."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.canonical_json import canonical_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": [1, 2.0, None, True], "a": "é</x>\n"}, '{"a":"é</x>\\n","b":[1,2,null,true]}'),
        # In UTF-16, an emoji comes before U+FB33.
        ({"\ufb33": 2, "\U0001f600": 1}, '{"\U0001f600":1,"\ufb33":2}'),
        (
            [1e21, 1e20, 1e-6, 1e-7, 1.5e-7, 0.1, 100.25],
            "[1e+21,100000000000000000000,0.000001,1e-7,1.5e-7,0.1,100.25]",
        ),
        ([-0.0, -3.5, 5e-324, 1.7976931348623157e308], "[0,-3.5,5e-324,1.7976931348623157e+308]"),
        ([2**53, 2**60, 10**400], "[9007199254740992,1152921504606847000,null]"),
        ([float("inf"), float("nan")], "[null,null]"),
        ({}, "{}"),
    ],
)
def test_values_are_written_like_javascript(value, text):
    """Sorted names, no spaces, and numbers as ``JSON.stringify`` writes them."""
    assert canonical_json(value).decode() == text


@pytest.mark.parametrize("value", [{1, 2}, b"x", ["\ud800"]])
def test_other_values_are_refused(value):
    """They are not JSON, or not Unicode."""
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        canonical_json(value)
