"""Identity columns, which figures, live figures and dashboards have in common. Server process."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from ...model.figures import Identity
from ...model.links import DASHBOARD, FIGURE, LIVE
from . import conditions, tables
from .dialects import lock_owners

TABLES = {FIGURE: tables.figures, LIVE: tables.live_figures, DASHBOARD: tables.dashboards}
"""Their tables by kind."""


def read_identity(row: Row[Any]) -> Identity:
    return Identity(row.owner, row.scope, row.notebook, row.maker, row.name, row.collection)


def has_identity(table: sa.Table, identity: Identity) -> sa.ColumnElement[bool]:
    """Condition: a row of ``table`` with this identity."""
    return sa.and_(*(table.c[name] == value for name, value in identity.__dict__.items()))


def rename_notebook(connection: Connection, table: sa.Table, owner: str, scope: str, old: str, new: str) -> list[str]:
    """Move rows of ``table`` from a notebook, or from all notebooks below a directory, to its new path.

    A row whose new identity is taken keeps its old one.

    Returns
    -------
    list of str
        Ids of the rows that moved.
    """
    lock_owners(connection, owner)
    row = table.c
    affected = sa.and_(row.owner == owner, row.scope == scope, conditions.is_in(row.notebook, old))
    moved = []
    for row_id, notebook in connection.execute(sa.select(row.id, row.notebook).where(affected)).all():
        with connection.begin_nested() as attempt:
            try:
                renamed = table.update().where(row.id == row_id).values(notebook=new + notebook[len(old) :])
                connection.execute(renamed)
                moved.append(row_id)
            except sa.exc.IntegrityError:
                attempt.rollback()
    return moved
