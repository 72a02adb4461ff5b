"""What a link onto a dashboard shows to anybody: page, frame, panels' pictures, stream. Server process."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ....errors import NotFound
from ....model.dashboards import DashboardRecord
from ....model.links import FIGURE, LIVE, Link, Target
from ....model.parameters import Parameters
from ....store.catalog import dashboards
from ...services.dashboards.resolver import ResolvedDashboard, ResolvedPanel, resolve_dashboard
from ...services.dashboards.watch import StreamSubscriber
from ..dashboards import page, preview
from ..dashboards.stream import subscribe_dashboard
from ..http import json_views, security_headers
from . import public_live

if TYPE_CHECKING:
    from ..context import AppContext
    from ..http.handler import FigServeHandler


def find_shared(context: AppContext, link: Link) -> ResolvedDashboard | None:
    """The dashboard of a link, None when it is gone, or has live panels where these are switched off."""
    record = dashboards.find(context.store.catalog.reader, link.target.id)
    if record is None:
        return None
    board = resolve_dashboard(context, record)
    is_off = not context.config.allow_public_live and any(place.target for place in board.places)
    return None if is_off else board


def is_open(context: AppContext, link_id: str, token: str) -> bool:
    """Whether a link that was open when a stream began is so now."""
    try:
        link = context.links.find(token).link
    except NotFound:
        return False
    return link.id == link_id


async def send_shared_dashboard(
    handler: FigServeHandler,
    link: Link,
    board: ResolvedDashboard,
    token: str,
    suffix: str | None,
    *,
    embedded: bool,
) -> None:
    """Show the whole: its page, its frame, its picture, or what strangers may know of it."""
    context = handler.context
    query = handler.query_values() if suffix is None else {}
    state = page.ControlState(board, query, link.allowed, link.locked)
    if suffix is None:
        _answer_page(handler, link, state, token, embedded=embedded)
    elif suffix == "json":
        handler.set_header("Cache-Control", cache_control(link, context))
        handler.write_json(_described(handler, state, token))
    else:
        await preview.send(
            handler,
            state,
            suffix,
            cache_control=cache_control(link, context),
            is_public=True,
            before_call=lambda: context.live_limiter.count(link.id),
        )
    note(handler, link)


def note(handler: FigServeHandler, link: Link) -> None:
    """Count a view."""
    if handler.request.method == "GET" and handler.get_status() == 200:
        handler.context.view_counter.count(link, handler.request)


def as_link(link: Link, place: ResolvedPanel) -> Link:
    """What a link grants of a panel with a figure, as a link onto that figure would."""
    target = Target(FIGURE, place.panel.target)
    return Link(link.id, link.token_hash, target, link.created, link.expires, place.panel.version)


def as_live_link(link: Link, place: ResolvedPanel) -> Link:
    """What a link grants of a live panel, as a link onto that live figure would."""
    names = place.parameters.names
    locked = {name: value for name, value in link.locked.items() if name in names}
    return Link(
        id=link.id,
        token_hash=link.token_hash,
        target=Target(LIVE, place.panel.target),
        created=link.created,
        expires=link.expires,
        locked={**locked, **place.panel.values},
        allowed=tuple(name for name in link.allowed if name in names),
    )


async def send_live_panel(
    handler: FigServeHandler,
    link: Link,
    board: ResolvedDashboard,
    place: ResolvedPanel,
    token: str,
    suffix: str,
) -> None:
    """A live panel's picture, frame or record, in what the link allows."""
    assert place.target is not None
    if suffix == "json":
        state = page.ControlState(board, {}, link.allowed, link.locked)
        handler.write_json(_panel(state, place, handler.base.link(token)))
    else:
        await public_live.send_live_image(handler, as_live_link(link, place), place.target, suffix)
    note(handler, link)


def open_shared(context: AppContext, link: Link, token: str, seen: int | None) -> StreamSubscriber | None:
    """A viewer of what a link shows; None where there is nothing."""
    board, link_id = find_shared(context, link), link.id
    if board is None:
        return None
    viewer = StreamSubscriber(link.target.id, link_address, lambda: is_open(context, link_id, token))
    return subscribe_dashboard(context, board, viewer, seen)


