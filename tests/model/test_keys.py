"""API keys as values: their text form, their secrets and their scopes."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model import keys
from jupyter_figserve.model.keys import SCOPES, Key, check_scopes, new_key, split_key
from jupyter_figserve.model.links import hash_secret


def test_key_is_split_as_it_was_made():
    """``fsk_<id>_<secret>``, also when the secret has underscores."""
    for _ in range(200):
        key_id, secret, text = new_key()
        assert split_key(text) == (key_id, secret)
        assert len(secret) == 43


@pytest.mark.parametrize(
    "text",
    ["", "fsk_", "fsk_abcdefgh_", "FSK_abcdefgh_" + "a" * 43, "fsk_ABCDEFGH_" + "a" * 43]
    + ["fsk_abcdefgh_" + "a" * 42, "fsk_abcdefgh_" + "a" * 44, "fsk_abcdefgh_" + "a" * 43 + "\n", "x" * 56],
)
def test_other_keys(text: str):
    """What is no key is told by its form."""
    assert split_key(text) is None


def _key(secret: str, **fields) -> Key:
    return Key("abcdefgh", hash_secret(secret), "ann", frozenset({"read"}), 1.0, **fields)


def test_key_knows_its_secret_until_its_end():
    """The right secret before the end, no other and not after."""
    assert _key("right").is_good("right", 100.0)
    assert not _key("right").is_good("wrong", 100.0)
    assert not _key("right").is_good("", 100.0)
    assert _key("right", expires=101.0).is_good("right", 100.0)
    assert not _key("right", expires=100.0).is_good("right", 100.0)


def test_secrets_are_compared_in_constant_time(monkeypatch):
    """By ``hmac.compare_digest``, over hashes of one length, for an ended key as for a good one."""
    compared = []
    monkeypatch.setattr(keys.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or a == b)
    _key("right").is_good("wrong", 100.0)
    _key("right", expires=1.0).is_good("right", 100.0)
    assert [(len(a), len(b)) for a, b in compared] == [(64, 64)] * 2
    assert keys.hmac is hmac


def test_value_of_a_key_does_not_hold_its_secret():
    """Nor does the text that a log would write of it."""
    key_id, secret, _ = new_key()
    key = Key(key_id, hash_secret(secret), "ann", frozenset(SCOPES), 1.0)
    assert secret not in repr(key)
    assert key.secret_hash == hashlib.sha256(secret.encode()).hexdigest()


def test_scopes():
    """A list of known words; doubled ones count once."""
    assert check_scopes(["read", "publish", "read"]) == {"read", "publish"}
    assert check_scopes(list(SCOPES)) == set(SCOPES)


@pytest.mark.parametrize("value", [None, [], "read", {}, ["root"], ["read", "Read"], [None], [["read"]], [{}], 1])
def test_other_scopes_are_refused(value):
    """The message names the scopes there are."""
    with pytest.raises(InvalidInput, match="read, publish, render, admin"):
        check_scopes(value)
