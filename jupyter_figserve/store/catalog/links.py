"""Links of every kind in the catalog, with their people: find, list, change, remove, count views. Server process."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from ...errors import NotFound
from ...model.audiences import GROUP, PEOPLE, USER
from ...model.links import FIGURE, VIEW_SECONDS, Link, Target, hash_secret
from ...model.queries import DEFAULT_LIMIT
from . import conditions, tables
from .dialects import Upsert
from .identities import TABLES
from .pagination import clamp_limit, cut_page, select_page
from .transactions import changes_of

_L, _V, _P = tables.links.c, tables.viewers.c, tables.link_people.c
_SEEN = Upsert(tables.viewers, ["link", "client"], lambda new: {"seen": new.seen})
_CHUNK = 500
"""Viewers that are looked up by one statement."""
_PEOPLE_FIELDS = {"users": USER, "groups": GROUP}
_BY_ID = sa.select(tables.links).where(_L.id == sa.bindparam("id"))
_BY_TOKEN = sa.select(tables.links).where(_L.token_hash == sa.bindparam("token_hash"))
_BY_TARGET = (
    sa.select(tables.links)
    .where(_L.kind == sa.bindparam("kind"), _L.target == sa.bindparam("target"))
    .order_by(_L.created.desc(), _L.id.desc())
)


def add(connection: Connection, link: Link) -> None:
    connection.execute(tables.links.insert().values(_row(link)))
    for name in _PEOPLE_FIELDS:
        _add_people(connection, link.id, name, getattr(link, name))


def find(connection: Connection, link_id: str) -> Link | None:
    return next(iter(_links(connection, connection.execute(_BY_ID, {"id": link_id}))), None)


def find_by_token(connection: Connection, token: str) -> Link | None:
    """Return the link of this token. The database compares hashes, so its timing reveals no secret."""
    rows = connection.execute(_BY_TOKEN, {"token_hash": hash_secret(token)})
    return next(iter(_links(connection, rows)), None)


def list_for_target(connection: Connection, target: Target) -> list[Link]:
    """Return the links to one target, newest first."""
    return _links(connection, connection.execute(_BY_TARGET, {"kind": target.kind, "target": target.id}))


def list_page(
    connection: Connection,
    owner: str | None,
    figure: str | None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
    *,
    by_views: bool = False,
) -> tuple[list[Link], str | None]:
    """Return one page of links, newest first, and the cursor of the next (None at the end).

    Parameters
    ----------
    owner, figure
        Only links to what this owner has, or to this figure; None for any.
    by_views
        Whether those with the most views are first instead.

    Raises
    ------
    InvalidInput
        When the cursor is not valid.
    """
    limit = clamp_limit(limit)
    query = select_page(sa.select(tables.links), _L.seen if by_views else _L.created, _L.id, limit, cursor)
    if figure is not None:
        query = query.where(_L.kind == FIGURE, _L.target == figure)
    if owner is not None:
        query = query.where(sa.or_(*(sa.and_(_L.kind == kind, _is_owned(kind, owner)) for kind in TABLES)))
    found = _links(connection, connection.execute(query))
    return cut_page(found, limit, lambda link: (link.seen if by_views else link.created, link.id))


def list_shared(
    connection: Connection,
    person: str,
    groups: Collection[str],
    audiences: Collection[str],
    now: float,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> tuple[list[Link], str | None]:
    """Return one page of the open links that others share with a person, as ``list_page``.

    Parameters
    ----------
    groups
        Names of the person's groups.
    audiences
        Those that count, of ``"people"`` and ``"hub"``.
    """
    limit = clamp_limit(limit)
    named = sa.or_(sa.and_(_P.kind == USER, _P.name == person), sa.and_(_P.kind == GROUP, _P.name.in_(groups)))
    is_named = sa.exists().where(_P.link == _L.id, named)
    query = (
        sa.select(tables.links)
        .where(_L.audience.in_(audiences), sa.or_(_L.audience != PEOPLE, is_named))
        .where(conditions.is_open(now))
        .where(*(~sa.and_(_L.kind == kind, _is_owned(kind, person)) for kind in TABLES))
    )
    found = _links(connection, connection.execute(select_page(query, _L.created, _L.id, limit, cursor)))
    return cut_page(found, limit, lambda link: (link.created, link.id))


def count_open(connection: Connection, targets: Collection[str], now: float, kind: str = FIGURE) -> dict[str, int]:
    """Count the open links of each of these figures, live figures or dashboards."""
    shown = _L.kind == kind, _L.target.in_(targets), conditions.is_open(now)
    query = sa.select(_L.target, sa.func.count()).where(*shown).group_by(_L.target)
    return {row[0]: row[1] for row in connection.execute(query)}


def change(connection: Connection, link_id: str, changes: dict[str, Any]) -> None:
    """Set columns and people of a link.

    Raises
    ------
    NotFound
        When the link has been revoked.
    """
    if find(connection, link_id) is None:
        raise NotFound("There is no such link.")
    changes_of(connection).links.add(link_id)
    columns = {name: value for name, value in changes.items() if name not in _PEOPLE_FIELDS}
    for name in ("locked", "allowed"):
        if name in columns:
            columns[name] = _encode(columns[name])
    if columns:
        connection.execute(tables.links.update().where(_L.id == link_id).values(columns))
    for name, kind in _PEOPLE_FIELDS.items():
        if name in changes:
            connection.execute(tables.link_people.delete().where(_P.link == link_id, _P.kind == kind))
            _add_people(connection, link_id, name, changes[name])


def remove(connection: Connection, link_id: str) -> bool:
    """Delete a link with its people and viewers; return False when there is none."""
    changes_of(connection).links.add(link_id)
    connection.execute(tables.link_people.delete().where(_P.link == link_id))
    connection.execute(tables.viewers.delete().where(_V.link == link_id))
    return connection.execute(tables.links.delete().where(_L.id == link_id)).rowcount == 1


def lock_for_target(connection: Connection, target: Target) -> None:
    """Exclude changes and views of the links to one target until the transaction ends."""
    shown = _L.kind == target.kind, _L.target == target.id
    connection.execute(sa.select(_L.id).where(*shown).order_by(_L.id).with_for_update())


def remove_for_target(connection: Connection, target: Target) -> None:
    for link in list_for_target(connection, target):
        remove(connection, link.id)


def remove_expired(connection: Connection, before: float, limit: int) -> int:
    """Delete up to ``limit`` links that expired earlier than ``before``; return how many."""
    expired = connection.execute(sa.select(_L.id).where(_L.expires < before).limit(limit)).scalars().all()
    for link_id in expired:
        remove(connection, link_id)
    return len(expired)


def count_view(connection: Connection, link_id: str, client: str, now: float) -> bool:
    """Use up one view, unless this client did so within ``VIEW_SECONDS``; return False when none is left.

    Runs in a write transaction, so that two racing requests cannot use the same view.
    """
    connection.execute(sa.select(_L.id).where(_L.id == link_id).with_for_update())
    if is_known_viewer(connection, link_id, client, now):
        return True
    counted = connection.execute(
        tables.links.update()
        .where(_L.id == link_id, sa.or_(_L.views.is_(None), _L.seen < _L.views))
        .values(seen=_L.seen + 1, last_seen=now)
    )
    if counted.rowcount != 1:
        return False
    _SEEN(connection, {"link": link_id, "client": client, "seen": now})
    return True


def add_views(connection: Connection, views: Sequence[tuple[str, str, float]]) -> None:
    """Count views of links without a limit, each a link, a client and a time.

    Those of a client whose view was counted within ``VIEW_SECONDS``, by this or another server, are not.
    """
    ids = sorted({link for link, _, _ in views})
    connection.execute(sa.select(_L.id).where(_L.id.in_(ids)).order_by(_L.id).with_for_update())
    seen: dict[tuple[str, str], float] = {}
    for start in range(0, len(views), _CHUNK):
        pairs = {(link, client) for link, client, _ in views[start : start + _CHUNK]}
        query = sa.select(tables.viewers).where(sa.tuple_(_V.link, _V.client).in_(pairs))
        seen |= {(row.link, row.client): row.seen for row in connection.execute(query)}
    counts: dict[str, tuple[int, float]] = {}
    counted: dict[tuple[str, str], float] = {}
    for link, client, now in views:
        if not _is_recent(seen.get((link, client)), now):
            seen[link, client] = counted[link, client] = now
            counts[link] = (counts.get(link, (0, 0.0))[0] + 1, now)
    for link, (count, now) in sorted(counts.items()):
        connection.execute(tables.links.update().where(_L.id == link).values(seen=_L.seen + count, last_seen=now))
    _SEEN(connection, *({"link": link, "client": client, "seen": now} for (link, client), now in counted.items()))


def is_known_viewer(connection: Connection, link_id: str, client: str, now: float) -> bool:
    """Whether this client used up a view within ``VIEW_SECONDS``."""
    seen = connection.execute(sa.select(_V.seen).where(_V.link == link_id, _V.client == client)).scalar()
    return _is_recent(seen, now)


def _is_owned(kind: str, owner: str) -> sa.ColumnElement[bool]:
    row = TABLES[kind].c
    return sa.exists().where(row.id == _L.target, row.owner == owner)


def _is_recent(seen: float | None, now: float) -> bool:
    return seen is not None and 0 <= now - seen < VIEW_SECONDS


def _row(link: Link) -> dict[str, Any]:
    own = {
        "kind": link.target.kind,
        "target": link.target.id,
        "locked": _encode(dict(link.locked)),
        "allowed": _encode(link.allowed),
    }
    return {name: value for name, value in link.__dict__.items() if name not in _PEOPLE_FIELDS} | own


def _encode(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _add_people(connection: Connection, link_id: str, field: str, names: Iterable[str]) -> None:
    rows = [{"link": link_id, "kind": _PEOPLE_FIELDS[field], "name": name} for name in dict.fromkeys(names)]
    if rows:
        connection.execute(tables.link_people.insert(), rows)


def _links(connection: Connection, rows: Iterable[Row[Any]]) -> list[Link]:
    found = [_link(row) for row in rows]
    named = [link.id for link in found if link.audience == PEOPLE]
    if not named:
        return found
    people: dict[tuple[str, str], list[str]] = {}
    query = sa.select(_P.link, _P.kind, _P.name).where(_P.link.in_(named)).order_by(_P.name)
    for link_id, kind, name in connection.execute(query):
        people.setdefault((link_id, kind), []).append(name)

    def of(link: Link, kind: str) -> tuple[str, ...]:
        return tuple(people.get((link.id, kind), ()))

    return [replace(link, users=of(link, USER), groups=of(link, GROUP)) for link in found]


def _link(row: Row[Any]) -> Link:
    values = dict(row._mapping)
    own = {
        "target": Target(values.pop("kind"), values["target"]),
        "locked": json.loads(row.locked),
        "allowed": tuple(json.loads(row.allowed)),
    }
    return Link(**values | own)
