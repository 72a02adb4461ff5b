"""JupyterHub: who its users are on a user's own server. Server process.

The one module that knows JupyterHub: its environment, its users and its scopes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..model.keys import SCOPES, Scope
from .services.auth.logins import Logins, SingleOwner
from .services.auth.principal import Principal


class UserServerLogins:
    """On the server of a Hub's user: the user is its owner, and all others may only look.

    Whoever has been given access to the server by a share of the Hub is such a guest, and so are its administrators and
    services.

    Parameters
    ----------
    owner
        Of all figures of this server, ``FigServe.owner``.
    user
        The Hub's name of the user.
    """

    def __init__(self, owner: str, user: str) -> None:
        self._owner = owner
        self._user = user
        self._advice = f"This is the server of {user}: you may look at the figures; only {user} can change them."

    def identify(self, user: Any) -> Principal:
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


def person_of(hub_user: Mapping[str, Any]) -> str:
    """Return the name of a user, or of a service, which never is that of a user."""
    name = str(hub_user["name"])
    return name if hub_user.get("kind", "user") == "user" else f"service {name}"


def make_logins(owner: str, environment: Mapping[str, str] = os.environ) -> Logins:
    """Return what identifies the logins of this server."""
    user = environment.get("JUPYTERHUB_USER")
    return SingleOwner(owner) if user is None else UserServerLogins(owner, user)
