"""Links as values: tokens, expiry, cacheability, and their JSON."""

from __future__ import annotations

import json

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.links import (
    FIGURE,
    LIVE,
    Link,
    Target,
    check_label,
    is_token,
    new_link_id,
)


def link(**fields) -> Link:
    return Link(**{"id": "l", "token_hash": "h", "target": Target(FIGURE, "f"), "created": 1.0} | fields)


@pytest.mark.parametrize(
    "text", ["", "a" * 31, "a" * 33, "a" * 32 + "\n", "a" * 31 + "/", "a" * 31 + "é", "a" * 31 + "."]
)
def test_malformed_tokens(text: str):
    """Most guesses are rejected by their form alone, without a lookup."""
    assert not is_token(text)


def test_link_ids_are_not_tokens():
    """The form of an id differs from that of a token."""
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
def test_link_is_open_until_it_expires(fields, is_open: bool):
    """A link is closed in the second in which it expires; a paused link is always closed."""
    assert link(**fields).is_open(100.0) is is_open


@pytest.mark.parametrize(
    ("fields", "cacheable"), [({}, True), ({"expires": 9.0}, True), ({"views": 1}, False), ({"audience": "hub"}, False)]
)
def test_cacheable_links(fields, cacheable: bool):
    """Links with a view limit or a restricted audience are not cacheable."""
    assert link(**fields).is_cacheable is cacheable


def test_labels():
    """One line of at most 200 characters."""
    assert check_label(" for\nBob ") == "for Bob"
    with pytest.raises(InvalidInput, match="label"):
        check_label("x" * 201)


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 60),
        ({"expires": 1_000.0}, 60),
        ({"expires": 130.9}, 30),
        ({"expires": 100.5}, 0),
        ({"expires": 90.0}, 0),
        ({"views": 3}, 0),
        ({"audience": "hub"}, 0),
    ],
)
def test_caches_never_outlive_the_link(fields, seconds: int):
    """The server's limit is shortened to the link's remaining lifetime; a link that is not cacheable has none."""
    assert link(**fields).cache_seconds(60, 100.0) == seconds


def test_json_reads_back_as_the_same_link():
    """Locked and allowed parameters are included; unknown fields are ignored."""
    made = link(target=Target(LIVE, "v"), locked={"since": 2011}, allowed=("type",), label="x", seen=3)
    written = json.loads(json.dumps(made.as_json()))
    assert Link.from_json(written) == made
    assert Link.from_json(written | {"colour": "red"}) == made
    assert hash(made) == hash(Link.from_json(written))


def test_json_that_lost_a_field_opens_no_link():
    """Without an audience a link is its owner's alone, and one for people without people is for nobody else."""
    written = link(audience="people", users=("ada",), groups=("lab",)).as_json()
    assert Link.from_json(json.loads(json.dumps(written))).users == ("ada",)
    lost = {name: value for name, value in written.items() if name != "audience"}
    assert Link.from_json(lost).audience == "me"
    lost = {name: value for name, value in written.items() if name not in ("users", "groups")}
    assert (Link.from_json(lost).users, Link.from_json(lost).groups) == ((), ())
    with pytest.raises(TypeError):
        Link.from_json(written | {"users": "ada"})


@pytest.mark.parametrize(
    ("kind", "noun", "page"),
    [
        ("figure", "figure", "figures/i"),
        ("live", "live figure", "live/f/i"),
        ("dashboard", "dashboard", "dashboards/i"),
    ],
)
def test_targets_have_a_name_and_a_page(kind, noun, page):
    """Only the page of a live figure is not beside its API."""
    target = Target(kind, "i")
    assert (target.noun, target.page_path) == (noun, page)
    assert target.api_path == f"api/{page.replace('/f/', '/')}"
