"""The audiences of links: which ones may be chosen, and who belongs to one."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_figserve.errors import Conflict, FigServeError, Forbidden, InvalidInput
from jupyter_figserve.model.audiences import AUDIENCES
from jupyter_figserve.model.keys import SCOPES, Scope
from jupyter_figserve.model.links import FIGURE, Link, Target
from jupyter_figserve.server.services.auth.principal import Principal
from jupyter_figserve.server.services.links.audience import AudiencePolicy, check_admitted, is_admitted

HUB = AudiencePolicy("hub", knows_people=True)
OPEN = AudiencePolicy("link", knows_people=True)
ALONE = AudiencePolicy("link", knows_people=False)


def link(audience: str, **people: tuple[str, ...]) -> Link:
    return Link("l", "h", Target(FIGURE, "f"), 1.0, audience=audience, **people)  # type: ignore[arg-type]


def person(name: str, *groups: str, scopes: frozenset[Scope] = frozenset({Scope.READ})) -> Principal:
    return Principal(name, scopes, groups=frozenset(groups))


def admitted(audience: str, viewer: Principal) -> bool:
    return is_admitted(link(audience, users=("bob",), groups=("lab",)), "ann", viewer)


def test_owner_belongs_to_every_audience():
    """Also to one that this version does not know."""
    assert all(admitted(audience, person("ann")) for audience in (*AUDIENCES, "everybody"))


def test_people():
    """Those who are named and members of the groups; a group is no user, and the case counts."""
    assert admitted("people", person("bob"))
    assert admitted("people", person("eve", "staff", "lab"))
    for other in (person("eve"), person("lab"), person("eve", "bob"), person("Bob"), person("eve", "Lab")):
        assert not admitted("people", other)


@pytest.mark.parametrize(("audience", "expected"), [("me", False), ("people", False), ("hub", True), ("x", False)])
def test_anybody_else(audience: str, expected: bool):
    """An administrator is nobody special, and a guest is not the owner whose server it looks at."""
    admin = person("root", scopes=frozenset(SCOPES))
    guest = Principal("ann", frozenset({Scope.READ}), person="eve")
    assert [admitted(audience, viewer) for viewer in (person("eve"), admin, guest)] == [expected] * 3


def test_message_tells_nothing_about_the_link():
    """It names the person who is logged in, and what to do."""
    with pytest.raises(Forbidden) as caught:
        check_admitted(link("people", users=("bob",)), "ann", person("eve"))
    assert caught.value.code == "not_in_audience"
    assert "eve" in caught.value.message
    assert "ann" not in caught.value.message
    assert "bob" not in caught.value.message


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (ALONE, "link"),
        (OPEN, "link"),
        (HUB, "hub"),
        (AudiencePolicy("me", True), "me"),
        (AudiencePolicy("me", False), "me"),
        (AudiencePolicy("hub", False), "me"),
    ],
)
def test_default(policy: AudiencePolicy, expected: str):
    """Anyone with the link, or the widest audience that the server allows and has."""
    assert policy.parse_new({"audience": None, "users": None})["audience"] == expected
    assert policy.parse_new({})["audience"] == expected


def test_offered():
    """What a dialog can offer: without a Hub there are no people."""
    assert OPEN.offered == AUDIENCES
    assert HUB.offered == ("me", "people", "hub")
    assert ALONE.offered == ("me", "link")
    assert AudiencePolicy("hub", False).offered == ("me",)


def test_people_imply_their_audience():
    """Also beside the default of a narrower server; each name once."""
    expected = {"audience": "people", "users": ("ada", "bob"), "groups": ()}
    for policy in (OPEN, HUB, AudiencePolicy("people", True)):
        assert policy.parse_new({"users": ["bob", "ada", "bob"]}) == expected
        assert policy.parse_new({"users": ["bob", "ada"], "audience": "people", "groups": []}) == expected


@pytest.mark.parametrize(
    ("policy", "body", "error", "words"),
    [
        (OPEN, {"audience": "people"}, InvalidInput, ["users or groups", '"me"']),
        (AudiencePolicy("people", True), {}, InvalidInput, ["users or groups", "FigServe.max_audience"]),
        (OPEN, {"audience": "link", "users": ["bob"]}, InvalidInput, ["users", '"people"']),
        (OPEN, {"audience": "me", "groups": ["lab"]}, InvalidInput, ["groups", '"people"']),
        (OPEN, {"audience": "everybody"}, InvalidInput, ["audience must be"]),
        (OPEN, {"users": "bob"}, InvalidInput, ["users must be a list"]),
        (OPEN, {"groups": [1]}, InvalidInput, ["groups"]),
        (HUB, {"audience": "link"}, Forbidden, ["everyone on this hub", '"hub"', 'FigServe.max_audience = "link"']),
        (AudiencePolicy("me", True), {"users": ["bob"]}, Forbidden, ["you alone", '"me"', '"people"']),
        (ALONE, {"audience": "hub"}, Conflict, ["JupyterHub", '"link"']),
        (ALONE, {"audience": "people"}, Conflict, ["JupyterHub"]),
        (ALONE, {"users": ["bob"]}, Conflict, ["JupyterHub"]),
        (ALONE, {"groups": ["lab"]}, Conflict, ["JupyterHub"]),
    ],
)
def test_refused(policy: AudiencePolicy, body: dict[str, Any], error: type[FigServeError], words: list[str]):
    """The message names the field, the limit, and what to ask for."""
    with pytest.raises(error) as caught:
        policy.parse_new(body)
    assert all(word in caught.value.message for word in words), caught.value.message


def test_changes():
    """Absent people stay while the audience is people, and go with it; named people make it people."""
    shown = link("people", users=("bob",), groups=("lab",))
    assert OPEN.parse_changes({"label": "x"}, shown) == {}
    assert OPEN.parse_changes({"users": ["eve"]}, shown) == {
        "audience": "people",
        "users": ("eve",),
        "groups": ("lab",),
    }
    assert OPEN.parse_changes({"users": []}, shown) == {"audience": "people", "users": (), "groups": ("lab",)}
    assert OPEN.parse_changes({"audience": "hub"}, shown) == {"audience": "hub", "users": (), "groups": ()}
    assert OPEN.parse_changes({"users": ["eve"]}, link("hub"))["audience"] == "people"
    with pytest.raises(InvalidInput):
        OPEN.parse_changes({"users": [], "groups": []}, shown)
    with pytest.raises(InvalidInput):
        OPEN.parse_changes({"audience": "people"}, link("hub"))
    with pytest.raises(Forbidden):
        HUB.parse_changes({"audience": "link"}, shown)
