"""Alembic's entry point: runs the migrations in the transaction that ``store.catalog.schema`` opens."""

from __future__ import annotations

from alembic import context

from jupyter_figserve.store.catalog.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
