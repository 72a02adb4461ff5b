"""Parsing of requests that create or change a link, for every kind of target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jupyter_figserve.errors import Conflict, InvalidInput
from jupyter_figserve.model.links import LIVE, Link, Target
from jupyter_figserve.model.snippets import Snippets
from jupyter_figserve.server.web.links.link_body import LinkParser
from jupyter_figserve.server.web.links.link_targets import LinkTarget

NOW, DAY = 1_800_000_000.0, 86_400.0
TARGET = Target(LIVE, "a" * 16)


class AnyTarget(LinkTarget):
    """A target without options of its own."""

    fields = ("expires", "label", "audience")

    def __init__(self, *, takes_audiences: bool = False) -> None:
        self.takes_audiences = takes_audiences  # type: ignore[misc]

    def check_allowed(self, config: object) -> None:
        pass

    def parse_options(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"views": body.get("views")}

    def make_snippets(self, url: str) -> Snippets:
        raise NotImplementedError


def parse(body: dict[str, Any], *, max_age: float | None = None, takes_audiences: bool = False) -> Link:
    shown = AnyTarget(takes_audiences=takes_audiences)
    return LinkParser(max_age, NOW).parse_new(body, shown, TARGET)


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


@pytest.mark.parametrize("takes_audiences", [True, False])
@pytest.mark.parametrize(
    "body", [{"audience": "hub"}, {"audience": "people"}, {"users": ["ann"]}, {"groups": ["staff"]}]
)
def test_audiences_need_a_hub(body: dict[str, Any], takes_audiences: bool):
    """409 for every kind of target."""
    with pytest.raises(Conflict) as caught:
        parse(body, takes_audiences=takes_audiences)
    assert caught.value.code == "no_hub"


def test_unknown_audience():
    """400 where requests may name an audience."""
    with pytest.raises(InvalidInput, match="audience"):
        parse({"audience": "everybody"}, takes_audiences=True)


def test_changes():
    """Only the fields that the request names; the limit counts from the link's creation."""
    link, parser = parse({}, max_age=30 * DAY), LinkParser(30 * DAY, NOW + DAY)
    assert parser.parse_changes({}, link) == {}
    changes = {"paused": True, "label": " x ", "expires": "29d"}
    assert parser.parse_changes(changes, link) == {"paused": True, "label": "x", "expires": NOW + 30 * DAY}
    with pytest.raises(InvalidInput):
        parser.parse_changes({"expires": "30d"}, link)


@pytest.mark.parametrize("value", ["yes", None, 1])
def test_paused_is_a_boolean(value: object):
    """Other values are refused rather than converted."""
    with pytest.raises(InvalidInput, match="paused"):
        LinkParser(None, NOW).parse_changes({"paused": value}, parse({}))
