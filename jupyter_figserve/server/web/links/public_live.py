"""Links onto live figures: made by owners; what they show to anybody, within what was allowed. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import Conflict, Forbidden, InvalidInput, OutputInvalid
from ....model.formats import get_format
from ....model.keys import PUBLISH, READ_OR_PUBLISH
from ....model.links import DEFAULT_LINK_LIFE, LIVE, Link, Target, check_label, hash_secret, new_link_id, new_token
from ....model.live import LiveDeclaration, LiveRequest
from ....model.parameters import SIZES, Parameters
from ....store.catalog import links
from ...services.auth.redaction import redact_message
from ...services.live.registry import LiveTarget
from ..context import AppContext
from ..http import json_views, security_headers
from ..http.handler import FigServeHandler
from ..http.query import known_etags, read_query
from ..live.form import build_page
from ..live.handlers import LiveHandler
from ..live.request import asks_for_frame, parse_device_pixel_ratio
from ..live.responder import LiveResponder
from .handlers import parse_expiry_argument

_FIELDS = ("expires", "label", "audience", "lock", "allow")


class LiveLinksHandler(LiveHandler):
    """``/api/live/{id}/links``."""

    scopes = {"GET": READ_OR_PUBLISH, "HEAD": READ_OR_PUBLISH, "POST": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, live_id: str) -> None:
        target = self.get_owned_by_id(live_id)
        await self.context.view_counter.flush()
        found = links.for_target(self.context.store.catalog.reader, Target(LIVE, target.record.id))
        self.write_json({"links": [json_views.live_link(link) for link in found]})

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self, live_id: str) -> None:
        target, context, token = self.get_owned_by_id(live_id), self.context, new_token()
        if not (context.config.allow_public_shares and context.config.allow_public_live):
            raise Forbidden(
                "Links onto live figures are switched off here; an admin can allow them (FigServe.allow_public_live).",
                code="public_live_off",
            )
        link = _read_link(self.json_body(_FIELDS), target, context, hash_secret(token))
        await asyncio.wrap_future(context.store.add_link(link))
        self.write_json(json_views.new_live_link(link, target, token, self.base), 201)


async def send_shared_dashboard(
    handler: FigServeHandler, link: Link, token: str, suffix: str | None, *, embedded: bool
) -> None:
    """Show a live figure to whoever has its link: page, frame or picture.

    Raises
    ------
    InvalidInput
        For a parameter that the link does not allow, or beyond its bounds.
    Conflict
        When the function has changed so that the link's values do not suit it.
    """
    context = handler.context
    target = context.live.registry.get_by_id(link.target.id)
    assert target is not None, "a link's figure stays in the catalog"
    if suffix is None:
        _answer_page(handler, link, target, token, embedded=embedded)
    elif suffix == "json":
        movable = narrow(link, target.declaration.parameters)
        told = {"name": target.record.name, "schema": movable.schema(), "url": handler.base.link(token)}
        handler.write_json(told | {"form": context.live.find_form(target)})
    else:
        await send_live_image(handler, link, target, suffix)
    if handler.request.method == "GET" and handler.get_status() == 200:
        context.view_counter.count(link, handler.request)


async def send_live_image(handler: FigServeHandler, link: Link, target: LiveTarget, suffix: str) -> None:
    """A live figure's picture within what the link allows; what may be raised is that of ``send_shared_dashboard``."""
    context, row = handler.context, get_format(suffix)
    query = read_query(handler)
    request = read_shared_request(link, target.declaration, query, row.name, context.config.link_sizes.widths)

    def before_call() -> None:
        context.live_limiter.note(link.id)

    is_framed, responder = asks_for_frame(query, row), LiveResponder(handler, target, row)
    known = [] if is_framed else known_etags(handler)
    drawing = context.live.render(target, request, known_etags=known, before_call=before_call)
    try:
        shown = await handler.run_until_disconnect(drawing)
    except OutputInvalid as error:
        # Not the exception itself: its traceback and output are its owner's.
        text = f"The function of this live figure failed: {redact_message(error.message)}"
        raise OutputInvalid(text, code=error.code) from error
    if is_framed:
        responder.send_frame(shown, link.id)
        return
    seconds = 0 if shown.stale else int(target.declaration.cache)
    if link.expires is not None:
        seconds = max(0, min(seconds, int(link.expires - context.store.clock())))
    kept = f"public, max-age={seconds}" if seconds else "public, no-cache"
    responder.send_image(shown, cache_control=kept, is_public=True)


