"""Keys in the catalog."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.keys import Key, new_key
from jupyter_figserve.model.links import hash_secret
from jupyter_figserve.store.catalog import keys

from ..making import START


@pytest.fixture
def reader(store):
    return store.catalog.reader


def _add(store, **fields) -> Key:
    key_id, secret, _ = new_key()
    fields = {"owner": "ann", "scopes": frozenset({"read", "publish"}), "created": START, **fields}
    key = Key(key_id, hash_secret(secret), **fields)
    store.catalog.write(lambda c: keys.add(c, key)).result()
    return key


def test_key_is_read_back(store, reader):
    """Field by field; an unknown id finds none."""
    key = _add(store, expires=START + 1, label="laptop", kernel="k", last_used=START)
    assert keys.find(reader, key.id) == key
    assert keys.find(reader, "unknown1") is None


def test_list_is_newest_first_without_kernels_keys(store, reader):
    """Those of an owner, or of all without one; kernels' keys are omitted."""
    older, newer = _add(store), _add(store, created=START + 1)
    bobs = _add(store, owner="bob", created=START + 2)
    _add(store, kernel="k", created=START + 3)
    assert keys.list_all(reader, "ann", 10) == [newer, older]
    assert keys.list_all(reader, None, 10) == [bobs, newer, older]
    assert keys.list_all(reader, None, 1) == [bobs]


def test_removed_key_is_gone(store, reader):
    """The result says whether there was one."""
    key = _add(store)
    assert store.catalog.write(lambda c: keys.remove(c, key.id)).result() is True
    assert store.catalog.write(lambda c: keys.remove(c, key.id)).result() is False
    assert keys.find(reader, key.id) is None


def test_kernel_s_key_through_its_life(store, reader):
    """Created before the kernel has an id, bound, extended and removed with it; others stay."""
    key, other = _add(store, expires=START + 60), _add(store, kernel="other")
    store.catalog.write(lambda c: keys.bind(c, key.id, "k")).result()
    store.catalog.write(lambda c: keys.extend(c, "k", START + 600)).result()
    assert (keys.find(reader, key.id).kernel, keys.find(reader, key.id).expires) == ("k", START + 600)
    store.catalog.write(lambda c: keys.remove_for_kernel(c, "k")).result()
    assert keys.find(reader, key.id) is None
    assert keys.find(reader, other.id) == other


def test_use_is_noted(store, reader):
    """The time of the last use is stored."""
    key = _add(store)
    store.catalog.write(lambda c: keys.record_use(c, key.id, START + 5)).result()
    assert keys.find(reader, key.id).last_used == START + 5


def test_expired_keys_go_in_batches(store, reader):
    """Valid keys and those without an expiry stay."""
    ended = [_add(store, expires=START - 1) for _ in range(3)]
    lives, endless = _add(store, expires=START + 1), _add(store)
    assert store.catalog.write(lambda c: keys.remove_expired(c, START, 2)).result() == 2
    assert store.catalog.write(lambda c: keys.remove_expired(c, START, 2)).result() == 1
    assert [keys.find(reader, key.id) for key in ended] == [None] * 3
    assert {key.id for key in keys.list_all(reader, None, 10)} == {lives.id, endless.id}
