"""`gc` and `reindex`: work on a data directory, with or without its servers. A process of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..output import say, tell
from ..progress import Progress
from ..registry import FAILED, OK, command

_SHARDS = 256


def data_dir_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="where figures are kept (default: figserve in Jupyter's data directory)",
    )


@command("gc", "jupyter figserve gc", "jupyter figserve gc --data-dir ~/figures", options=data_dir_option)
def gc(options: argparse.Namespace) -> int:
    """Remove what is kept no longer: expired plots and pictures that nothing refers to; servers may be running."""
    from ...store.admin.offline import clean

    with Progress("Looking through", _SHARDS) as progress:
        removed = clean(find_data_dir(options.data_dir), progress.set)
    say(f"Removed: {removed}")
    return OK


@command("reindex", "jupyter figserve reindex --data-dir ~/figures", options=data_dir_option)
def reindex(options: argparse.Namespace) -> int:
    """Rebuild a lost or damaged catalog from the files beside the figures, with the servers stopped."""
    from ...store.admin.offline import reindex

    with Progress("Reading figures", None) as progress:
        done = reindex(find_data_dir(options.data_dir), progress.set)
    live = f", {done.live:,} live figures" if done.live else ""
    boards = f", {done.dashboards:,} dashboards" if done.dashboards else ""
    say(f"Restored: {done.figures:,} figures, {done.versions:,} versions, {done.links:,} links{live}{boards}")
    for lost in done.unreadable:
        tell(f"Not readable: {lost}")
    for figure in done.incomplete:
        tell(f"Pictures are missing of the figure {figure}")
    for figure in done.doubled:
        tell(f"Left out, as another figure has its name and notebook: {figure}")
    return FAILED if done.unreadable or done.incomplete else OK


def usual_data_dir() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "figserve"


def find_data_dir(given: Path | None) -> Path:
    """The directory that is meant, which must be there: a slip of the pen must not make a new one."""
    from ...errors import NotFound

    directory = given or usual_data_dir()
    if not directory.is_dir():
        raise NotFound(f"There are no figures in {directory}; name their directory with --data-dir.")
    return directory
