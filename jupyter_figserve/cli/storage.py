"""Where figures are stored, for commands that need no server: as given, else as configured. Any process."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..store.databases import PostgresSettings
    from ..store.files.places import Bucket


def data_dir_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="directory of the figures (default: figserve in Jupyter's data directory)",
    )


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
    from ..errors import NotFound

    directory = given or default_data_dir()
    if not directory.is_dir():
        raise NotFound(f"The directory {directory} does not exist. Name the directory of the figures with --data-dir.")
    return directory


def find_lifetime(given: str | None) -> float | None:
    """Return how long unshared figures are kept, in seconds: as given, else as Jupyter's configuration says."""
    from ..model.times import parse_duration

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

    from ..errors import InvalidInput
    from ..server.config.blobs import check_blob_url
    from ..store.files.places import PATIENT_BLOB_TIMEOUT, Bucket

    try:
        url = check_blob_url(given if given is not None else _read_configured("blob_url"))
    except TraitError as error:
        raise InvalidInput(str(error)) from error
    return Bucket.at(url, PATIENT_BLOB_TIMEOUT)


def find_catalog(given: str | None) -> tuple[Path | None, PostgresSettings | None]:
    """Return SQLite's path, None for the one in the data directory, and the PostgreSQL database, None for SQLite.

    Raises
    ------
    InvalidInput
        When the address cannot be used.
    """
    from ..store.databases import PATIENT_STATEMENT_TIMEOUT, find_postgres, find_sqlite_path

    url = given if given is not None else _read_configured("database_url")
    return find_sqlite_path(url), find_postgres(url, PATIENT_STATEMENT_TIMEOUT)


def _read_configured(name: str) -> str:
    """Return a setting of ``c.FigServe`` in the servers' configuration files, else its default."""
    from jupyter_core.application import JupyterApp

    from ..server.config.blobs import BlobConfig
    from ..server.config.database import DatabaseConfig
    from ..server.config.site import SiteConfig

    class Configuration(JupyterApp):
        name = "jupyter-server"

    for file in ("jupyter_figserve_config", "jupyter_server_config"):
        app = Configuration(config_file_name=file)
        app.load_config_file()
        configured = app.config.get("FigServe", {}).get(name)
        if isinstance(configured, str):
            return configured
    traits = SiteConfig.class_traits() | DatabaseConfig.class_traits() | BlobConfig.class_traits()
    return str(traits[name].default())
