"""Detached live functions: what answers when no kernel offers a live figure."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    op.create_table(
        "live_sources",
        sa.Column("live", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("libraries", sa.Text, nullable=False),
        sa.Column("declaration", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
