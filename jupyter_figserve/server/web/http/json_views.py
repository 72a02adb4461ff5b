"""Domain values as the JSON that programs outside rely on. Server process."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ....model.figures import FigureRecord
from ....model.links import DASHBOARD, FIGURE, LIVE, Link
from ....model.snippets import Snippets, image_url
from ....model.times import rfc3339
from ...services.addresses import LOCAL_NOTE, PublicBase
from ...services.dashboards.resolver import ResolvedDashboard
from ...services.live.registry import LiveTarget


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


def dashboard_link(link: Link) -> dict[str, Any]:
    """A link onto a dashboard as lists show it."""
    return _link_with_parameters(link) | {"dashboard": link.target.id}


def new_dashboard_link(made: Link, dashboard: ResolvedDashboard, token: str, base: PublicBase) -> dict[str, Any]:
    """A link at its making: the only time that its URL is shown."""
    page, title = base.link(token), dashboard.record.layout.title
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
