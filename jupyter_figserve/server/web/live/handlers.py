"""Live figures over HTTP for those who may log in: pictures, pages, lists. Server process.

Whatever runs a kernel's function for a login's cookie wants to be asked by our own pages, or by a person's own hand.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import CodeFailed, Forbidden, InvalidInput, NotFound
from ....model.formats import Format, get_format
from ....model.keys import PUBLISH, READ
from ....model.links import LIVE, Target
from ....model.live import DENSITIES, LiveDeclaration, LiveRequest
from ....model.parameters import Parameters
from ....store.catalog import links
from ...services.auth.credentials import Principal
from ...services.live.registry import LiveTarget
from ...services.live.service import LiveResult
from ..context import AppContext
from ..http import json_views
from ..http.handler import FigServeHandler
from ..http.private_handler import AuthenticatedHandler
from ..http.representation import RepresentationResponse
from . import form as live_pages
from . import frames as live_frames

_MOST = {"width": 10_000, "height": 10_000, "dpi": 1_200}
_RESERVED_QUERY_NAMES = ("token",)
"""Names in a query that are Jupyter's own."""


class LiveHandler(AuthenticatedHandler):
    """What handlers of live figures share."""

    scopes = {"GET": READ, "HEAD": READ}

    async def get_own_target(self, session_id: str, name: str) -> LiveTarget:
        """The caller's live figure of a session; another owner's is as unknown as one that is not there.

        Raises
        ------
        NotFound
            For both.
        """
        live_figures, kernel = self.context.live, session_id
        target = await live_figures.find(kernel, name)
        if target is None:
            kernel = (await self.context.plots.get_session(session_id)).id
            target = await live_figures.find(kernel, name)
        if target is None or not self.principal.may_see(target.record.owner):
            raise NotFound(
                f"This session has no live figure {name!r:.60}; has its cell been run?", code="live_figure_not_found"
            )
        return target

    def get_own_lasting(self, live_id: str) -> LiveTarget:
        """The caller's live figure by its lasting id, or NotFound."""
        target = self.context.live.offers.get_by_id(live_id)
        if target is None or not self.principal.may_see(target.record.owner):
            raise NotFound("There is no such live figure.", code="live_figure_not_found")
        return target

    def described(self, target: LiveTarget) -> dict[str, Any]:
        context, live_id = self.context, target.record.id
        is_busy, is_detached = context.live.is_busy(target), context.detached.find(live_id) is not None
        form = context.live.find_form(target)
        return json_views.live_figure(target, self.base, is_busy=is_busy, is_detached=is_detached, form=form)

    def error_details(self, error: object) -> dict[str, Any]:
        """The owner of the function is told all of its failure."""
        if not isinstance(error, CodeFailed):
            return {}
        return {name: getattr(error, name) for name in ("kind", "line", "traceback", "output")}

    def query(self) -> dict[str, list[str]]:
        """What the address says, without what is Jupyter's."""
        return self.query_values(_RESERVED_QUERY_NAMES)

    def answer_live_page(self, target: LiveTarget, address: str) -> None:
        """The page at ``address``, which is relative to our prefix; its picture is at the same, with a suffix."""
        view = live_pages.make_view(
            target,
            target.declaration.parameters,
            self.query(),
            address=f"{self.relative_root}/{address}",
            is_paused=self.is_cross_site,
            form=self.context.live.find_form(target),
            find_size=lambda values: self.context.live.find_size(target, values),
        )
        self.set_status(400 if view.fault else 200)
        self.set_xsrf_cookie()
        frames = self.csp_frame_sources("frame", "live")
        self.write_page(
            "live/live.html",
            frames=frames,
            view=view,
            target=target,
            links=links.for_target(self.context.store.catalog.reader, Target(LIVE, target.record.id)),
            movable={control.name: control.label for control in view.controls},
            can_embed=bool(self.context.config.embed_origins),
            now=self.context.store.clock(),
        )


class DrawingHandler(LiveHandler):
    """Those that run the kernel's function."""

    def _check_site(self) -> None:
        """Unlike a stored picture, this is opened by another site not even as a page of its own."""
        if self.is_cross_site:
            raise Forbidden("Another site may not run this.", code="cross_site")

    async def send(self, target: LiveTarget, suffix: str) -> None:
        if suffix == "json":
            self.write_json(self.described(target))
            return
        row, query = get_format(suffix), self.query()
        request = read_request(self, target.declaration, target.declaration.parameters, query, row)
        fresh = "no-cache" in self.request.headers.get("Cache-Control", "")
        is_framed = live_frames.is_wanted(self, row)
        known = [] if is_framed else self.known_etags()
        drawing = self.context.live.draw(target, request, known=known, fresh=fresh)
        shown = await self.run_until_disconnect(drawing)
        if is_framed:
            live_frames.send_frame(self, shown, None)
            return
        send_live(self, shown, row, target, cache_control="private, no-cache", is_public=False)


class LiveBytesHandler(DrawingHandler):
    """``/live/{session}/{name}.{ext}``."""

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def get(self, session_id: str, name: str, suffix: str) -> None:
        await self.send(await self.get_own_target(session_id, name), suffix)

    head = get


