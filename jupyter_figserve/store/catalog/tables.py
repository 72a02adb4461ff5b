"""The catalog's tables. Server process. Each change here needs a migration that only adds (see migrations/)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, Table, text
from sqlalchemy.schema import SchemaItem

SCHEMA = 1
"""Number of the newest migration in this package."""
WORKS_FROM = 1
"""Oldest schema whose servers can still read and write a catalog of this one."""

# Compared by bytes, as SQLite does, not by the rules of a language: lists have one order on every database, and an
# upgrade of the system's C library cannot damage PostgreSQL's indexes.
String = sa.String().with_variant(sa.String(collation="C"), "postgresql")
Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

metadata = MetaData()


def _identity(table: str) -> tuple[SchemaItem, ...]:
    """Return the id and the identity columns of a table, with the identity's unique index."""
    names = ("owner", "scope", "notebook", "maker", "name", "collection")
    columns = (Column(name, String, nullable=False) for name in names)
    return Column("id", String, primary_key=True), *columns, Index(f"{table}_identity", *names, unique=True)


def _keys(*names: str) -> tuple[Column[str], ...]:
    """Return the columns of a primary key of texts."""
    return tuple(Column(name, String, primary_key=True) for name in names)


meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", String, nullable=False))

figures = Table(
    "figures",
    metadata,
    *_identity("figures"),
    Column("title", String, nullable=False, server_default=""),
    Column("origin", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("latest", BigInteger, nullable=False),
    Index("figures_newest", "owner", "updated", "id"),
    Index("figures_of_notebook", "owner", "notebook", "updated", "id"),
    Index("figures_of_collection", "owner", "collection", "updated", "id"),
    Index("figures_of_name", "owner", "name", "updated", "id"),
)

versions = Table(
    "versions",
    metadata,
    Column("figure", ForeignKey("figures.id"), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("created", Float, nullable=False),
    Column("session", String),
    Column("title", String, nullable=False),
    Column("alt", String, nullable=False),
    Column("caption", String, nullable=False),
    Column("source_kind", String),
    Column("source_digest", String),
    Column("source_size", BigInteger),
    Column("source_libraries", Text),
    Column("source_problem", Text, nullable=False, server_default=""),
    Column("source_check", Text),
    Column("code_digest", String),
    Column("code_size", BigInteger),
    Column("provenance", Text, nullable=False),
)

representations = Table(
    "representations",
    metadata,
    Column("figure", String, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("is_thumbnail", Boolean, nullable=False),
    Column("mimetype", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("width", BigInteger),
    Column("height", BigInteger),
    Column("dpi", Float),
    Column("frames", BigInteger),
    Column("duration", Float),
    Column("display_width", BigInteger),
    Column("display_height", BigInteger),
)

links = Table(
    "links",
    metadata,
    Column("id", String, primary_key=True),
    Column("token_hash", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("target", String, nullable=False),
    Column("version", BigInteger),
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("label", String, nullable=False),
    Column("views", BigInteger),
    Column("audience", String, nullable=False),
    Column("locked", Text, nullable=False),
    Column("allowed", Text, nullable=False),
    *(Column(name, Boolean, nullable=False, server_default="0") for name in ("paused", "data", "code")),
    Column("seen", BigInteger, nullable=False),
    Column("last_seen", Float),
    Column("nonce", String, nullable=False),
    Index("links_of_target", "kind", "target"),
    Index("links_of_audience", "audience", "created", "id"),
)

link_people = Table(
    "link_people",
    metadata,
    *_keys("link", "kind", "name"),
    Index("link_people_name", "kind", "name"),
)

trash = Table(
    "trash",
    metadata,
    *_keys("kind", "id"),
    Column("owner", String, nullable=False),
    Column("deleted", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("manifest", Text, nullable=False),
    Index("trash_expiry", "kind", "expires"),
    Index("trash_of_owner", "owner", "deleted"),
)

manifest_queue = Table(
    "manifest_queue",
    metadata,
    *_keys("kind", "id"),
    Column("generation", Integer, nullable=False),
    Column("claimed_until", Float, nullable=False),
)

viewers = Table(
    "viewers",
    metadata,
    *_keys("link", "client"),
    Column("seen", Float, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("secret_hash", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("label", String, nullable=False),
    Column("kernel", String, index=True),
    Column("last_used", Float),
    Column("maker", String, nullable=False, server_default=""),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("notebook", String, nullable=False),
    Column("started", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("ended", Float, index=True),
    Index("sessions_newest", "owner", "started", "id"),
)

session_figures = Table(
    "session_figures",
    metadata,
    *_keys("session", "figure"),
    Column("version", BigInteger, nullable=False),
    Index("session_figures_figure", "figure"),
)

blobs = Table(
    "blobs",
    metadata,
    Column("digest", String, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("refs", BigInteger, nullable=False),
    Column("touched", Float, nullable=False),
    Index("blobs_unreferenced", "touched", sqlite_where=text("refs = 0")),  # PostgreSQL's too: see the migration
)

usage = Table(
    "usage",
    metadata,
    *_keys("kind", "key"),
    Column("figures", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

owners = Table(
    "owners",
    metadata,
    Column("name", String, primary_key=True),
    Column("max_figures", Integer),
    Column("max_bytes", BigInteger),
    Column("hub_created", String),
    Column("departed", Float),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("created", Float, nullable=False),
    Column("owner", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("data", Text, nullable=False),
    sqlite_autoincrement=True,
)

live_figures = Table(
    "live_figures",
    metadata,
    *_identity("live_figures"),
    Column("declaration", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
)

live_sessions = Table(
    "live_sessions",
    metadata,
    *_keys("session", "name"),
    Column("live", String, nullable=False),
    Index("live_sessions_live", "live"),
)

kernel_lines = Table(
    "kernel_lines",
    metadata,
    Column("kernel", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("server", String, nullable=False),
    Column("revision", String, nullable=False),
    Column("opened", Float, nullable=False),
    Column("seen", Float, nullable=False),
    *[Column(name, Text, nullable=False) for name in ("offers", "sources")],
)

live_images = Table(
    "live_images",
    metadata,
    *_keys("live", "key"),
    Column("mimetype", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("width", BigInteger),
    Column("height", BigInteger),
    Column("dpi", Float),
    Column("alt", String, nullable=False),
    Column("rendered", Float, nullable=False),
    Column("is_frozen", Boolean, nullable=False),
    Index("live_images_newest", "live", "is_frozen", "rendered"),
)

live_sources = Table(
    "live_sources",
    metadata,
    Column("live", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("libraries", Text, nullable=False),
    Column("declaration", Text, nullable=False),
    Column("created", Float, nullable=False),
)

dashboards = Table(
    "dashboards",
    metadata,
    *_identity("dashboards"),
    Column("title", String, nullable=False),
    Column("layout", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("session", String),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Index("dashboards_newest", "owner", "updated", "id"),
)

dashboard_figures = Table(
    "dashboard_figures",
    metadata,
    *_keys("dashboard", "place"),
    Column("figure", String, nullable=False),
    Column("version", BigInteger),
    Index("dashboard_figures_figure", "figure"),
)
