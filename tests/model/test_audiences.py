"""Audiences of links: their order, and the people who are named."""

from __future__ import annotations

from itertools import pairwise

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.audiences import (
    AUDIENCES,
    MAX_PEOPLE,
    describe_audience,
    is_wider,
    narrower,
    parse_audience,
    parse_people,
)


def test_order():
    """From the owner alone to anyone; an unknown audience is as narrow as the narrowest."""
    for one, other in pairwise(AUDIENCES):
        assert (narrower(one, other), narrower(other, one)) == (one, one)
        assert is_wider(other, one)
        assert not is_wider(one, other)
        assert not is_wider(one, one)
    assert narrower("everybody", "link") == "everybody"
    assert not is_wider("everybody", "me")


@pytest.mark.parametrize("value", ["everybody", "", None, 3, ["me"], "Link"])
def test_unknown_audience(value):
    """The message names the field and the possible values."""
    with pytest.raises(InvalidInput, match='audience must be "me", "people", "hub" or "link"'):
        parse_audience(value)
    assert [parse_audience(name) for name in AUDIENCES] == list(AUDIENCES)


def test_people():
    """Names are in order, once each, without blanks around them."""
    assert parse_people(["eve", " ada", "eve"], "users") == ("ada", "eve")
    assert parse_people(None, "users") == parse_people([], "users") == ()


@pytest.mark.parametrize("value", ["ada", {"ada": 1}, [1], [""], ["  "], ["x" * 256], ["x"] * (MAX_PEOPLE + 1)])
def test_malformed_people(value):
    """The message names the field; a string is no list of letters."""
    with pytest.raises(InvalidInput, match="groups"):
        parse_people(value, "groups")


def test_description():
    """Whom a link is for, in words."""
    assert describe_audience("people", ["ada", "bob"], ["lab"]) == "ada, bob and group lab"
    assert describe_audience("people", [], []) == "nobody yet"
    assert [describe_audience(name, (), ()) for name in ("me", "hub", "link")] == [
        "you only",
        "everyone on this hub",
        "anyone with the link",
    ]