class LastingBytesHandler(DrawingHandler):
    """``/live/f/{id}.{ext}``."""

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def get(self, live_id: str, suffix: str) -> None:
        await self.send(self._beside_the_kernel(self.get_own_lasting(live_id)), suffix)

    head = get

    def _beside_the_kernel(self, target: LiveTarget) -> LiveTarget:
        """The detached function where the query names its revision: many pictures at once, and the kernel is free."""
        revision = self.get_query_argument("_detached", None)
        detached = self.context.detached.find_target(target.record) if revision else None
        return detached if detached is not None and detached.declaration.revision == revision else target


class LivePageHandler(LiveHandler):
    """``/live/{session}/{name}``."""

    is_page = True

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, session_id: str, name: str) -> None:
        target = await self.get_own_target(session_id, name)
        self.answer_live_page(target, f"live/{quote(session_id)}/{quote(target.record.name)}")

    head = get


class LastingPageHandler(LiveHandler):
    """``/live/f/{id}``."""

    is_page = True

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, live_id: str) -> None:
        target = self.get_own_lasting(live_id)
        self.answer_live_page(target, f"live/f/{target.record.id}")

    head = get


class LiveListHandler(LiveHandler):
    """``/api/live``."""

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        session = self.get_query_argument("session", None)
        self.write_json(
            {"live": [self.described(one) for one in visible_targets(self.context, self.principal, session)]}
        )

    head = get


class FrozenHandler(LiveHandler):
    """``/api/live/{id}/frozen``: pictures drawn now, to be shown when no kernel offers the figure."""

    scopes = {"POST": PUBLISH}
    _MOST = 500

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def post(self, live_id: str) -> None:
        target = self.get_own_lasting(live_id)
        body = self.json_body(("format", "calls"))
        calls, parameters = body.get("calls"), target.declaration.parameters
        if not isinstance(calls, list) or not 0 < len(calls) <= self._MOST:
            raise InvalidInput(f"calls is a list of 1 to {self._MOST} objects of parameters.")
        row = get_format(str(body.get("format") or "png"))
        checked = [parameters.complete(parameters.check(one)) for one in calls if isinstance(one, dict)]
        requests = [LiveRequest(arguments, row.name) for arguments in checked]
        frozen = await self.run_until_disconnect(self.context.live.freeze(target, requests))
        self.write_json({"frozen": frozen}, 201)


def visible_targets(context: AppContext, caller: Principal, session: str | None) -> list[LiveTarget]:
    """The caller's live figures that kernels offer (the newest kernel's first), then those that are detached alone.

    Parameters
    ----------
    session
        The kernel's id; None for all.
    """
    offered = [one for one in context.live.offers.all() if session in (None, one.kernel)]
    mine = [one for one in offered if caller.may_see(one.record.owner)]
    known = {one.record.id for one in mine}
    alone = [one for one in context.detached.targets(session) if one.record.id not in known]
    return mine + [one for one in alone if caller.may_see(one.record.owner)]


def read_request(
    handler: FigServeHandler,
    declaration: LiveDeclaration,
    parameters: Parameters,
    query: dict[str, list[str]],
    row: Format,
) -> LiveRequest:
    """Which picture a query asks for; sizes that the function has no parameters for are ours.

    Raises
    ------
    InvalidInput
        Naming what is wrong.
    """
    sizes: dict[str, int | None] = {}
    for name in declaration.sizes:
        if name in query:
            sizes[name] = handler.int_argument(name)
            if (sizes[name] or 0) > _MOST[name]:
                raise InvalidInput(f"{name} is {_MOST[name]:,} at most.")
    density = 1 if sizes else read_density(query)
    arguments = parameters.parse({name: values for name, values in query.items() if name not in sizes})
    return LiveRequest(arguments, row.name, **sizes, density=density)


def read_density(query: dict[str, list[str]]) -> int:
    """For which screens a query asks.

    Raises
    ------
    InvalidInput
        For others than there are.
    """
    text = query.get(live_pages.DENSITY, ["1"])[-1]
    if text not in map(str, DENSITIES):
        raise InvalidInput(f"{live_pages.DENSITY}={text!r:.20}: use one of {', '.join(map(str, DENSITIES))}.")
    return int(text)


def send_live(
    handler: FigServeHandler, shown: LiveResult, row: Format, target: LiveTarget, *, cache_control: str, is_public: bool
) -> None:
    """Finish the request with a live picture, and with the news of how old it is."""
    handler.set_header("Cache-Status", shown.cache_status)
    if shown.age:
        handler.set_header("Age", str(shown.age))
    if shown.picture is not None and shown.picture.density != 1:
        handler.set_header("Content-DPR", str(shown.picture.density))
    filename = quote(f"{target.record.name}.{row.name}", safe="")
    data = b"" if shown.picture is None else shown.picture.payload.data
    handler.send_representation(
        RepresentationResponse(row, shown.etag.strip('"'), filename, cache_control, data, is_public=is_public)
    )
