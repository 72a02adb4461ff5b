"""Keys from the environment: their list, their strength, and that no message shows them."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.server.services.auth.preset_keys import find_preset_key, parse_preset_keys

GOOD = "a-good-key-0123456789"


@pytest.mark.parametrize("text", ["", " ", " , ,"])
def test_no_keys(text: str):
    """An empty variable presets none, and finds none."""
    assert parse_preset_keys(text, "ada", 0.0) == ()
    assert find_preset_key((), "") is None


def test_several_keys_may_render_and_nothing_else():
    """Each is found by its whole text alone; the text is not kept."""
    keys = parse_preset_keys(f"{GOOD}, {GOOD[::-1]},", "ada", 5.0)
    assert [sorted(key.scopes) for key in keys] == [["render"], ["render"]]
    assert (find_preset_key(keys, GOOD), find_preset_key(keys, GOOD[::-1])) == keys
    assert keys[0].id != keys[1].id
    for text in ("", GOOD[:-1], GOOD + "x", f"{GOOD}, {GOOD[::-1]}"):
        assert find_preset_key(keys, text) is None
    assert GOOD not in repr(keys)


@pytest.mark.parametrize(
    "weak", ["change-me", "x" * 40, "passwordpassword", "abc" * 10, "ein-schlüssel-0123456789", "a b" * 9]
)
def test_a_weak_key_is_rejected(weak: str):
    """By its position, with a command that makes a good one, and without its text."""
    with pytest.raises(InvalidInput) as caught:
        parse_preset_keys(f"{GOOD},{weak}", "ada", 0.0)
    assert "Key 2 of FIGSERVE_API_KEY" in str(caught.value)
    assert "token_urlsafe" in str(caught.value)
    assert weak not in str(caught.value)
