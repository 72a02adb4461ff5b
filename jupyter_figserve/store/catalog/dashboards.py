"""Dashboards in the catalog: publish, find, list, delete. Server process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from ...model.dashboards import FIGURE, DashboardRecord, Layout
from ...model.events import DASHBOARD_DELETED, DASHBOARD_PUBLISHED, DASHBOARD_RESTORED
from ...model.figures import Identity, new_id
from ...model.links import DASHBOARD, Target
from ...model.queries import DEFAULT_LIMIT, DashboardQuery
from . import conditions, events, links, tables
from .dialects import lock_owners
from .identities import has_identity, read_identity
from .pagination import clamp_limit, cut_page, select_page

_D, _F = tables.dashboards.c, tables.dashboard_figures.c


def publish(
    connection: Connection, identity: Identity, layout: Layout, session: str | None, now: float
) -> DashboardRecord:
    """Add ``layout`` as the newest version of the dashboard of this identity, unless it equals the current one."""
    lock_owners(connection, identity.owner)
    known = find_by_identity(connection, identity)
    if known is not None and known.layout == layout:
        return known
    if known is None:
        record = DashboardRecord(new_id(), identity, layout, 1, session, now, now)
        connection.execute(tables.dashboards.insert().values(_row(record)))
    else:
        record = replace(known, layout=layout, version=known.version + 1, session=session, updated=now)
        connection.execute(tables.dashboards.update().where(_D.id == record.id).values(_row(record)))
    _record_figures(connection, record)
    events.add(connection, now, record.owner, DASHBOARD_PUBLISHED, _event_data(record))
    return record


def insert(connection: Connection, record: DashboardRecord) -> None:
    """Add a dashboard read from a manifest, without an event."""
    connection.execute(tables.dashboards.insert().values(_row(record)))
    _record_figures(connection, record)


def find(connection: Connection, dashboard_id: str) -> DashboardRecord | None:
    row = connection.execute(sa.select(tables.dashboards).where(_D.id == dashboard_id)).first()
    return _record(row) if row else None


def find_by_identity(connection: Connection, identity: Identity) -> DashboardRecord | None:
    row = connection.execute(sa.select(tables.dashboards).where(has_identity(tables.dashboards, identity))).first()
    return _record(row) if row else None


def list_page(
    connection: Connection, query: DashboardQuery, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> tuple[list[DashboardRecord], str | None]:
    """Return one page, newest first, and the cursor of the next (None at the end).

    Raises
    ------
    InvalidInput
        When the cursor is not valid.
    """
    limit = clamp_limit(limit)
    page = select_page(sa.select(tables.dashboards).where(*_conditions(query)), _D.updated, _D.id, limit, cursor)
    found = [_record(row) for row in connection.execute(page)]
    return cut_page(found, limit, lambda record: (record.updated, record.id))


def delete(connection: Connection, record: DashboardRecord, now: float) -> bool:
    """Remove a dashboard with its links; return False when it does not exist.

    Its figures stay referenced until ``release``.
    """
    if not connection.execute(tables.dashboards.delete().where(_D.id == record.id)).rowcount:
        return False
    links.remove_for_target(connection, Target(DASHBOARD, record.id))
    events.add(connection, now, record.owner, DASHBOARD_DELETED, _event_data(record))
    return True


def release(connection: Connection, now: float) -> None:
    """Drop the references of deleted dashboards to figures, except of those that can be restored."""
    is_gone = conditions.is_gone(_F.dashboard, DASHBOARD, tables.dashboards, now)
    connection.execute(tables.dashboard_figures.delete().where(is_gone))


def emit_restored_event(connection: Connection, record: DashboardRecord, now: float) -> None:
    """Add the event of an undone deletion."""
    events.add(connection, now, record.owner, DASHBOARD_RESTORED, _event_data(record))


def _conditions(query: DashboardQuery) -> list[Any]:
    found = conditions.are_exact(query, _D)
    if query.shared_at is not None:
        found.append(conditions.is_shared(DASHBOARD, _D.id, query.shared_at))
    if query.text:
        found.append(conditions.has_part(query.text, _D.name, _D.title, _D.notebook))
    return found


def _record_figures(connection: Connection, record: DashboardRecord) -> None:
    """Replace the references to the figures that it shows, which garbage collection keeps."""
    connection.execute(tables.dashboard_figures.delete().where(_F.dashboard == record.id))
    rows: Sequence[dict[str, Any]] = [
        {"dashboard": record.id, "place": place, "figure": panel.target, "version": panel.version}
        for place, panel in record.layout.panels()
        if panel.kind == FIGURE
    ]
    if rows:
        connection.execute(tables.dashboard_figures.insert(), rows)


def _row(record: DashboardRecord) -> dict[str, Any]:
    return record.identity.__dict__ | {
        "id": record.id,
        "title": record.layout.title,
        "layout": json.dumps(record.layout.as_json(), ensure_ascii=False),
        "version": record.version,
        "session": record.session,
        "created": record.created,
        "updated": record.updated,
    }


def _record(row: Row[Any]) -> DashboardRecord:
    layout = Layout.from_json(json.loads(row.layout))
    return DashboardRecord(row.id, read_identity(row), layout, row.version, row.session, row.created, row.updated)


def _event_data(record: DashboardRecord) -> dict[str, object]:
    return {
        "dashboard": record.id,
        "name": record.name,
        "version": record.version,
        "session": record.session,
        "notebook": record.identity.notebook,
        "collection": record.identity.collection,
    }
