"""The principal: who makes a request, on whose behalf, and with which rights. Server process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ....errors import Forbidden
from ....model.keys import Key, Scope
from ..callers import Caller, key_holder, owner_caller


@dataclass(frozen=True)
class Principal:
    """The caller of a request.

    Parameters
    ----------
    owner
        Whose things it publishes and lists.
    scopes
        What it may do with them.
    key
        The key that was sent; None for a login.
    person
        Name of the person who logged in. It differs from ``owner`` for a guest, who looks at another person's server.
    groups
        Names of the person's groups; a key has none.
    advice
        What a login that lacks a scope must do to get it; "" where making another key helps.
    login
        Distinguishes the logins of a name, "" where they cannot be told apart.
    """

    owner: str
    scopes: frozenset[str]
    key: Key | None = None
    person: str = ""
    groups: frozenset[str] = frozenset()
    advice: str = ""
    login: str = ""

    def __post_init__(self) -> None:
        if not self.person:
            object.__setattr__(self, "person", self.owner)

    @property
    def kernel(self) -> str | None:
        return self.key.kernel if self.key else None

    @property
    def is_login(self) -> bool:
        return self.key is None

    @property
    def is_admin(self) -> bool:
        return Scope.ADMIN in self.scopes

    @property
    def is_guest(self) -> bool:
        """Whether the person looks at what belongs to another owner."""
        return self.person != self.owner

    @property
    def client(self) -> str:
        """Whose rate limit its renders count against."""
        return self.key.id if self.key else f"login {self.person}"

    @property
    def caller(self) -> Caller:
        """Whose turns it takes in queues; a kernel's key is the owner's."""
        return owner_caller(self.owner) if self.key is None or self.key.kernel else key_holder(self.key.id)

    @property
    def owner_filter(self) -> str | None:
        """The owner whose items a list shows; None shows all, for a key with the scope ``admin``."""
        return None if self.is_admin and not self.is_login else self.owner

    def may_see(self, owner: str) -> bool:
        return owner == self.owner or self.is_admin

    def check(self, allowed: Iterable[str]) -> None:
        """Require one of the scopes ``allowed``.

        Raises
        ------
        Forbidden
            When the principal has none of them; the message names them, and how to get them.
        """
        required = tuple(allowed)
        if self.scopes.intersection(required):
            return
        names = " or ".join(required)
        if self.is_login and required == (Scope.ADMIN,):
            message = "Only an administrator may do that."
        elif self.is_login:
            message = f"Your login has no right to {names} here. {self.advice or 'Ask the owner.'}"
        else:
            create = f"jupyter figserve keys create --scopes {required[0]}"
            message = f"This API key lacks the scope {names}. Create one with `{create}`."
        raise Forbidden(message, code="scope_missing")
