"""Base of handlers that anyone may call, and that tell known callers more. Server process."""

from __future__ import annotations

from typing import Any

from jupyter_core.utils import ensure_async

from ....errors import Forbidden, Unauthorized
from ....model.keys import Scope
from ...services.auth.credentials import find_key
from ...services.auth.principal import Principal
from .public_handler import PublicHandler

CREDENTIALS = ("Authorization", "Cookie", "X-API-Key")
"""Headers on which the response depends."""


class OptionalCallerHandler(PublicHandler):
    """Knows the caller where a login or a key is sent along."""

    async def find_caller(self) -> Principal | None:
        """Return who sends the request, with the scope ``read``; None for anyone else, and for pages of other sites.

        A wrong key or token counts as none, and against the rate of wrong secrets.
        """
        caller = await self.find_principal()
        return caller if caller is not None and Scope.READ in caller.scopes else None

    async def find_principal(self) -> Principal | None:
        """Return who sends the request, as ``find_caller``, with any scope."""
        if self.is_cross_site or not self.has_credentials:
            return None
        presented = find_key(self.request.headers)
        try:
            if presented is not None:
                caller = await self.context.authenticator.key(presented, self.request.remote_ip or "")
            else:
                user = await ensure_async(self.identity_provider.get_user(self))
                if user is None:
                    self.count_wrong_token()
                    return None
                caller = await self.context.authenticator.login(user, by_token=self.token_authenticated)
        except (Unauthorized, Forbidden):
            return None
        return caller

    @property
    def has_credentials(self) -> bool:
        return any(name in self.request.headers for name in CREDENTIALS)

    def set_cookie(self, *args: Any, **kwargs: Any) -> None:
        """Set no cookie but the state of a login: checking a token must not log in, nor a wrong cookie log out."""
        if self.is_logging_in:
            super().set_cookie(*args, **kwargs)
