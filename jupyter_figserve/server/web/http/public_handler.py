"""The base of handlers without authentication. Server process."""

from __future__ import annotations

from collections.abc import Awaitable

from ....errors import InvalidInput, NotFound
from .handler import FigServeHandler


class PublicHandler(FigServeHandler):
    """Base of handlers without authentication: cookies and tokens have no effect; no cookie is set."""

    def admit(self) -> Awaitable[None] | None:
        turn = self.wait_for_turn()
        if turn is not None:
            return self._admit_in_turn(turn)
        self.check_request()
        return None

    async def _admit_in_turn(self, turn: Awaitable[None]) -> None:
        await turn
        self.check_request()

    def check_request(self) -> None:
        """Check what concerns every public address; raise an exception to reject the request."""
        self.current_user = self._jupyter_current_user = None
        self.require_known_host()
        if self.request.query and "token" in self.request.query_arguments:
            raise InvalidInput("This address does not accept a token. Open it without one.", code="token_in_query")

    def check_xsrf_cookie(self) -> None:
        """Check nothing: no request here acts for a logged-in user."""


class MissingHandler(PublicHandler):
    """Responds 404 to unknown paths under our prefix; Jupyter's own 404 page would contain the server's token."""

    is_page = True
    redacted_path = "/[unknown]"
    """A mistyped link with its token ends up here."""

    def check_request(self) -> None:
        super().check_request()
        raise NotFound
