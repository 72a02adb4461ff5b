"""Parsing of requests that create or change a link, for every kind of target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jupyter_figserve.errors import Forbidden, InvalidInput
from jupyter_figserve.model.links import LIVE, Link, Target
from jupyter_figserve.model.snippets import Snippets
from jupyter_figserve.server.services.links.audience import AudiencePolicy
from jupyter_figserve.server.web.links.link_body import LinkParser
from jupyter_figserve.server.web.links.link_targets import LinkTarget

NOW, DAY = 1_800_000_000.0, 86_400.0
ANYONE = AudiencePolicy("link", knows_people=False)
TARGET = Target(LIVE, "a" * 16)


class AnyTarget(LinkTarget):
    """A target without options of its own."""

    fields = ("expires", "label", "audience")

    def parse_options(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"views": body.get("views")}

    def parse_changes(self, body: Mapping[str, Any], link: Link) -> dict[str, Any]:
        return {name: body[name] for name in ("views",) if name in body}

    def make_snippets(self, url: str) -> Snippets:
        raise NotImplementedError


def parser_at(now: float, max_age: float | None = None, audiences: AudiencePolicy = ANYONE) -> LinkParser:
    return LinkParser(max_age, now, audiences)


def parse(body: dict[str, Any], *, max_age: float | None = None, audiences: AudiencePolicy = ANYONE) -> Link:
    return parser_at(NOW, max_age, audiences).parse_new(body, AnyTarget(), TARGET)


def test_defaults():
    """A link lives 30 days, is open and has no label."""
    link = parse({})
    assert (link.target, link.token_hash, link.created) == (TARGET, "", NOW)
    assert (link.expires, link.label, link.paused) == (NOW + 30 * DAY, "", False)


def test_options_of_the_target_are_kept():
    """Each kind of target adds its own fields to the link."""
    assert parse({"views": 3}).views == 3


@pytest.mark.parametrize(("value", "expires"), [(None, NOW + 30 * DAY), ("never", None), ("1h", NOW + 3_600)])
def test_expiry(value: object, expires: float | None):
    """Null means the default."""
    assert parse({"expires": value}).expires == expires


@pytest.mark.parametrize("value", ["never", "11d", None])
def test_life_is_limited(value: object):
    """Also for the default and for links that would never expire."""
    with pytest.raises(InvalidInput, match="10 days") as caught:
        parse({"expires": value}, max_age=10 * DAY)
    assert caught.value.code == "link_too_long"
    assert parse({"expires": "10d"}, max_age=10 * DAY).expires == NOW + 10 * DAY


def test_audience_and_people_are_kept():
    """They are validated by the server's policy."""
    link = parse({"users": ["eve", "ada"], "groups": ["lab"]}, audiences=AudiencePolicy("hub", True))
    assert (link.audience, link.users, link.groups) == ("people", ("ada", "eve"), ("lab",))
    assert parse({}).audience == "link"
    with pytest.raises(Forbidden):
        parse({"audience": "link"}, audiences=AudiencePolicy("hub", True))


def test_changes():
    """Only the fields that the request names; the limit counts from the link's creation."""
    link, parser, target = parse({}, max_age=30 * DAY), parser_at(NOW + DAY, 30 * DAY), AnyTarget()
    assert parser.parse_changes({}, target, link) == {}
    changes = {"paused": True, "label": " x ", "expires": "29d", "views": 3}
    expected = {"paused": True, "label": "x", "expires": NOW + 30 * DAY, "views": 3}
    assert parser.parse_changes(changes, target, link) == expected
    with pytest.raises(InvalidInput):
        parser.parse_changes({"expires": "30d"}, target, link)
    expected = {"audience": "me", "users": (), "groups": ()}
    assert parser.parse_changes({"audience": "me"}, target, link) == expected


@pytest.mark.parametrize("value", ["yes", None, 1])
def test_paused_is_a_boolean(value: object):
    """Other values are refused rather than converted."""
    with pytest.raises(InvalidInput, match="paused"):
        parser_at(NOW).parse_changes({"paused": value}, AnyTarget(), parse({}))
