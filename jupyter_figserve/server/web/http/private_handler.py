"""Handlers that ask who calls: a login of Jupyter's or one of our keys, and a scope by method. Server process."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlencode

from jupyter_core.utils import ensure_async
from jupyter_server.auth import User
from tornado import web

from .... import errors
from ....model.figures import FigureRecord, Identity, is_id
from ....model.keys import ADMIN
from ...services.auth.credentials import NO_KEY, Principal, find_key
from .handler import SAFE_METHODS, FigServeHandler


class AuthenticatedHandler(FigServeHandler):
    """Asks for a login of Jupyter's (cookie or token) or one of our keys, and for a scope by method."""

    scopes: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Which scopes allow each method; any one suffices. A method that is missing here is refused to keys."""

    principal: Principal

    async def prepare(self) -> None:  # type: ignore[override]
        self.current_user = self._jupyter_current_user = None
        if not self.check_host():
            raise errors.Forbidden("This server does not answer under that host name.", code="unknown_host")
        presented = find_key(self.request.headers)
        if presented is not None:
            self.principal = await self.context.authenticator.key(presented, self.request.remote_ip or "")
            # Now that a key speaks, a cookie that comes with it adds no rights.
            self.current_user = self._jupyter_current_user = User(username=self.principal.owner)
            self._check_origin()
        else:
            await self._prepare_login()
            self._check_origin()
            self._check_csrf()
        self.principal.check(self.scopes.get(self.request.method or "", ADMIN))

    async def _prepare_login(self) -> None:
        user = await ensure_async(self.identity_provider.get_user(self))
        if user is None:
            if self.is_page and self._wants_page() and self.request.method in SAFE_METHODS:
                self.redirect(f"{self.get_login_url()}?{urlencode({'next': self.request.uri or ''})}")
                raise web.Finish
            self._note_wrong_token()
            raise errors.Unauthorized(NO_KEY)
        self.current_user = self._jupyter_current_user = user
        self.principal = self.context.authenticator.login()

    def check_xsrf_cookie(self) -> None:
        """Checked in prepare, once it is known who asks."""

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """As Jupyter checks it; ``public_url`` is ours too, though a proxy may ask by another name."""
        own = self.context.addresses.public_origin
        return (own is not None and self.request.headers.get("Origin") == own) or super().check_origin()

    def _check_csrf(self) -> None:
        """See that no other site's page makes the browser of somebody logged in ask this."""
        if self.request.method not in SAFE_METHODS:
            self._check_xsrf()
        elif not self.token_authenticated:
            self._check_site()

    def _check_xsrf(self) -> None:
        try:
            super().check_xsrf_cookie()
        except web.HTTPError as error:
            raise errors.Forbidden(
                "This request lacks the _xsrf token that a login wants; send it, or use a key.", code="xsrf_missing"
            ) from error

    def _check_site(self) -> None:
        """A picture behind a login is not for other sites' pages, though the browser sends the cookie along.

        Source: w3.org/TR/fetch-metadata; browsers without it are held by Cross-Origin-Resource-Policy.
        """
        fetch = self.request.headers
        opened = fetch.get("Sec-Fetch-Mode") == "navigate" and fetch.get("Sec-Fetch-Dest") == "document"
        if self.is_cross_site and not opened:
            raise errors.Forbidden("Another site may not load this.", code="cross_site")

    def _check_origin(self) -> None:
        if not self.check_origin():
            raise errors.NotFound("There is nothing at this address for another site.")

    def _note_wrong_token(self) -> None:
        if "Authorization" in self.request.headers or "token" in self.request.query_arguments:
            self.context.failed_attempts.note(self.request.remote_ip or "")

    def set_xsrf_cookie(self) -> None:
        """See that a page whose scripts will post has the cookie, which ends with the browser, unlike the login."""
        assert self.xsrf_token

    async def get_owned_figure(self, figure_id: str, version: int | None = None) -> FigureRecord:
        """The caller's figure; another owner's is as unknown as one that is not there.

        Raises
        ------
        NotFound
            For both, and for a version that is not there.
        """
        store = self.context.store
        record = await store.figures.find(figure_id) if is_id(figure_id) else None
        if record is None or not self.principal.may_see(record.owner):
            raise errors.NotFound("There is no such figure.")
        return record if version is None else await store.figures.get(figure_id, version)

    async def make_identity(self, name: str) -> Identity:
        """Whose figure this is: of the kernel's notebook, else of the kernel or key itself."""
        caller, context = self.principal, self.context
        notebook = await context.kernels.follow_notebook(caller.kernel) if caller.kernel else ""
        if notebook:
            return Identity(caller.owner, context.config.scope, notebook, "", name)
        return Identity(caller.owner, "", "", self._maker(), name)

    def _maker(self) -> str:
        return self.principal.kernel or (f"key {self.principal.key.id}" if self.principal.key else "login")
