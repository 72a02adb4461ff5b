"""API keys and scopes as values: creation, text form, verification, expiry."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model import keys
from jupyter_figserve.model.keys import (
    ADMIN,
    KERNEL_SCOPES,
    PUBLISH,
    READ,
    READ_OR_PUBLISH,
    RENDER,
    SCOPES,
    Key,
    check_scopes,
    new_key,
    split_key,
)
from jupyter_figserve.model.links import hash_secret


def test_text_of_a_key_can_be_split():
    """``fsk_<id>_<secret>`` splits into its parts, even if the secret contains underscores."""
    for _ in range(200):
        key_id, secret, text = new_key()
        assert split_key(text) == (key_id, secret)
        assert len(secret) == 43


@pytest.mark.parametrize(
    "text",
    ["", "fsk_", "fsk_abcdefgh_", "FSK_abcdefgh_" + "a" * 43, "fsk_ABCDEFGH_" + "a" * 43]
    + ["fsk_abcdefgh_" + "a" * 42, "fsk_abcdefgh_" + "a" * 44, "fsk_abcdefgh_" + "a" * 43 + "\n", "x" * 56],
)
def test_text_of_another_form_is_not_a_key(text: str):
    """The form alone rejects the text; no lookup is needed."""
    assert split_key(text) is None


def _key(secret: str, **fields) -> Key:
    return Key("abcdefgh", hash_secret(secret), "ann", frozenset({"read"}), 1.0, **fields)


def test_key_accepts_its_secret_until_it_expires():
    """Only the right secret is accepted, and only before the key expires."""
    assert _key("right").is_good("right", 100.0)
    assert not _key("right").is_good("wrong", 100.0)
    assert not _key("right").is_good("", 100.0)
    assert _key("right", expires=101.0).is_good("right", 100.0)
    assert not _key("right", expires=100.0).is_good("right", 100.0)


def test_secrets_are_compared_in_constant_time(monkeypatch):
    """``hmac.compare_digest`` compares hashes of equal length, for an expired key as for a valid one."""
    compared = []
    monkeypatch.setattr(keys.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or a == b)
    _key("right").is_good("wrong", 100.0)
    _key("right", expires=1.0).is_good("right", 100.0)
    assert [(len(a), len(b)) for a, b in compared] == [(64, 64)] * 2
    assert keys.hmac is hmac


def test_a_key_does_not_hold_its_secret():
    """The secret is not in the key's ``repr``, which a log may show."""
    key_id, secret, _ = new_key()
    key = Key(key_id, hash_secret(secret), "ann", frozenset(SCOPES), 1.0)
    assert secret not in repr(key)
    assert key.secret_hash == hashlib.sha256(secret.encode()).hexdigest()


def test_scopes_are_their_own_text():
    """A scope equals and prints its wire name, so that stored text and JSON need no conversion."""
    assert ",".join(SCOPES) == "read,publish,render,admin"
    assert f"{READ[0]}" == "read"
    assert {"read", "publish", "render"} == KERNEL_SCOPES


def test_requirements_of_requests():
    """Each handler names the scopes of which one suffices."""
    assert (READ, PUBLISH, RENDER, ADMIN) == (("read",), ("publish",), ("render",), ("admin",))
    assert READ_OR_PUBLISH == ("read", "publish")


def test_scopes_of_a_request():
    """The scopes come as a list of known names; duplicates count once."""
    assert check_scopes(["read", "publish", "read"]) == {"read", "publish"}
    assert check_scopes(list(SCOPES)) == set(SCOPES)


@pytest.mark.parametrize("value", [None, [], "read", {}, ["root"], ["read", "Read"], [None], [["read"]], [{}], 1])
def test_unknown_scopes_are_rejected(value):
    """The message lists the scopes that exist."""
    with pytest.raises(InvalidInput, match="read, publish, render, admin"):
        check_scopes(value)


@given(st.text(max_size=60) | st.from_regex(r"fsk_[a-z0-9]{7,9}_[A-Za-z0-9_-]{42,44}\n?", fullmatch=True))
def test_any_text_is_a_key_or_none(text):
    """The parts of a key make it up again."""
    found = split_key(text)
    assert found is None or "_".join(("fsk", *found)) == text
