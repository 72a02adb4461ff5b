"""Alembic's entry: runs the migrations on the connection (and in the transaction) that engine.py hands over."""

from __future__ import annotations

from alembic import context

from jupyter_figserve.store.catalog.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
