"""Dashboards, which figures they show, and the links onto them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5"
down_revision = "4"


def upgrade() -> None:
    _create_dashboards()
    _create_links()


def _create_dashboards() -> None:
    op.create_table(
        "dashboards",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("notebook", sa.String, nullable=False),
        sa.Column("maker", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("layout", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("session", sa.String),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
    )
    identity = ["owner", "scope", "notebook", "maker", "name"]
    op.create_index("dashboards_identity", "dashboards", identity, unique=True)
    op.create_index("dashboards_newest", "dashboards", ["owner", "updated", "id"])
    op.create_table(
        "dashboard_figures",
        sa.Column("dashboard", sa.String, primary_key=True),
        sa.Column("place", sa.String, primary_key=True),
        sa.Column("figure", sa.String, nullable=False),
        sa.Column("version", sa.Integer),
    )
    op.create_index("dashboard_figures_figure", "dashboard_figures", ["figure"])


def _create_links() -> None:
    op.create_table(
        "dashboard_links",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("token_hash", sa.String, nullable=False, unique=True),
        sa.Column("dashboard", sa.String, nullable=False, index=True),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("expires", sa.Float),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("locked", sa.Text, nullable=False),
        sa.Column("allowed", sa.Text, nullable=False),
        sa.Column("seen", sa.Integer, nullable=False),
        sa.Column("last_seen", sa.Float),
    )
