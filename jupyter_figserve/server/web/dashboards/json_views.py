"""Dashboards and their panels as JSON, whose fields are public API. Server process."""

from __future__ import annotations

from typing import Any

from ....model.dashboards import FIGURE, LIVE, TEXT
from ....model.formats import get_live_format
from ....model.times import rfc3339
from ...services.addresses import PublicBase
from ...services.dashboards.resolver import ResolvedDashboard, ResolvedPanel


def dashboard_json(dashboard: ResolvedDashboard, base: PublicBase) -> dict[str, Any]:
    """Return a dashboard with the current content of its panels."""
    record, layout = dashboard.record, dashboard.record.layout
    return {
        "id": record.id,
        "name": record.name,
        "title": layout.title,
        "theme": layout.theme,
        "controls": None if layout.controls is None else list(layout.controls),
        "owner": record.owner,
        "notebook": record.identity.notebook or None,
        "collection": record.identity.collection or None,
        "session": record.session,
        "version": record.version,
        "created": rfc3339(record.created),
        "updated": rfc3339(record.updated),
        "url": base.dashboard(record.id),
        "rows": [[_own_panel_json(panel, base) for panel in row] for row in dashboard.rows],
    }


def panel_json(panel: ResolvedPanel) -> dict[str, Any]:
    """Return the public metadata of a panel."""
    spec = panel.spec
    return {
        "kind": spec.kind,
        "place": panel.name,
        "share": spec.share,
        "caption": spec.caption,
        "alt": panel.alt,
        "width": panel.width,
        "height": panel.height,
        "html": panel.html if spec.kind == TEXT else None,
        "form": panel.form,
    }


def _own_panel_json(panel: ResolvedPanel, base: PublicBase) -> dict[str, Any]:
    """Return a panel for its owner, with the URLs of its figure."""
    spec = panel.spec
    url = image = mimetype = None
    if spec.kind == FIGURE:
        pinned = "" if spec.version is None else f"?version={spec.version}"
        url = f"{base.url}/figures/{spec.target}{pinned}"
        if panel.figure is not None and panel.image is not None:
            width = panel.image.width if panel.is_thumbnail else None
            image = base.bytes(panel.figure, panel.image.format, spec.version, width)
        mimetype = panel.main.mimetype if panel.main else None
    elif spec.kind == LIVE:
        url, query = f"{base.url}/live/f/{spec.target}", ""
        if panel.target is not None:
            query = panel.target.declaration.parameters.query(spec.values)
            mimetype = get_live_format(panel.suffix).mimetype
        image = f"{url}.{panel.suffix}" + (f"?{query}" if query else "")
    return spec.as_json() | panel_json(panel) | {"url": url, "image_url": image, "mimetype": mimetype}
