"""The first schema: figures, live figures and dashboards, their links, API keys, sessions, and bookkeeping."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None
_STRING = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_IDENTITY = ("owner", "scope", "notebook", "maker", "name", "collection")


def upgrade() -> None:
    _create_figures()
    _create_live_figures()
    _create_kernel_lines()
    _create_live_results()
    _create_dashboards()
    _create_links()
    _create_trash()
    _create_keys()
    _create_sessions()
    _create_bookkeeping()
    _create_events()


def _identity_columns() -> list[sa.Column[str]]:
    return [sa.Column(name, _STRING, nullable=False) for name in _IDENTITY]


def _keys(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, _STRING, primary_key=True) for name in names]


def _create_figures() -> None:
    op.create_table(
        "figures",
        sa.Column("id", _STRING, primary_key=True),
        *_identity_columns(),
        sa.Column("title", _STRING, nullable=False, server_default=""),
        sa.Column("origin", _STRING, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
        sa.Column("latest", sa.BigInteger, nullable=False),
    )
    op.create_index("figures_identity", "figures", _IDENTITY, unique=True)
    op.create_index("figures_newest", "figures", ["owner", "updated", "id"])
    op.create_index("figures_of_notebook", "figures", ["owner", "notebook", "updated", "id"])
    op.create_index("figures_of_collection", "figures", ["owner", "collection", "updated", "id"])
    op.create_index("figures_of_name", "figures", ["owner", "name", "updated", "id"])
    _create_versions()


def _create_versions() -> None:
    op.create_table(
        "versions",
        sa.Column("figure", _STRING, sa.ForeignKey("figures.id"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("session", _STRING),
        sa.Column("title", _STRING, nullable=False),
        sa.Column("alt", _STRING, nullable=False),
        sa.Column("caption", _STRING, nullable=False),
        sa.Column("source_kind", _STRING),
        sa.Column("source_digest", _STRING),
        sa.Column("source_size", sa.BigInteger),
        sa.Column("source_libraries", _TEXT),
        sa.Column("source_problem", _TEXT, nullable=False, server_default=""),
        sa.Column("source_check", _TEXT),
        sa.Column("code_digest", _STRING),
        sa.Column("code_size", sa.BigInteger),
        sa.Column("provenance", _TEXT, nullable=False),
    )
    op.create_table(
        "representations",
        sa.Column("figure", _STRING, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True),
        sa.Column("is_thumbnail", sa.Boolean, nullable=False),
        sa.Column("mimetype", _STRING, nullable=False),
        sa.Column("digest", _STRING, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("width", sa.BigInteger),
        sa.Column("height", sa.BigInteger),
        sa.Column("dpi", sa.Float),
        sa.Column("frames", sa.BigInteger),
        sa.Column("duration", sa.Float),
        sa.Column("display_width", sa.BigInteger),
        sa.Column("display_height", sa.BigInteger),
    )


def _create_live_figures() -> None:
    op.create_table(
        "live_figures",
        sa.Column("id", _STRING, primary_key=True),
        *_identity_columns(),
        sa.Column("declaration", _TEXT, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
    )
    op.create_index("live_figures_identity", "live_figures", _IDENTITY, unique=True)
    op.create_table(
        "live_sessions",
        *_keys("session", "name"),
        sa.Column("live", _STRING, nullable=False),
    )
    op.create_index("live_sessions_live", "live_sessions", ["live"])


def _create_kernel_lines() -> None:
    op.create_table(
        "kernel_lines",
        sa.Column("kernel", _STRING, primary_key=True),
        *[sa.Column(name, _STRING, nullable=False) for name in ("owner", "server", "revision")],
        *[sa.Column(name, sa.Float, nullable=False) for name in ("opened", "seen")],
        *[sa.Column(name, _TEXT, nullable=False) for name in ("offers", "sources")],
    )


def _create_live_results() -> None:
    op.create_table(
        "live_images",
        *_keys("live", "key"),
        sa.Column("mimetype", _STRING, nullable=False),
        sa.Column("digest", _STRING, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("width", sa.BigInteger),
        sa.Column("height", sa.BigInteger),
        sa.Column("dpi", sa.Float),
        sa.Column("alt", _STRING, nullable=False),
        sa.Column("rendered", sa.Float, nullable=False),
        sa.Column("is_frozen", sa.Boolean, nullable=False),
    )
    op.create_index("live_images_newest", "live_images", ["live", "is_frozen", "rendered"])
    op.create_table(
        "live_sources",
        sa.Column("live", _STRING, primary_key=True),
        sa.Column("kind", _STRING, nullable=False),
        sa.Column("digest", _STRING, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("libraries", _TEXT, nullable=False),
        sa.Column("declaration", _TEXT, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )


def _create_dashboards() -> None:
    op.create_table(
        "dashboards",
        sa.Column("id", _STRING, primary_key=True),
        *_identity_columns(),
        sa.Column("title", _STRING, nullable=False),
        sa.Column("layout", _TEXT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("session", _STRING),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
    )
    op.create_index("dashboards_identity", "dashboards", _IDENTITY, unique=True)
    op.create_index("dashboards_newest", "dashboards", ["owner", "updated", "id"])
    op.create_table(
        "dashboard_figures",
        *_keys("dashboard", "place"),
        sa.Column("figure", _STRING, nullable=False),
        sa.Column("version", sa.BigInteger),
    )
    op.create_index("dashboard_figures_figure", "dashboard_figures", ["figure"])


def _create_links() -> None:
    op.create_table(
        "links",
        sa.Column("id", _STRING, primary_key=True),
        sa.Column("token_hash", _STRING, nullable=False, unique=True),
        sa.Column("kind", _STRING, nullable=False),
        sa.Column("target", _STRING, nullable=False),
        sa.Column("version", sa.BigInteger),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("expires", sa.Float),
        sa.Column("label", _STRING, nullable=False),
        sa.Column("views", sa.BigInteger),
        sa.Column("audience", _STRING, nullable=False),
        sa.Column("locked", _TEXT, nullable=False),
        sa.Column("allowed", _TEXT, nullable=False),
        *[sa.Column(name, sa.Boolean, nullable=False, server_default="0") for name in ("paused", "data", "code")],
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.Float),
        sa.Column("nonce", _STRING, nullable=False),
    )
    op.create_index("links_of_target", "links", ["kind", "target"])
    op.create_index("links_of_audience", "links", ["audience", "created", "id"])
    op.create_table(
        "link_people",
        *_keys("link", "kind", "name"),
    )
    op.create_index("link_people_name", "link_people", ["kind", "name"])
    op.create_table(
        "viewers",
        *_keys("link", "client"),
        sa.Column("seen", sa.Float, nullable=False),
    )


def _create_trash() -> None:
    op.create_table(
        "trash",
        *_keys("kind", "id"),
        sa.Column("owner", _STRING, nullable=False),
        sa.Column("deleted", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
        sa.Column("manifest", _TEXT, nullable=False),
    )
    op.create_index("trash_expiry", "trash", ["kind", "expires"])
    op.create_index("trash_of_owner", "trash", ["owner", "deleted"])
    op.create_table(
        "manifest_queue",
        *_keys("kind", "id"),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("claimed_until", sa.Float, nullable=False),
    )


def _create_keys() -> None:
    op.create_table(
        "keys",
        sa.Column("id", _STRING, primary_key=True),
        sa.Column("secret_hash", _STRING, nullable=False),
        sa.Column("owner", _STRING, nullable=False),
        sa.Column("scopes", _STRING, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("expires", sa.Float),
        sa.Column("label", _STRING, nullable=False),
        sa.Column("kernel", _STRING, index=True),
        sa.Column("last_used", sa.Float),
        sa.Column("maker", _STRING, nullable=False, server_default=""),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", _STRING, primary_key=True),
        sa.Column("owner", _STRING, nullable=False),
        sa.Column("scope", _STRING, nullable=False),
        sa.Column("notebook", _STRING, nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
        sa.Column("ended", sa.Float, index=True),
    )
    op.create_index("sessions_newest", "sessions", ["owner", "started", "id"])
    op.create_table(
        "session_figures",
        *_keys("session", "figure"),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_index("session_figures_figure", "session_figures", ["figure"])


def _create_bookkeeping() -> None:
    op.create_table("meta", sa.Column("key", _STRING, primary_key=True), sa.Column("value", _STRING, nullable=False))
    op.create_table(
        "blobs",
        sa.Column("digest", _STRING, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("refs", sa.BigInteger, nullable=False),
        sa.Column("touched", sa.Float, nullable=False),
    )
    unreferenced = sa.text("refs = 0")
    op.create_index(
        "blobs_unreferenced", "blobs", ["touched"], sqlite_where=unreferenced, postgresql_where=unreferenced
    )
    op.create_table(
        "usage",
        *_keys("kind", "key"),
        sa.Column("figures", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "owners",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("max_figures", sa.Integer),
        sa.Column("max_bytes", sa.BigInteger),
        sa.Column("hub_created", sa.String),
        sa.Column("departed", sa.Float),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("owner", _STRING, nullable=False),
        sa.Column("kind", _STRING, nullable=False),
        sa.Column("data", _TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
