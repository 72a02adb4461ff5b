"""Links as values: made, hashed, verified, expired."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.links import Link, check_label, is_token, new_link_id, new_token


def test_tokens():
    """192 random bits in 32 URL-safe characters, never the same twice."""
    made = {new_token() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(is_token(token) for token in made)


@pytest.mark.parametrize(
    "text", ["", "a" * 31, "a" * 33, "a" * 32 + "\n", "a" * 31 + "/", "a" * 31 + "é", "a" * 31 + "."]
)
def test_other_tokens(text: str):
    """The form alone tells most guesses, before anything is looked up."""
    assert not is_token(text)


def test_link_ids_say_what_they_are():
    """An id is not a token and cannot be taken for one."""
    assert new_link_id().startswith("lnk")
    assert not is_token(new_link_id())
    assert new_link_id() != new_link_id()


@pytest.mark.parametrize(
    ("fields", "is_open"),
    [
        ({}, True),
        ({"expires": 101.0}, True),
        ({"expires": 100.0}, False),
        ({"expires": 99.0}, False),
        ({"paused": True}, False),
        ({"paused": True, "expires": 101.0}, False),
    ],
)
def test_link_is_open_until_its_end(fields, is_open: bool):
    """At its last second a link is closed; a paused one is, whatever its end."""
    assert Link("l", "h", "f", 1.0, **fields).is_open(100.0) is is_open


@pytest.mark.parametrize(
    ("fields", "cacheable"), [({}, True), ({"expires": 9.0}, True), ({"views": 1}, False), ({"audience": "hub"}, False)]
)
def test_links_that_caches_may_keep(fields, cacheable: bool):
    """Not those whose views are counted, nor those that are not for everybody."""
    assert Link("l", "h", "f", 1.0, **fields).is_cacheable is cacheable


def test_labels():
    """One line of 200 characters at most."""
    assert check_label(" for\nBob ") == "for Bob"
    with pytest.raises(InvalidInput, match="label"):
        check_label("x" * 201)
