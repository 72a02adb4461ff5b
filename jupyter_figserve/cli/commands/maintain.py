"""`gc` and `reindex`: maintain a data directory. A process of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..output import print_line, print_status
from ..progress import Progress
from ..registry import FAILED, OK, command

_SHARDS = 256


def data_dir_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="directory of the figures (default: figserve in Jupyter's data directory)",
    )


def _gc_options(parser: argparse.ArgumentParser) -> None:
    data_dir_option(parser)
    parser.add_argument(
        "--keep-session-plots",
        metavar="DURATION",
        help='how long unshared figures outlive their session, such as "7d" or "never" (default: as configured)',
    )


@command("gc", "jupyter figserve gc", "jupyter figserve gc --data-dir ~/figures", options=_gc_options)
def gc(options: argparse.Namespace) -> int:
    """Remove expired plots and unreferenced files; servers may be running."""
    from ...store.admin.offline import clean

    with Progress("Scanning", _SHARDS) as progress:
        removed = clean(find_data_dir(options.data_dir), progress.set, _find_lifetime(options.keep_session_plots))
    print_line(f"Removed: {removed}")
    return OK


@command("reindex", "jupyter figserve reindex --data-dir ~/figures", options=data_dir_option)
def reindex(options: argparse.Namespace) -> int:
    """Rebuild a lost or damaged catalog from the files next to the figures; stop the servers first."""
    from ...store.admin.offline import reindex

    with Progress("Reading figures", None) as progress:
        done = reindex(find_data_dir(options.data_dir), progress.set)
    live = f", {done.live:,} live figures" if done.live else ""
    dashboards = f", {done.dashboards:,} dashboards" if done.dashboards else ""
    print_line(
        f"Restored: {done.figures:,} figures, {done.versions:,} versions, {done.links:,} links{live}{dashboards}"
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

    text = given if given is not None else _read_configured_lifetime()
    return None if text in ("", "never") else parse_duration(text)


def _read_configured_lifetime() -> str:
    """Return ``c.FigServe.keep_session_plots`` of the servers' configuration files, else its default."""
    from jupyter_core.application import JupyterApp

    from ...server.config import FigServeConfig

    class Configuration(JupyterApp):
        name = "jupyter-server"

    default = str(FigServeConfig.class_traits()["keep_session_plots"].default())
    for name in ("jupyter_figserve_config", "jupyter_server_config"):
        app = Configuration(config_file_name=name)
        app.load_config_file()
        configured = app.config.get("FigServe", {}).get("keep_session_plots")
        if isinstance(configured, str):
            return configured
    return default


def default_data_dir() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "figserve"


def find_data_dir(given: Path | None) -> Path:
    """Return the data directory, which must exist, so that a typo does not create a new one."""
    from ...errors import NotFound

    directory = given or default_data_dir()
    if not directory.is_dir():
        raise NotFound(f"The directory {directory} does not exist. Name the directory of the figures with --data-dir.")
    return directory