def link_address(place: ResolvedPanel) -> str:
    """Of a panel's picture, relative to ``f/{token}/events``: the same for all links."""
    if place.target is not None:
        return f"{place.name}.png"
    if place.part is None or place.is_html:
        return ""
    row, query = _stored(place)
    return f"{place.name}.{row}?{query}"


def cache_seconds(link: Link, context: AppContext) -> int:
    """How long caches may keep what a link shows: never past its end."""
    seconds = context.config.link_cache_seconds
    if link.expires is not None:
        seconds = max(0, min(seconds, int(link.expires - context.store.clock())))
    return seconds


def cache_control(link: Link, context: AppContext) -> str:
    seconds = cache_seconds(link, context)
    return f"public, max-age={seconds}" if seconds else "private, no-store"


def _answer_page(handler: FigServeHandler, link: Link, state: page.ControlState, token: str, *, embedded: bool) -> None:
    context = handler.context
    here = f"{handler.relative_root}/f/{token}"
    view = page.build_page(state, _addresses(handler, link, here), address=here)
    shown = ", ".join(place.heading for place in state.board.places if place.heading)
    handler.set_status(400 if view.fault else 200)
    handler.set_header("Cache-Control", "private, no-store" if view.is_signed else cache_control(link, context))
    handler.set_header("Vary", "Accept")
    handler.write_page(
        "share/dashboard.html",
        ancestors=security_headers.frame_ancestors(context.config.embed_origins) if embedded else security_headers.NONE,
        frames=handler.csp_frame_sources(*view.folders) or security_headers.NONE,
        view=view,
        link=link,
        url=handler.base.link(token),
        alt=f"{state.board.record.layout.title}: {shown}" if shown else state.board.record.layout.title,
        events=f"{here}/events",
        embedded=embedded,
    )


def _addresses(handler: FigServeHandler, link: Link, here: str) -> page.PanelUrls:
    context = handler.context

    def frame(place: ResolvedPanel) -> str:
        assert place.figure is not None
        return handler.signed_frame_url(place.figure, link.id)[0]

    def dense(place: ResolvedPanel, dpi: float) -> str | None:
        if not context.rendering.queue.maybe_available:
            return None
        # Of a size that the page itself asks for, in the way of those that owners have signed.
        asked = [("dpi", f"{dpi:g}")]
        return urlencode([*asked, ("sig", context.query_signer.sign("link", link.id, "png", asked))])

    return page.PanelUrls(
        picture=lambda place: f"{here}/{place.name}",
        frame=frame,
        folder="f",
        pinned=lambda place: _stored(place)[1].partition("&")[0],
        dense=dense,
        says_fixed=False,
    )


def _stored(place: ResolvedPanel) -> tuple[str, str]:
    """Suffix and query of a figure's picture; the version is for caches alone, a link shows what it shows."""
    assert place.figure is not None
    assert place.part is not None
    is_small = place.part is place.figure.version.thumbnail
    query = f"_v={place.figure.version.number}" + (f"&width={place.part.width}" if is_small else "")
    return place.part.format.name, query


def _described(handler: FigServeHandler, state: page.ControlState, token: str) -> dict[str, object]:
    """The dashboard as strangers may know it: no owner, notebook, session or id."""
    base, record = handler.base, state.board.record
    rows = [[_panel(state, place, base.link(token)) for place in row] for row in state.board.rows]
    return _words(record) | {"url": base.link(token), "rows": rows}


def _words(record: DashboardRecord) -> dict[str, object]:
    return {"name": record.name, "title": record.layout.title, "version": record.version}


def _panel(state: page.ControlState, place: ResolvedPanel, url: str) -> dict[str, object]:
    movable: Parameters = state.movable(place)
    suffix = place.part.format.name if place.part else "png"
    shown = json_views.panel_json(place) | {"schema": movable.schema() if place.target else None}
    has_image = place.part is not None or place.target is not None
    return shown | {"image_url": f"{url}/{place.name}.{suffix}" if has_image else None}