def read_shared_request(
    link: Link, declaration: LiveDeclaration, query: dict[str, list[str]], format: str, widths: Sequence[int]
) -> LiveRequest:
    """Which picture a stranger asks for: the link's values, and of the rest what it allows.

    Raises
    ------
    InvalidInput, Conflict
        As ``send_shared_dashboard``.
    """
    width = None
    for name in ("height", "dpi"):
        if name in query and name in declaration.sizes:
            raise InvalidInput(f"This link's pictures have no other {name}; ask for a width.")
    if "width" in query and "width" in declaration.sizes:
        text = query["width"][-1]
        if text not in map(str, widths):
            # Every other size would be another picture for the kernel to draw.
            raise InvalidInput(f"This link shows widths of {', '.join(map(str, widths))}; width={text[:20]!r} is none.")
        width = int(text)
    said = {name: values for name, values in query.items() if name not in SIZES or name not in declaration.sizes}
    moved = narrow(link, declaration.parameters).parse(said)
    try:
        values = declaration.parameters.complete({**declaration.parameters.check(link.locked), **moved})
    except InvalidInput as error:
        raise Conflict(
            "The live figure has changed since this link was made; ask for a new link.", code="live_changed"
        ) from error
    return LiveRequest(values, format, width, device_pixel_ratio=1 if width else parse_device_pixel_ratio(query))


def _answer_page(handler: FigServeHandler, link: Link, target: LiveTarget, token: str, *, embedded: bool) -> None:
    movable = narrow(link, target.declaration.parameters)
    address = f"{handler.relative_root}/f/{token}"
    query = {name: texts for name, texts in read_query(handler).items() if not name.startswith("_")}
    live_figures = handler.context.live
    view = build_page(
        target,
        movable,
        query,
        address=address,
        form=live_figures.find_form(target),
    )
    if view.arguments is not None:
        view = replace(view, size=live_figures.find_size(target, {**link.locked, **view.arguments}))
    allowed = (
        security_headers.frame_ancestors(handler.context.config.embed_origins) if embedded else security_headers.NONE
    )
    handler.set_status(400 if view.fault else 200)
    handler.set_header("Cache-Control", "public, no-cache")
    frames = handler.csp_frame_sources("frame", "f")
    handler.write_page(
        "share/live.html", ancestors=allowed, frames=frames, view=view, target=target, link=link, embedded=embedded
    )


def _read_link(body: dict[str, Any], target: LiveTarget, context: AppContext, token_hash: str) -> Link:
    if body.get("audience") not in (None, "link"):
        raise Conflict('Only a JupyterHub knows people and groups; here the audience is "link".', code="no_hub")
    parameters, now = target.declaration.parameters, context.store.clock()
    lock, allow = body.get("lock") or {}, body.get("allow") or []
    if not isinstance(lock, dict) or not isinstance(allow, list) or not all(isinstance(one, str) for one in allow):
        raise InvalidInput("lock is an object of values, and allow a list of names.")
    locked = parameters.check(lock)
    for name in allow:
        if parameters.find(name) is None:
            raise InvalidInput(f"There is no parameter {name!r:.60} to allow; there are {', '.join(parameters.names)}.")
        if name in locked:
            raise InvalidInput(f"{name} cannot be both locked and allowed.")
    missing = [p.name for p in parameters.items if p.is_required and p.name not in locked and p.name not in allow]
    if missing:
        raise InvalidInput(f"{missing[0]} has no default: lock a value of it, or allow it to be moved.")
    return Link(
        id=new_link_id(),
        token_hash=token_hash,
        target=Target(LIVE, target.record.id),
        created=now,
        expires=parse_expiry_argument(body.get("expires", DEFAULT_LINK_LIFE), context.config, now, now),
        label=check_label(body.get("label")),
        locked=locked,
        allowed=tuple(dict.fromkeys(allow)),
    )


def narrow(link: Link, parameters: Parameters) -> Parameters:
    """Which of a live figure's parameters viewers of a link may change."""
    return Parameters(tuple(item for item in parameters.items if item.name in link.allowed))
