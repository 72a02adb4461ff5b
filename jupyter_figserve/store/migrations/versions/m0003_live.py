"""Live figures: their lasting identity, their last pictures, and the links onto them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    _create_figures()
    _create_pictures()
    _create_links()


def _create_figures() -> None:
    op.create_table(
        "live_figures",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("notebook", sa.String, nullable=False),
        sa.Column("maker", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("declaration", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
    )
    op.create_index(
        "live_figures_identity", "live_figures", ["owner", "scope", "notebook", "maker", "name"], unique=True
    )
    op.create_table(
        "live_sessions",
        sa.Column("session", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("live", sa.String, nullable=False),
    )
    op.create_index("live_sessions_live", "live_sessions", ["live"])


def _create_pictures() -> None:
    op.create_table(
        "live_pictures",
        sa.Column("live", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("mimetype", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("dpi", sa.Float),
        sa.Column("alt", sa.String, nullable=False),
        sa.Column("drawn", sa.Float, nullable=False),
        sa.Column("is_frozen", sa.Boolean, nullable=False),
    )
    op.create_index("live_pictures_newest", "live_pictures", ["live", "is_frozen", "drawn"])


def _create_links() -> None:
    op.create_table(
        "live_links",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("token_hash", sa.String, nullable=False, unique=True),
        sa.Column("live", sa.String, nullable=False, index=True),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("expires", sa.Float),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("locked", sa.Text, nullable=False),
        sa.Column("allowed", sa.Text, nullable=False),
        sa.Column("seen", sa.Integer, nullable=False),
        sa.Column("last_seen", sa.Float),
    )
