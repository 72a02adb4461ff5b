"""Who the users of a JupyterHub are to a server, and what they may do. Server process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ...errors import Forbidden
from ...hub import PUBLISH_SCOPE, READ_SCOPE
from ...model.keys import SCOPES, Scope
from ..services.auth.logins import Logins, SingleOwner
from ..services.auth.principal import Principal
from .environment import is_service

SERVICE_PERSON = "service "
"""Precedes the name of a service."""
_ADVICE = "Ask the JupyterHub's administrator for {line} (jupyter_figserve.hub.configure(c, url=...) sets it)."
_TOKEN_LINE = f'c.Spawner.server_token_scopes = [..., "access:services!service={{service}}", "{PUBLISH_SCOPE}"]'
_LOGIN_LINE = (
    f'c.JupyterHub.extra_user_scopes = {{{{"access:services!service={{service}}", "{PUBLISH_SCOPE}"}}}} (JupyterHub 5:'
    f' in the role "user" of load_roles) and "oauth_client_allowed_scopes": ["{PUBLISH_SCOPE}"] in the service'
)
_ACCESS_LINE = 'the scope "access:services!service={service}" in ' + _LOGIN_LINE.partition(" and ")[0]


class UserServerLogins:
    """On the server of a Hub's user: the user is its owner, and all others may only look.

    Such guests are those with a share of the server, and the Hub's administrators and services.

    Parameters
    ----------
    owner
        Owner of all figures of this server, ``FigServe.owner``.
    user
        The Hub's name of the user.
    """

    knows_people = True

    def __init__(self, owner: str, user: str) -> None:
        self._owner = owner
        self._user = user
        self._advice = f"This is the server of {user}: you may look at the figures; only {user} can change them."

    def identify(self, user: Any, *, by_token: bool = False) -> Principal:
        found: Mapping[str, Any] | None = getattr(user, "hub_user", None)
        if found is None:
            # The server's own token, where the Hub does not check logins.
            return Principal(self._owner, frozenset(SCOPES))
        groups = frozenset(found.get("groups") or ())
        if person_of(found) == self._user:
            return Principal(self._owner, frozenset(SCOPES), groups=groups)
        return Principal(
            self._owner, frozenset({Scope.READ}), person=person_of(found), groups=groups, advice=self._advice
        )


class ServiceLogins:
    """On the Hub's service: everybody owns what they publish, with the rights that the Hub's scopes give.

    Parameters
    ----------
    service
        The service's name in the Hub.
    """

    knows_people = True

    def __init__(self, service: str) -> None:
        self._service = service

    def identify(self, user: Any, *, by_token: bool = False) -> Principal:
        found: Mapping[str, Any] = user.hub_user
        name, given = person_of(found), set(found.get("scopes") or ())
        advice = _advise(_TOKEN_LINE if by_token else _LOGIN_LINE, self._service)
        scopes = set()
        if _has(given, READ_SCOPE, name) or _has(given, PUBLISH_SCOPE, name):
            scopes.add(Scope.READ)
        if _has(given, PUBLISH_SCOPE, name):
            scopes |= {Scope.PUBLISH, Scope.RENDER}
            # The token of an administrator's server is no administrator.
            if found.get("admin") and (not by_token or "admin:users" in given):
                scopes.add(Scope.ADMIN)
        if not scopes:
            subject = "This token of" if by_token else "The login of"
            raise Forbidden(f"{subject} {name} has no scope {PUBLISH_SCOPE}. {advice}", code="scope_missing")
        groups, login = frozenset(found.get("groups") or ()), getattr(user, "login", "")
        return Principal(name, frozenset(scopes), groups=groups, advice=advice, login=login)


def _has(given: set[str], scope: str, name: str) -> bool:
    return scope in given or f"{scope}!user={name}" in given


def person_of(hub_user: Mapping[str, Any]) -> str:
    """Return the name of a user, or of a service, which never is that of a user."""
    name = str(hub_user["name"])
    return name if hub_user.get("kind", "user") == "user" else SERVICE_PERSON + name


def make_logins(owner: str, environment: Mapping[str, str] = os.environ) -> Logins:
    """Return what identifies the logins of this server."""
    if is_service(environment):
        return ServiceLogins(environment["JUPYTERHUB_SERVICE_NAME"])
    user = environment.get("JUPYTERHUB_USER")
    return SingleOwner(owner) if user is None else UserServerLogins(owner, user)


def access_advice(service: str) -> str:
    """Return what to do for a user who has no access to the service."""
    return _advise(_ACCESS_LINE, service)


def _advise(line: str, service: str) -> str:
    return _ADVICE.format(line=line.format(service=service))
