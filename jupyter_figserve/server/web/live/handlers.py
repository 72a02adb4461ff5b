"""Live figures for logged-in users and keys: images, pages and lists. Server process.

A login's cookie runs a kernel's function only for our own pages, or for a URL that the user opens.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import CodeFailed, FigServeError, Forbidden, InvalidInput, NotFound
from ....model.formats import FORMATS, get_live_format
from ....model.keys import PUBLISH, READ
from ....model.links import LIVE, Target
from ....model.live import LiveFigureRecord, LiveRequest
from ....model.texts import to_nfc
from ...services.auth.principal import Principal
from ...services.live.freezing import freeze
from ...services.live.registry import LiveTarget
from ...services.live.result import LiveResult
from ..context import AppContext
from ..deleted_page import write_deleted_page
from ..http.private_handler import AuthenticatedHandler
from ..http.query import JUPYTER_ARGUMENTS
from .json_views import live_figure_json
from .page import make_live_page
from .request import LAST_PARAMETER, asks_for_frame, asks_for_record, is_about_record, parse_live_request
from .responder import LiveResponder

_MAX_CALLS = 500


class LiveHandler(AuthenticatedHandler):
    """Base of the handlers of live figures."""

    scopes = {"GET": READ, "HEAD": READ}

    async def get_owned_target(self, session_id: str, name: str) -> LiveTarget:
        """Return the caller's live figure of a session.

        Raises
        ------
        NotFound
            When there is none, or it is another owner's.
        """
        name = to_nfc(name)
        target = await self.context.live.find(session_id, name)
        if target is None:
            self._check_deleted(await self.context.store.live.find_deleted_in_session(session_id, name))
            kernel = (await self.context.plots.get_session(session_id)).id
            target = await self.context.live.find(kernel, name)
        if target is None or not self.principal.may_see(target.record.owner):
            raise NotFound(
                f"This session has no live figure {name!r:.60}. Run its cell first.", code="live_figure_not_found"
            )
        return target

    async def get_owned_by_id(self, live_id: str) -> LiveTarget:
        """Return the caller's live figure by its permanent id.

        Raises
        ------
        NotFound
            When there is none, or it is another owner's.
        """
        target = await self.context.live.registry.find_by_id(live_id)
        if target is None or not self.principal.may_see(target.record.owner):
            self._check_deleted(await self.context.store.live.find_deleted(live_id))
            raise NotFound("There is no such live figure.", code="live_figure_not_found")
        return target

    def _check_deleted(self, record: LiveFigureRecord | None) -> None:
        """Raise ``NotFound`` with what to do, where the caller can restore the live figure."""
        if record is not None and self.principal.may_see(record.owner):
            text = f"The live figure {record.name!r:.60} is in the trash. Restore it there, or run its cell again."
            raise NotFound(text, code="live_figure_not_found")

    async def describe(self, target: LiveTarget) -> dict[str, Any]:
        context, live_id = self.context, target.record.id
        is_busy, is_detached = context.live.is_busy(target), await context.detached.find(live_id) is not None
        form = context.live.forms.guess(target)
        return live_figure_json(target, self.base, is_busy=is_busy, is_detached=is_detached, form=form)

    def error_details(self, error: object) -> dict[str, Any]:
        """Return all details of a failure, for the function's owner."""
        if not isinstance(error, CodeFailed):
            return {}
        return {name: getattr(error, name) for name in ("kind", "line", "traceback", "output")}

    def read_query(self) -> dict[str, list[str]]:
        """Return the query without Jupyter's parameters."""
        return self.query_values(without=JUPYTER_ARGUMENTS)

    async def send(self, target: LiveTarget, suffix: str) -> None:
        row, query = get_live_format(suffix), self.read_query()
        if suffix == "json" and asks_for_record(query, target, self.context.live.forms, is_lenient=self.is_lenient):
            self.write_json(await self.describe(target), filename=f"{target.record.name}.json")
            return
        request = parse_live_request(query, target.declaration, row)
        is_framed, responder = asks_for_frame(query, row), LiveResponder(self, target, row)
        try:
            result = await self.context.live.find_last(target, request) if LAST_PARAMETER in query else None
            if result is None:
                known_etags = [] if is_framed else self.known_etags()
                result = await self.run_until_disconnect(self._render(target, request, known_etags))
        except FigServeError as error:
            if self.is_lenient or not is_about_record(suffix, error, target, self.context.live.forms):
                raise
            self.write_json(await self.describe(target))
            return
        if is_framed:
            responder.send_frame(result, None)
        else:
            await responder.send_image(result, cache_control="private, no-cache", is_public=False)

    async def _render(self, target: LiveTarget, request: LiveRequest, known_etags: Sequence[str] = ()) -> LiveResult:
        no_cache = "no-cache" in self.request.headers.get("Cache-Control", "")
        return await self.context.live.render(
            target, request, known_etags=known_etags, no_cache=no_cache, caller=self.caller
        )

    async def send_page_or_image(self, target: LiveTarget, address: str) -> None:
        """Write the page at ``address``, or send the format that ``Accept`` prefers to it.

        Raises
        ------
        Forbidden
            A page of another site, or a principal that may only read, would run the function.
        """
        self.set_header("Vary", "Accept")
        forms = self.context.live.forms
        suffix = self.negotiate_page(forms.find_formats(target), is_complete=forms.has_one_form(target))
        if suffix is None:
            await self.write_live_page(target, address)
            return
        if not await self.may_run():
            raise Forbidden("Another site may not run this function. Open the address directly.", code="cross_site")
        await self.send(target, suffix)

    async def write_live_page(self, target: LiveTarget, address: str) -> None:
        """Write the page at ``address``, relative to our prefix; the image is at the same address with a suffix."""
        query, declaration = self.read_query(), target.declaration
        making = make_live_page(
            self.context.live,
            target,
            declaration.parameters,
            query,
            address=f"{self.relative_root}/{address}",
            is_paused=self.is_cross_site,
            min_refresh=self.context.config.min_refresh_seconds,
            make_request=lambda known: parse_live_request(known, declaration, FORMATS["png"]),
            call=partial(self._render, target) if await self.may_run() else None,
        )
        page = await self.run_until_disconnect(making)
        self.set_status(page.status)
        self.set_xsrf_cookie()
        self.write_page(
            "live/live.html",
            frames=self.csp_frame_sources("frame", "live"),
            view=page,
            target=target,
            links=await self.context.store.links.list_for_target(Target(LIVE, target.record.id)),
            movable={control.name: control.label for control in page.controls},
            now=self.context.store.clock(),
        )


