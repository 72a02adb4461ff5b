"""Whether the client of a request for a link belongs to its audience, by login or key. Server process.

Public links never come here: what they show does not depend on who asks.
"""

from __future__ import annotations

from typing import NoReturn

from jupyter_core.utils import ensure_async

from ....errors import Unauthorized
from ....model.keys import READ
from ...services.auth.credentials import find_key
from ...services.auth.principal import Principal
from ...services.links.audience import LOGIN_REQUIRED, check_admitted
from ...services.links.resolver import ResolvedLink
from ..http.login import LoginRedirect
from ..http.optional_caller import OptionalCallerHandler


class AudienceHandler(OptionalCallerHandler):
    """Base of the handlers of links, which may be for certain people only."""

    async def admit_viewer(self, resolved: ResolvedLink) -> Principal:
        """Return who sends the request; a visitor who navigates is redirected to the login form.

        Raises
        ------
        Unauthorized
            For any other request of a visitor, and for a wrong key.
        Forbidden
            When the person does not belong to the audience.
        """
        viewer = await self._find_viewer()
        if viewer is None:
            if self.is_page and self.is_navigation:
                self.set_header("Cache-Control", "private, no-store")
                self._redirect_to_login()
            raise Unauthorized(LOGIN_REQUIRED, code="login_required")
        check_admitted(resolved.link, resolved.owner, viewer)
        return viewer

    def _redirect_to_login(self) -> NoReturn:
        try:
            self.redirect_to_login()
        except LoginRedirect as login:
            self.redirect(login.url)
            raise

    async def _find_viewer(self) -> Principal | None:
        """Return the person of the request; None for a visitor.

        A page of another site may lead here, and cannot load what the link shows with the cookies of its visitor.
        """
        presented = find_key(self.request.headers)
        if presented is not None:
            viewer = await self.context.authenticator.key(presented, self.request.remote_ip or "")
        else:
            if self.is_cross_site and not self.is_navigation and "Authorization" not in self.request.headers:
                return None
            # Also without credentials: a Hub's identity provider prepares its login here.
            user = await ensure_async(self.identity_provider.get_user(self))
            if user is None:
                self.count_wrong_token()
                return None
            viewer = await self.context.authenticator.login(user, by_token=self.token_authenticated)
        viewer.check(READ)
        return viewer
