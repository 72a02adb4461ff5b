"""Logins: which principal a person is who has logged in to Jupyter. Server process.

``server/hub/logins.py`` has those of a JupyterHub.
"""

from __future__ import annotations

from typing import Any, Protocol

from ....model.keys import SCOPES
from .principal import Principal


class Logins(Protocol):
    """Turns the user that Jupyter has authenticated into a principal.

    Attributes
    ----------
    knows_people
        Whether there are users and groups besides the owner, whom links may be for.
    """

    knows_people: bool

    def identify(self, user: Any, *, by_token: bool = False) -> Principal:
        """Return the principal of a ``jupyter_server.auth.User``.

        Parameters
        ----------
        by_token
            Whether a program sends a token, rather than a browser its cookie.

        Raises
        ------
        Forbidden
            When the person may not do anything here.
        """


class SingleOwner:
    """Everybody who can log in is the one owner of this server, with all scopes."""

    knows_people = False

    def __init__(self, owner: str) -> None:
        self._principal = Principal(owner, frozenset(SCOPES))

    def identify(self, user: Any, *, by_token: bool = False) -> Principal:
        return self._principal