class LiveRenderHandler(LiveHandler):
    """Base of the handlers that run the function."""

    def _check_site(self) -> None:
        """Refuse requests from other sites, including navigation, which stored images allow."""
        if self.is_cross_site:
            raise Forbidden("Another site may not run this function. Open the address directly.", code="cross_site")


class LiveBytesHandler(LiveRenderHandler):
    """``/live/{session}/{name}.{ext}``."""

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def get(self, session_id: str, name: str, suffix: str) -> None:
        await self.send(await self.get_owned_target(session_id, name), suffix)

    head = get


class LastingBytesHandler(LiveRenderHandler):
    """``/live/f/{id}.{ext}``."""

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def get(self, live_id: str, suffix: str) -> None:
        await self.send(await self._prefer_detached(await self.get_owned_by_id(live_id)), suffix)

    head = get

    async def _prefer_detached(self, target: LiveTarget) -> LiveTarget:
        """Use the detached function if the query names its revision, so that the kernel stays free."""
        revision = self.get_query_argument("_detached", None)
        detached = await self.context.detached.find_target(target.record) if revision else None
        return detached if detached is not None and detached.declaration.revision == revision else target


class LivePageHandler(LiveHandler):
    """``/live/{session}/{name}``."""

    is_page = True

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, session_id: str, name: str) -> None:
        try:
            target = await self.get_owned_target(session_id, name)
        except NotFound:
            deleted = await self.context.store.live.find_deleted_in_session(session_id, to_nfc(name))
            if deleted is None or not await write_deleted_page(self, LIVE, deleted.id):
                raise
            return
        await self.send_page_or_image(target, f"live/{quote(session_id)}/{quote(target.record.name)}")

    head = get


class LastingPageHandler(LiveHandler):
    """``/live/f/{id}``."""

    is_page = True

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, live_id: str) -> None:
        try:
            target = await self.get_owned_by_id(live_id)
        except NotFound:
            if not await write_deleted_page(self, LIVE, live_id):
                raise
            return
        await self.send_page_or_image(target, f"live/f/{target.record.id}")

    head = get


class LiveListHandler(LiveHandler):
    """``/api/live``."""

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        session = await self.find_kernel_id(self.get_query_argument("session", None))
        targets = await list_visible_targets(self.context, self.principal, session)
        self.write_json({"live": [await self.describe(target) for target in targets]})

    head = get


class FrozenHandler(LiveHandler):
    """``/api/live/{id}/frozen``: renders images now, to serve when no kernel offers the figure."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def post(self, live_id: str) -> None:
        target = await self.get_owned_by_id(live_id)
        calls, format = self._parse_calls(target)
        frozen = await self.run_until_disconnect(
            freeze(self.context.live, target, calls, format, self.context.rendering.queue.width)
        )
        self.write_json(frozen, 201)

    def _parse_calls(self, target: LiveTarget) -> tuple[list[dict[str, Any]], str | None]:
        body = self.json_body(("format", "calls"))
        calls, parameters = body.get("calls"), target.declaration.parameters
        if not isinstance(calls, list) or not 0 < len(calls) <= _MAX_CALLS:
            raise InvalidInput(f"calls must be a list of 1 to {_MAX_CALLS} objects of parameters.")
        format = get_live_format(str(body["format"])).name if body.get("format") else None
        return [parameters.complete(parameters.check(call)) for call in calls if isinstance(call, dict)], format


async def list_visible_targets(context: AppContext, caller: Principal, session: str | None) -> list[LiveTarget]:
    """Return the caller's live figures: those that kernels offer, the newest kernel's first, then the detached ones.

    Parameters
    ----------
    session
        Id of the kernel; None for all.
    """
    offered = [target for target in context.live.registry.list_offered() if session in (None, target.kernel)]
    visible = [target for target in offered if caller.may_see(target.record.owner)]
    known = {target.record.id for target in visible}
    detached = [target for target in await context.detached.targets(session) if target.record.id not in known]
    return visible + [target for target in detached if caller.may_see(target.record.owner)]
