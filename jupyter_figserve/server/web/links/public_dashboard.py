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
from ...services.dashboards.watchers import Watcher
from ..dashboards.control_state import ControlState
from ..dashboards.json_views import panel_json
from ..dashboards.page import PanelUrls, build_page
from ..dashboards.preview import send_preview
from ..http import security_headers
from . import public_live

if TYPE_CHECKING:
    from ..context import AppContext
    from ..http.handler import FigServeHandler


def find_shared(context: AppContext, link: Link) -> ResolvedDashboard | None:
    """The dashboard of a link, None when it is gone, or has live panels where these are switched off."""
    record = dashboards.find(context.store.catalog.reader, link.target.id)
    if record is None:
        return None
    dashboard = resolve_dashboard(context.store, context.live, record)
    is_off = not context.config.allow_public_live and any(panel.target for panel in dashboard.panels)
    return None if is_off else dashboard


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
    dashboard: ResolvedDashboard,
    token: str,
    suffix: str | None,
    *,
    embedded: bool,
) -> None:
    """Show the whole: its page, its frame, its picture, or what strangers may know of it."""
    context = handler.context
    query = handler.query_values() if suffix is None else {}
    state = ControlState(dashboard, query, link.allowed, link.locked)
    if suffix is None:
        _answer_page(handler, link, state, token, embedded=embedded)
    elif suffix == "json":
        handler.set_header("Cache-Control", cache_control(link, context))
        handler.write_json(_described(handler, state, token))
    else:
        await send_preview(
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


def as_link(link: Link, panel: ResolvedPanel) -> Link:
    """What a link grants of a panel with a figure, as a link onto that figure would."""
    target = Target(FIGURE, panel.spec.target)
    return Link(link.id, link.token_hash, target, link.created, link.expires, panel.spec.version)


def as_live_link(link: Link, panel: ResolvedPanel) -> Link:
    """What a link grants of a live panel, as a link onto that live figure would."""
    names = panel.parameters.names
    locked = {name: value for name, value in link.locked.items() if name in names}
    return Link(
        id=link.id,
        token_hash=link.token_hash,
        target=Target(LIVE, panel.spec.target),
        created=link.created,
        expires=link.expires,
        locked={**locked, **panel.spec.values},
        allowed=tuple(name for name in link.allowed if name in names),
    )


async def send_live_panel(
    handler: FigServeHandler,
    link: Link,
    dashboard: ResolvedDashboard,
    panel: ResolvedPanel,
    token: str,
    suffix: str,
) -> None:
    """A live panel's picture, frame or record, in what the link allows."""
    assert panel.target is not None
    if suffix == "json":
        state = ControlState(dashboard, {}, link.allowed, link.locked)
        handler.write_json(_panel(state, panel, handler.base.link(token)))
    else:
        await public_live.send_live_image(handler, as_live_link(link, panel), panel.target, suffix)
    note(handler, link)


def open_shared(context: AppContext, link: Link, token: str, seen: int | None) -> Watcher | None:
    """Add a watcher of what a link shows; None when that is gone."""
    dashboard, link_id = find_shared(context, link), link.id
    if dashboard is None:
        return None
    watcher = Watcher(link.target.id, link_address, lambda: is_open(context, link_id, token))
    context.dashboards.add(dashboard, watcher, seen)
    return watcher


def link_address(panel: ResolvedPanel) -> str:
    """Of a panel's picture, relative to ``f/{token}/events``: the same for all links."""
    if panel.target is not None:
        return f"{panel.name}.png"
    if panel.image is None or panel.is_html:
        return ""
    row, query = _stored(panel)
    return f"{panel.name}.{row}?{query}"


def cache_seconds(link: Link, context: AppContext) -> int:
    """How long caches may keep what a link shows: never past its end."""
    seconds = context.config.link_cache_seconds
    if link.expires is not None:
        seconds = max(0, min(seconds, int(link.expires - context.store.clock())))
    return seconds


def cache_control(link: Link, context: AppContext) -> str:
    seconds = cache_seconds(link, context)
    return f"public, max-age={seconds}" if seconds else "private, no-store"


def _answer_page(handler: FigServeHandler, link: Link, state: ControlState, token: str, *, embedded: bool) -> None:
    context = handler.context
    here = f"{handler.relative_root}/f/{token}"
    view = build_page(state, _addresses(handler, link, here), address=here)
    shown = ", ".join(panel.heading for panel in state.dashboard.panels if panel.heading)
    handler.set_status(400 if view.error else 200)
    handler.set_header("Cache-Control", "private, no-store" if view.is_signed else cache_control(link, context))
    handler.set_header("Vary", "Accept")
    handler.write_page(
        "share/dashboard.html",
        ancestors=security_headers.frame_ancestors(context.config.embed_origins) if embedded else security_headers.NONE,
        frames=handler.csp_frame_sources(*view.folders) or security_headers.NONE,
        view=view,
        link=link,
        url=handler.base.link(token),
        alt=f"{state.dashboard.record.layout.title}: {shown}" if shown else state.dashboard.record.layout.title,
        events=f"{here}/events",
        embedded=embedded,
    )


def _addresses(handler: FigServeHandler, link: Link, here: str) -> PanelUrls:
    context = handler.context

    def frame(panel: ResolvedPanel) -> str:
        assert panel.figure is not None
        return handler.signed_frame_url(panel.figure, link.id)[0]

    def hidpi(panel: ResolvedPanel, dpi: float) -> str | None:
        if not context.rendering.queue.maybe_available:
            return None
        # Of a size that the page itself asks for, in the way of those that owners have signed.
        asked = [("dpi", f"{dpi:g}")]
        return urlencode([*asked, ("sig", context.query_signer.sign("link", link.id, "png", asked))])

    return PanelUrls(
        image=lambda panel: f"{here}/{panel.name}",
        frame=frame,
        folder="f",
        pinned=lambda panel: _stored(panel)[1].partition("&")[0],
        hidpi=hidpi,
        repeats_fixed=False,
    )


def _stored(panel: ResolvedPanel) -> tuple[str, str]:
    """Suffix and query of a figure's picture; the version is for caches alone, a link shows what it shows."""
    assert panel.figure is not None
    assert panel.image is not None
    is_small = panel.is_thumbnail
    query = f"_v={panel.figure.version.number}" + (f"&width={panel.image.width}" if is_small else "")
    return panel.image.format.name, query


def _described(handler: FigServeHandler, state: ControlState, token: str) -> dict[str, object]:
    """The dashboard as strangers may know it: no owner, notebook, session or id."""
    base, record = handler.base, state.dashboard.record
    rows = [[_panel(state, panel, base.link(token)) for panel in row] for row in state.dashboard.rows]
    return _words(record) | {"url": base.link(token), "rows": rows}


def _words(record: DashboardRecord) -> dict[str, object]:
    return {"name": record.name, "title": record.layout.title, "version": record.version}


def _panel(state: ControlState, panel: ResolvedPanel, url: str) -> dict[str, object]:
    movable: Parameters = state.movable(panel)
    suffix = panel.image.format.name if panel.image else "png"
    shown = panel_json(panel) | {"schema": movable.schema() if panel.target else None}
    has_image = panel.image is not None or panel.target is not None
    return shown | {"image_url": f"{url}/{panel.name}.{suffix}" if has_image else None}
