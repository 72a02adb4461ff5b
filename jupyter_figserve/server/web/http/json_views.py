"""Domain values as the JSON that programs outside rely on. Server process."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ....model.dashboards import FIGURE, LIVE, TEXT
from ....model.figures import FigureRecord
from ....model.links import DASHBOARD, Link
from ....model.markdown import render_markdown
from ....model.sessions import Session
from ....model.snippets import Snippets, image_url
from ....model.times import rfc3339
from ...services.addresses import LOCAL_NOTE, PublicBase
from ...services.dashboards.resolver import ResolvedDashboard, ResolvedPanel
from ...services.live.registry import LiveTarget
from ...services.sessions.plots import Plot


def link_json(link: Link) -> dict[str, Any]:
    """A link as lists show it: without its URL, which nobody but its maker ever saw."""
    return {
        "id": link.id,
        "figure": link.target.id,
        "version": link.version,
        "label": link.label,
        "created": rfc3339(link.created),
        "expires": rfc3339(link.expires),
        "views": link.views,
        "seen": link.seen,
        "last_seen": rfc3339(link.last_seen),
        "paused": link.paused,
        "audience": link.audience,
    }


def created_link_json(made: Link, record: FigureRecord, token: str, base: PublicBase) -> dict[str, Any]:
    """A link at its making: the only time that its URL is shown."""
    page = base.link(token)
    main = record.version.representations[0]
    image = image_url(page, main.format.name)
    snippets = Snippets(page, image, record.heading, record.alt, main.width, main.height)
    return link_json(made) | {
        "url": page,
        "image_url": image,
        "local_only": base.is_local,
        "note": LOCAL_NOTE if base.is_local else None,
        "snippets": snippets.as_json(),
    }


def session(session: Session, figures: int, plots: int, base: PublicBase) -> dict[str, Any]:
    return {
        "id": session.id,
        "kernel": session.id,
        "notebook": session.notebook or None,
        "started": rfc3339(session.started),
        "ended": rfc3339(session.ended),
        "figures": figures,
        "plots": plots,
        "url": base.plots(session.id),
    }


def plot(plot: Plot, session: str, base: PublicBase) -> dict[str, Any]:
    return {
        "path": plot.path,
        "url": base.plot(session, plot.path),
        "mimetype": plot.mimetype,
        "size": plot.size,
        "created": rfc3339(plot.created),
        "origin": plot.origin,
        "figure": plot.figure,
        "version": plot.version,
    }


def dashboard(board: ResolvedDashboard, base: PublicBase) -> dict[str, Any]:
    """A dashboard with what its panels show now."""
    record = board.record
    layout = record.layout
    return {
        "id": record.id,
        "name": record.name,
        "title": layout.title,
        "theme": layout.theme,
        "controls": None if layout.controls is None else list(layout.controls),
        "owner": record.owner,
        "notebook": record.identity.notebook or None,
        "session": record.session,
        "version": record.version,
        "created": rfc3339(record.created),
        "updated": rfc3339(record.updated),
        "url": base.dashboard(record.id),
        "rows": [[_panel(place, base) for place in row] for row in board.rows],
    }


def panel_json(place: ResolvedPanel) -> dict[str, Any]:
    """What anybody may know who sees the panel."""
    panel = place.panel
    return {
        "kind": panel.kind,
        "place": place.name,
        "share": panel.share,
        "caption": panel.caption,
        "alt": place.alt,
        "width": place.width,
        "height": place.height,
        "html": render_markdown(panel.markdown) if panel.kind == TEXT else None,
        "form": place.form,
    }


def dashboard_link(link: Link) -> dict[str, Any]:
    """A link onto a dashboard as lists show it."""
    return _link_with_parameters(link) | {"dashboard": link.target.id}


def new_dashboard_link(made: Link, board: ResolvedDashboard, token: str, base: PublicBase) -> dict[str, Any]:
    """A link at its making: the only time that its URL is shown."""
    page, title = base.link(token), board.record.layout.title
    image = image_url(page, "png")
    return dashboard_link(made) | {
        "url": page,
        "image_url": image,
        "local_only": base.is_local,
        "note": LOCAL_NOTE if base.is_local else None,
        "snippets": Snippets(page, image, title, title, None, None).as_json(),
    }


def live_link(link: Link) -> dict[str, Any]:
    """A link onto a live figure as lists show it."""
    return _link_with_parameters(link) | {"live": link.target.id}


def _link_with_parameters(link: Link) -> dict[str, Any]:
    return {
        "id": link.id,
        "figure": None,
        "version": None,
        "label": link.label,
        "created": rfc3339(link.created),
        "expires": rfc3339(link.expires),
        "views": None,
        "seen": link.seen,
        "last_seen": rfc3339(link.last_seen),
        "paused": link.paused,
        "audience": "link",
        "lock": dict(link.locked),
        "allow": list(link.allowed),
    }


def any_link_json(one: Link) -> dict[str, Any]:
    views = {FIGURE: link_json, LIVE: live_link, DASHBOARD: dashboard_link}
    return views[one.target.kind](one)


def new_live_link(made: Link, target: LiveTarget, token: str, base: PublicBase) -> dict[str, Any]:
    """A link at its making: the only time that its URL is shown."""
    page = base.link(token)
    image = image_url(page, "png")
    heading = target.declaration.heading
    snippets = Snippets(page, image, heading, target.declaration.description or heading, None, None)
    return live_link(made) | {
        "url": page,
        "image_url": image,
        "local_only": base.is_local,
        "note": LOCAL_NOTE if base.is_local else None,
        "snippets": snippets.as_json(),
    }


def live_figure(
    target: LiveTarget, base: PublicBase, *, is_busy: bool, is_detached: bool, form: str | None
) -> dict[str, Any]:
    """A live figure with the schema of its parameters; without a kernel, its address is the lasting one."""
    record, lasting = target.record, f"{base.url}/live/f/{target.record.id}"
    url = f"{base.url}/live/{target.kernel}/{quote(record.name)}" if target.kernel else lasting
    return {
        "id": record.id,
        "session": target.kernel,
        "name": record.name,
        "description": target.declaration.description,
        "notebook": record.identity.notebook or None,
        "url": url,
        "image_url": f"{url}.png",
        "lasting_url": lasting,
        "schema": target.declaration.parameters.schema(),
        "busy": is_busy,
        "detached": is_detached,
        "form": form,
        "revision": target.declaration.revision,
    }


def _panel(place: ResolvedPanel, base: PublicBase) -> dict[str, Any]:
    panel, part = place.panel, place.part
    url = image = mimetype = None
    if panel.kind == FIGURE:
        pinned = "" if panel.version is None else f"?version={panel.version}"
        url = f"{base.url}/figures/{panel.target}{pinned}"
        if place.figure is not None and part is not None:
            size = part.width if part is place.figure.version.thumbnail else None
            image = base.bytes(place.figure, part.format, panel.version, size)
        mimetype = place.main.mimetype if place.main else None
    elif panel.kind == LIVE:
        url, query = f"{base.url}/live/f/{panel.target}", ""
        if place.target is not None:
            query = place.target.declaration.parameters.query(panel.values)
            mimetype = "image/png"
        image = f"{url}.png" + (f"?{query}" if query else "")
    return panel.as_json() | panel_json(place) | {"url": url, "image_url": image, "mimetype": mimetype}
