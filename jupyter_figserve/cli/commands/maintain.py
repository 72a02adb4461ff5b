"""`gc` and `reindex`: maintain a data directory. A process of its own."""

from __future__ import annotations

import argparse

from ..output import print_line, print_status
from ..progress import Progress
from ..registry import FAILED, OK, command
from ..storage import data_dir_option, find_bucket, find_catalog, find_data_dir, find_lifetime


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
        lifetime = find_lifetime(options.keep_session_plots)
        path, postgres = find_catalog(options.database)
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
        _, postgres = find_catalog(options.database)
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
