"""`gc` and `reindex`: maintain a data directory. A process of its own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..output import print_line, print_status
from ..progress import Progress
from ..registry import FAILED, OK, command

if TYPE_CHECKING:
    from ...store.databases import PostgresSettings
    from ...store.files.places import Bucket


def data_dir_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="directory of the figures (default: figserve in Jupyter's data directory)",
    )


def _storage_options(parser: argparse.ArgumentParser) -> None:
    data_dir_option(parser)
    parser.add_argument(
        "--blobs", metavar="URL", help="bucket of the figures, such as s3://bucket/prefix (default: as configured)"
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        help="the catalog's database, such as postgresql://user@host/name, without a password (default: as configured)",
    )


def _reindex_options(parser: argparse.ArgumentParser) -> None:
    _storage_options(parser)
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="use a bucket whose images belong to another catalog, which is lost",
    )


def _gc_options(parser: argparse.ArgumentParser) -> None:
    _storage_options(parser)
    parser.add_argument(
        "--keep-session-plots",
        metavar="DURATION",
        help='how long unshared figures outlive their session, such as "7d" or "never" (default: as configured)',
    )


@command("gc", "jupyter figserve gc", "jupyter figserve gc --data-dir ~/figures", options=_gc_options)
def gc(options: argparse.Namespace) -> int:
    """Remove expired plots and unreferenced files; servers may be running."""
    from ...store.admin.offline import clean
    from ...store.files.blobs import SHARDS

    with Progress("Scanning", SHARDS) as progress:
        lifetime = _find_lifetime(options.keep_session_plots)
        path, postgres = _find_catalog(options.database)
        removed = clean(
            find_data_dir(options.data_dir),
            progress.set,
            lifetime,
            bucket=find_bucket(options.blobs),
            catalog_path=path,
            postgres=postgres,
        )
    print_line(f"Removed: {removed}")
    return OK


@command("reindex", "jupyter figserve reindex --data-dir ~/figures", options=_reindex_options)
def reindex(options: argparse.Namespace) -> int:
    """Rebuild a lost or damaged catalog from the files next to the figures; stop the servers first."""
    from ...store.admin.offline import fill, reindex

    with Progress("Reading figures", None) as progress:
        directory, bucket = find_data_dir(options.data_dir), find_bucket(options.blobs)
        _, postgres = _find_catalog(options.database)
        if postgres is not None:
            done = fill(postgres, directory, progress.set, bucket=bucket, take_over=options.take_over)
        else:
            done = reindex(directory, progress.set, bucket=bucket, take_over=options.take_over)
    live = f", {done.live:,} live figures" if done.live else ""
    dashboards = f", {done.dashboards:,} dashboards" if done.dashboards else ""
    print_line(
        f"Restored: {done.figures:,} figures, {done.versions:,} versions, {done.links:,} links{live}{dashboards}"
    )
    if done.keys == 0:
        print_status(
            "API keys, quotas of owners and the trash are only in a catalog, and no old one was found: restore a backup"
            " of the database in place of this, or create new keys (jupyter figserve keys create)."
        )
    for lost in done.unreadable:
        print_status(f"Unreadable: {lost}")
    for figure in done.incomplete:
        print_status(f"Figure with missing files: {figure}")
    for figure in done.duplicates:
        print_status(f"Skipped, since another one has the same name and notebook: {figure}")
    return FAILED if done.unreadable or done.incomplete else OK


def _find_lifetime(given: str | None) -> float | None:
    """Return how long unshared figures are kept, in seconds: as given, else as Jupyter's configuration says."""
    from ...model.times import parse_duration

    text = given if given is not None else _read_configured("keep_session_plots")
    return None if text in ("", "never") else parse_duration(text)


def find_bucket(given: str | None) -> Bucket | None:
    """Return the bucket: as given, else as Jupyter's configuration says; None for the data directory.

    Raises
    ------
    InvalidInput
        When it is not the URL of a bucket.
    """
    from traitlets import TraitError

    from ...errors import InvalidInput
    from ...server.config.blobs import check_blob_url
    from ...store.files.places import PATIENT_BLOB_TIMEOUT, Bucket

    try:
        url = check_blob_url(given if given is not None else _read_configured("blob_url"))
    except TraitError as error:
        raise InvalidInput(str(error)) from error
    return Bucket.at(url, PATIENT_BLOB_TIMEOUT)


def _find_catalog(given: str | None) -> tuple[Path | None, PostgresSettings | None]:
    """Return SQLite's path, None for the one in the data directory, and the PostgreSQL database, None for SQLite.

    Raises
    ------
    InvalidInput
        When the address cannot be used.
    """
    from ...store.databases import PATIENT_STATEMENT_TIMEOUT, find_postgres, find_sqlite_path

    url = given if given is not None else _read_configured("database_url")
    return find_sqlite_path(url), find_postgres(url, PATIENT_STATEMENT_TIMEOUT)


def _read_configured(name: str) -> str:
    """Return a setting of ``c.FigServe`` in the servers' configuration files, else its default."""
    from jupyter_core.application import JupyterApp

    from ...server.config.blobs import BlobConfig
    from ...server.config.site import FigServeConfig

    class Configuration(JupyterApp):
        name = "jupyter-server"

    for file in ("jupyter_figserve_config", "jupyter_server_config"):
        app = Configuration(config_file_name=file)
        app.load_config_file()
        configured = app.config.get("FigServe", {}).get(name)
        if isinstance(configured, str):
            return configured
    traits = FigServeConfig.class_traits() | BlobConfig.class_traits()
    return str(traits[name].default())


def default_data_dir() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "figserve"


def find_data_dir(given: Path | None) -> Path:
    """Return the data directory, which must exist, so that a typo does not create a new one.

    Raises
    ------
    NotFound
        It does not exist.
    """
    from ...errors import NotFound

    directory = given or default_data_dir()
    if not directory.is_dir():
        raise NotFound(f"The directory {directory} does not exist. Name the directory of the figures with --data-dir.")
    return directory
