"""Lists of one notebook's figures, of one name's, and of an owner's sessions, without looking at all of them."""

from __future__ import annotations

from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    op.create_index("figures_of_notebook", "figures", ["owner", "notebook", "updated", "id"])
    op.create_index("figures_of_name", "figures", ["owner", "name", "updated", "id"])
    op.create_index("sessions_newest", "sessions", ["owner", "started", "id"])
