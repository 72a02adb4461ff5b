"""Traits of the catalog's database. Server process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from traitlets import Float, Integer, TraitError, Unicode, validate
from traitlets.config import Configurable

from ...errors import InvalidInput
from ...store.databases import PostgresSettings, check_url, find_postgres, find_sqlite_path


class DatabaseConfig(Configurable):
    """Settings of where the catalog is."""

    database_url = Unicode(
        "",
        help="Database of the catalog. sqlite:////absolute/path.db (on Windows sqlite:///C:/path.db) keeps it on"
        " another disk than the figures: a local one when data_dir is on a network. postgresql://user@host/name is for"
        " several servers; a password belongs in ~/.pgpass or PGPASSWORD, or here in a private file. Default:"
        " catalog.db in data_dir.",
    ).tag(config=True)
    database_timeout = Float(
        1.0,
        min=0.1,
        help="Time in seconds within which PostgreSQL must answer; otherwise requests get the status 503 until it"
        " answers again.",
    ).tag(config=True)
    database_connections = Integer(
        8, min=3, help="Number of connections to PostgreSQL for the requests of this server; it opens up to 5 more."
    ).tag(config=True)
    database_outage_links = Integer(
        60,
        min=0,
        help="Seconds after its last check for which a link is still served while PostgreSQL does not answer; a link"
        " that another server revokes meanwhile stays open that long. 0 serves none.",
    ).tag(config=True)

    @validate("database_url")
    def _check_database_url(self, proposal: Any) -> str:
        """Refuse what cannot be used; the message does not repeat the address, which may contain a password."""
        value: str = proposal.value
        try:
            check_url(value)
        except InvalidInput as error:
            raise TraitError(f"database_url: {error.message}") from None
        return value

    @property
    def sqlite_path(self) -> Path | None:
        return find_sqlite_path(self.database_url)

    @property
    def postgres(self) -> PostgresSettings | None:
        return find_postgres(self.database_url, self.database_timeout, self.database_connections)
