"""The audiences of links: which ones may be chosen, and who belongs to one. Server process.

The owner belongs to every audience, also of a link with a wider one. An administrator is nobody special here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....errors import Conflict, Forbidden, InvalidInput
from ....model.audiences import HUB, LINK, ME, PEOPLE, is_wider, parse_audience, parse_people
from ....model.links import Link
from ..auth.principal import Principal

AUDIENCE_FIELDS = ("audience", "users", "groups")
_REACH = {ME: "you alone", PEOPLE: "people and groups that you name", HUB: "everyone on this hub"}
NOT_IN_AUDIENCE = (
    "You are logged in as {person}, and this link is for other people. Ask the person who sent it to share it with"
    " {person} too, or log in as another user."
)
LOGIN_REQUIRED = "This link is for people who log in. Log in, or send a key of yours in the X-API-Key header."


def check_admitted(link: Link, owner: str, viewer: Principal) -> None:
    """Require that a viewer belongs to the audience of a link.

    Parameters
    ----------
    owner
        Of what the link shows.

    Raises
    ------
    Forbidden
        Otherwise; the message tells nothing about the link.
    """
    if not is_admitted(link, owner, viewer):
        raise Forbidden(NOT_IN_AUDIENCE.format(person=viewer.person), code="not_in_audience")


def is_admitted(link: Link, owner: str, viewer: Principal) -> bool:
    """Whether a viewer belongs to the audience of a link, or is the owner of what it shows."""
    if viewer.person == owner:
        return True
    if link.audience == PEOPLE:
        return viewer.person in link.users or not viewer.groups.isdisjoint(link.groups)
    return link.audience in (HUB, LINK)


@dataclass(frozen=True)
class AudiencePolicy:
    """The audiences that links of a server may have.

    Parameters
    ----------
    max_audience
        The widest one.
    knows_people
        Whether the server knows users and groups, which are those of a JupyterHub.
    """

    max_audience: str
    knows_people: bool

    @property
    def default(self) -> str:
        """The audience of a link for which none is given."""
        return self.max_audience if self.knows_people or self.max_audience == LINK else ME

    @property
    def offered(self) -> tuple[str, ...]:
        """The audiences to choose from, the narrowest first."""
        known = (ME, PEOPLE, HUB, LINK) if self.knows_people else (ME, LINK)
        return tuple(audience for audience in known if not is_wider(audience, self.max_audience))

    def parse_new(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the audience and the people of a new link.

        Raises
        ------
        InvalidInput
            When a field is wrong; the message names it.
        Conflict
            When people are named on a server that knows none.
        Forbidden
            When the audience is wider than the server allows.
        """
        given = {name: body[name] for name in AUDIENCE_FIELDS if body.get(name) is not None}
        users, groups = (parse_people(given.get(name), name) for name in ("users", "groups"))
        audience = parse_audience(given.get("audience", PEOPLE if users or groups else self.default))
        self._check(audience, users, groups, is_chosen="audience" in given)
        return {"audience": audience, "users": users, "groups": groups}

    def parse_changes(self, body: Mapping[str, Any], link: Link) -> dict[str, Any]:
        """Return the audience and the people that a request changes, as ``parse_new``; people imply their audience."""
        if not any(name in body for name in AUDIENCE_FIELDS):
            return {}
        names = [parse_people(body[name], name) if name in body else None for name in ("users", "groups")]
        audience = body.get("audience")
        if audience is None:
            audience = PEOPLE if any(names) else link.audience
        audience = parse_audience(audience)
        kept = (link.users, link.groups) if audience == PEOPLE else ((), ())
        users, groups = (old if new is None else new for new, old in zip(names, kept, strict=True))
        self._check(audience, users, groups, is_chosen=True)
        return {"audience": audience, "users": users, "groups": groups}

    def _check(self, audience: str, users: tuple[str, ...], groups: tuple[str, ...], *, is_chosen: bool) -> None:
        if not self.knows_people and (audience in (PEOPLE, HUB) or users or groups):
            raise Conflict(
                'Only a JupyterHub knows people and groups, and this server has none. Set audience to "me" or "link".',
                code="no_hub",
            )
        if is_wider(audience, self.max_audience):
            raise Forbidden(
                f'Links on this server are for {_REACH[self.max_audience]} at most. Set audience to "'
                f'{self.default}", or ask an administrator for FigServe.max_audience = "{audience}".',
                code="audience_too_wide",
            )
        if audience == PEOPLE and not (users or groups):
            reason = "" if is_chosen else ", as links on this server are (FigServe.max_audience)"
            raise InvalidInput(
                f'Name users or groups, because the audience is "people"{reason}, or set audience to "me".'
            )
        if audience != PEOPLE and (users or groups):
            raise InvalidInput(f'users and groups are for the audience "people", and audience is "{audience}".')
