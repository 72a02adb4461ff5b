"""Which server each kernel is connected to, where several serve. Server process."""

from __future__ import annotations

import json
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.figures import new_id
from ...model.kernel_lines import KernelLine
from ...model.live import LiveDeclaration
from . import events, tables

_L = tables.kernel_lines.c


def put(connection: Connection, line: KernelLine, now: float) -> bool:
    """Record a line; return False when the kernel has connected elsewhere since."""
    row = {
        "owner": line.owner,
        "server": line.server,
        "opened": line.opened,
        "offers": json.dumps([[live, one.as_json()] for live, one in line.offers], ensure_ascii=False),
        "sources": json.dumps([line.sources, line.unsupported]),
        "revision": new_id(),
        "seen": now,
    }
    known = connection.execute(sa.select(_L.opened).where(_L.kernel == line.kernel).with_for_update()).scalar()
    if known is None:
        connection.execute(tables.kernel_lines.insert().values(kernel=line.kernel, **row))
    elif known <= line.opened:
        connection.execute(tables.kernel_lines.update().where(_L.kernel == line.kernel).values(**row))
    else:
        return False
    events.notify(connection)
    return True


def remove(connection: Connection, kernel: str, server: str | None = None) -> None:
    """Remove the line of a kernel; only if it ends at this server, unless that is None."""
    rows = tables.kernel_lines.delete().where(_L.kernel == kernel)
    connection.execute(rows if server is None else rows.where(_L.server == server))
    events.notify(connection)


def remove_all(connection: Connection, server: str) -> None:
    """Remove all lines that end at a server."""
    connection.execute(tables.kernel_lines.delete().where(_L.server == server))
    events.notify(connection)


def renew(connection: Connection, server: str, now: float) -> None:
    """Record that a server is there."""
    connection.execute(tables.kernel_lines.update().where(_L.server == server).values(seen=now))


def remove_silent(connection: Connection, before: float) -> None:
    """Remove the lines of servers that have not been there since a time."""
    connection.execute(tables.kernel_lines.delete().where(_L.seen < before))


def list_heads(connection: Connection) -> dict[str, KernelLine]:
    """Return all lines by kernel, without what the kernels offer and draw."""
    query = sa.select(_L.kernel, _L.owner, _L.server, _L.opened, _L.revision)
    return {row.kernel: KernelLine(**row._mapping) for row in connection.execute(query)}


def find_many(connection: Connection, kernels: Collection[str]) -> list[KernelLine]:
    """Return the lines of these kernels, in the order in which they were opened."""
    query = sa.select(tables.kernel_lines).where(_L.kernel.in_(kernels)).order_by(_L.opened, _L.kernel)
    return [
        KernelLine(
            row.kernel,
            row.owner,
            row.server,
            row.opened,
            tuple((live, LiveDeclaration.from_json(one)) for live, one in json.loads(row.offers)),
            row.revision,
            *map(tuple, json.loads(row.sources)),
        )
        for row in connection.execute(query)
    ]
