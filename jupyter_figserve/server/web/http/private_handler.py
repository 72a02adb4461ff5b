"""The base of handlers with authentication: a Jupyter login or one of our keys, with a scope. Server process."""

from __future__ import annotations

import contextlib
from asyncio import Future
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Protocol

from jupyter_core.utils import ensure_async
from jupyter_server.auth import User
from tornado import web

from .... import errors
from ....model.figures import FigureRecord, Identity, is_id
from ....model.keys import Scope
from ....model.places import DEFAULT_COLLECTION, NO_PLACE, Place
from ...services.auth.credentials import NO_KEY
from ...services.auth.principal import Principal
from ...services.callers import Caller
from ...services.sessions.kernel_start import check_started
from ...services.timings import collect_timings, format_timings
from .handler import SAFE_METHODS, FigServeHandler
from .login import LoginRedirect


class _Owned(Protocol):
    @property
    def owner(self) -> str: ...


class DeletableRecords(Protocol):
    """The repository of figures, live figures or dashboards."""

    async def find(self, record_id: str, /) -> _Owned | None: ...

    async def find_deleted(self, record_id: str, /) -> _Owned | None: ...


class AuthenticatedHandler(FigServeHandler):
    """Requires a Jupyter login (cookie or token), or one of our keys with a scope for the method."""

    scopes: ClassVar[dict[str, tuple[Scope, ...]]] = {}
    """Scopes of which each method requires one. A method that is missing here cannot be called with a key."""

    body_methods: ClassVar[tuple[str, ...]] = ("POST", "PUT", "PATCH")

    principal: Principal
    _timings: Mapping[str, float] = MappingProxyType({})

    @property
    def caller(self) -> Caller:
        return self.principal.caller if hasattr(self, "principal") else super().caller

    @property
    def required_scopes(self) -> tuple[Scope, ...]:
        """The scopes of which the request's method requires one."""
        return self.scopes.get(self.request.method or "", (Scope.ADMIN,))

    def count_render(self) -> None:
        """Count a render against the principal's rate limit."""
        self.context.rates.renders.count(self.principal.client)

    async def may_run(self) -> bool:
        """Whether a GET may call functions: not from another site, and not by a principal that may only read."""
        may_run = self.authorizer.is_authorized(self, self.current_user, "execute", "figserve")
        return not self.is_cross_site and bool(await ensure_async(may_run))

    def audit(self, action: str, thing: str, **details: object) -> None:
        """Record what this request has done; see the schema of audit events."""
        audit, address = self.context.monitoring.audit, self.request.remote_ip or ""
        audit.record(action, thing, self.principal, address, **details)

    async def announce(self, action: str, thing: str, **details: object) -> None:
        """Audit what this request has changed, and send the events of the change to open pages."""
        self.audit(action, thing, **details)
        await self.context.events.wake()

    def flush(self, include_footers: bool = False) -> Future[None]:
        """Add the header that says where the time went, for callers with a credential."""
        if not self._headers_written and hasattr(self, "principal") and (timing := format_timings(self._timings)):
            self.add_header("Server-Timing", timing)
        return super().flush(include_footers)

    async def admit(self) -> None:
        self._timings = collect_timings()
        try:
            await self._admit()
        except (errors.Unauthorized, LoginRedirect):
            # A visitor, who does not send the next request before this one has been answered.
            turn = self.wait_for_turn()
            if turn is not None:
                await turn
            raise

    async def _admit(self) -> None:
        self.current_user = self._jupyter_current_user = None
        self.require_known_host()
        presented = self.context.authenticator.find_key(self.request.headers)
        if presented is not None:
            self.principal = await self.context.authenticator.key(presented, self.request.remote_ip or "")
            # Cookies sent along with a key add no rights.
            self.current_user = self._jupyter_current_user = User(username=self.principal.owner)
            self._check_origin()
        else:
            await self._prepare_login()
            self._check_origin()
            self._check_csrf()
        if not self.is_method_implemented:
            raise web.HTTPError(405)
        self.principal.check(self.required_scopes)

    async def _prepare_login(self) -> None:
        user = await ensure_async(self.identity_provider.get_user(self))
        if user is None:
            if self.is_navigation:
                self.redirect_to_login()
            self.count_wrong_token()
            raise errors.Unauthorized(NO_KEY)
        self.current_user = self._jupyter_current_user = user
        self.principal = await self.context.authenticator.login(user, by_token=self.token_authenticated)

    def check_xsrf_cookie(self) -> None:
        """Check nothing here: ``admit`` does, once the principal is known."""

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """Check the ``Origin`` header as Jupyter does; ``public_url`` is allowed too, behind a proxy."""
        return self.context.addresses.is_own_origin(self.request) or super().check_origin()

    def _check_csrf(self) -> None:
        """Reject requests that a page of another site makes with the user's cookie."""
        if self.request.method not in SAFE_METHODS:
            self._check_xsrf()
        elif not self.token_authenticated:
            self._check_site()

    def _check_xsrf(self) -> None:
        try:
            super().check_xsrf_cookie()
        except web.HTTPError as error:
            raise errors.Forbidden(
                "Requests with a login need the _xsrf token. Send it, or use an API key.", code="xsrf_missing"
            ) from error

    def _check_site(self) -> None:
        """Reject loading a private figure into a page of another site, although the browser sends the cookie.

        Source: w3.org/TR/fetch-metadata. In browsers without it, Cross-Origin-Resource-Policy does the same.
        """
        fetch = self.request.headers
        is_navigation = fetch.get("Sec-Fetch-Mode") == "navigate" and fetch.get("Sec-Fetch-Dest") == "document"
        if self.is_cross_site and not is_navigation:
            raise errors.Forbidden("This address cannot be loaded by another site.", code="cross_site")

    def refuse_cross_site(self) -> None:
        """Refuse requests from other sites, including navigation, for addresses that run code or stay open."""
        if self.is_cross_site:
            raise errors.Forbidden("This address cannot be opened from another site.", code="cross_site")

    def _check_origin(self) -> None:
        if not self.check_origin():
            raise errors.NotFound("This address is not available to other sites.")

    def set_xsrf_cookie(self) -> None:
        """Set the _xsrf cookie for a page whose scripts will post; it ends with the browser session."""
        assert self.xsrf_token

    async def get_owned_figure(self, figure_id: str, version: int | None = None) -> FigureRecord:
        """Return a figure of the principal; another owner's counts as missing.

        Raises
        ------
        NotFound
            When there is none, or no such version.
        """
        store = self.context.store
        record = await store.figures.find(figure_id) if is_id(figure_id) else None
        if record is None or not self.principal.may_see(record.owner):
            raise errors.NotFound("There is no such figure. It may have been deleted, or transferred to another owner.")
        return record if version is None else await store.figures.get(figure_id, version)

    async def check_restorable(self, records: DeletableRecords, record_id: str, noun: str) -> None:
        """Check that an id is that of a record of the principal, deleted or not, before it is restored.

        Parameters
        ----------
        noun
            What messages call such a record.

        Raises
        ------
        NotFound
            When there is none, or it is another owner's.
        """
        known = (await records.find(record_id) or await records.find_deleted(record_id)) if is_id(record_id) else None
        if known is None or not self.principal.may_see(known.owner):
            raise errors.NotFound(f"There is no deleted {noun} with this id to restore.")

    async def find_kernel_id(self, session: str | None) -> str | None:
        """Return the kernel of a session that is named by its kernel's id or by Jupyter's own; an unknown one
        unchanged, for which nothing is found."""
        if not session:
            return session
        with contextlib.suppress(errors.NotFound):
            return (await self.context.plots.get_session(session)).id
        return session

    async def make_identity(self, name: str, place: Place = NO_PLACE) -> Identity:
        """Return the identity of a figure or dashboard that the principal publishes.

        Its place is the collection or notebook that the request names, else the notebook of the kernel, else the kernel
        itself, else the default collection. It never depends on the key, so that a new key updates the same figures.

        Raises
        ------
        Unavailable
            When the kernel has just started, so that its notebook is not known yet.
        """
        principal, context = self.principal, self.context
        collection, notebook = place.collection, place.notebook
        if not collection and not notebook and principal.kernel:
            is_registered = context.registered_kernels is not None
            await check_started(context.store, principal.kernel, is_registered=is_registered)
            notebook = await context.kernels.follow_notebook(principal.kernel)
            if not notebook:
                return Identity(principal.owner, "", "", principal.kernel, name)
        if notebook:
            return Identity(principal.owner, await self._find_scope(), notebook, "", name)
        return Identity(principal.owner, "", "", "", name, collection or DEFAULT_COLLECTION)

    async def _find_scope(self) -> str:
        """Return the scope of a notebook that the principal names: that of its kernel, else this server's."""
        kernel, context = self.principal.kernel, self.context
        return (await context.kernels.find_scope(kernel) if kernel else "") or context.config.scope
