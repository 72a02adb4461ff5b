"""`migrate`: copy a data directory to PostgreSQL and to a bucket. A process of its own."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ...model.environment_variables import SIGNING_VARIABLE
from ..output import print_line, print_status
from ..progress import Progress
from ..registry import FAILED, OK, command
from ..storage import data_dir_option, find_bucket, find_data_dir

if TYPE_CHECKING:
    from ...store.admin.migration import MigrationReport


def _options(parser: argparse.ArgumentParser) -> None:
    data_dir_option(parser)
    parser.add_argument("--to-database", metavar="URL", help="database, such as postgresql://user@host/figserve")
    parser.add_argument("--to-blobs", metavar="URL", help="bucket, such as s3://bucket/prefix")


def _check(options: argparse.Namespace) -> None:
    if not options.to_database and not options.to_blobs:
        raise ValueError("name the target with --to-database, --to-blobs, or both")


@command(
    "migrate",
    "jupyter figserve migrate --to-database postgresql://figserve@db/figserve --to-blobs s3://bucket/figures",
    "jupyter figserve migrate --data-dir ~/figures --to-blobs s3://bucket/figures",
    options=_options,
    check=_check,
)
def migrate(options: argparse.Namespace) -> int:
    """Copy a data directory to PostgreSQL, to a bucket, or to both; stop the servers first.

    The directory is not changed. After an interruption, run the same command again: it continues where it stopped. At
    the end it compares both sides, and prints the settings to change on the servers.
    """
    from ...store.admin.migration import migrate
    from ...store.databases import PATIENT_STATEMENT_TIMEOUT, PostgresSettings, parse_url

    directory = find_data_dir(options.data_dir).absolute()
    if options.to_database:
        parse_url(options.to_database)
    postgres = PostgresSettings(options.to_database, PATIENT_STATEMENT_TIMEOUT) if options.to_database else None
    bucket = find_bucket(options.to_blobs) if options.to_blobs else None
    fingerprint = _check_secret(directory)
    bars = _Bars()
    try:
        report = migrate(directory, postgres, bucket, bars.show)
    finally:
        bars.close()
    _print_report(report)
    _print_settings(options, directory, fingerprint)
    return FAILED if report.damaged or report.missing else OK


class _Bars:
    """A progress bar for each step."""

    def __init__(self) -> None:
        self._what = ""
        self._bar: Progress | None = None

    def show(self, what: str, done: int, total: int) -> None:
        if what != self._what:
            self.close()
            self._what = what
            self._bar = Progress(what.capitalize(), total).__enter__()
        assert self._bar is not None
        self._bar.set(done)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


def _check_secret(directory: Path) -> str | None:
    """Return the fingerprint of the directory's signing secret, None when it has none.

    Raises
    ------
    InvalidInput
        When the environment has other secrets, under which addresses of links could not be shown again.
    """
    from ...errors import InvalidInput
    from ...model.figures import sha256_hex
    from ...server.services.auth.signing_secrets import SIGNING_FILE, read_given

    path = directory / SIGNING_FILE
    known = path.read_text().split() if path.exists() else []
    given = read_given()
    fingerprint = sha256_hex(",".join(known).encode())[:16]
    if given and not set(known) <= set(given):
        raise InvalidInput(
            f"{SIGNING_VARIABLE} does not contain the signing secret of {path} (fingerprint {fingerprint}), without"
            f" which the addresses of links cannot be shown again. Set it with: {_export(path)}"
        )
    return fingerprint if known else None


def _export(path: Path) -> str:
    return f"export {SIGNING_VARIABLE}=$(paste -sd, {shlex.quote(str(path))})"


def _print_report(report: MigrationReport) -> None:
    names = ("figures", "versions", "links", "live_figures", "dashboards", "keys")
    parts = [f"{report.rows[name]:,} {name.replace('_', ' ')}" for name in names if name in report.rows]
    if report.blobs or report.manifests:
        parts += [f"{report.blobs:,} images and sources", f"{report.manifests:,} manifests"]
    print_line(f"Migrated and compared: {', '.join(parts)}")
    for digest in report.damaged:
        print_status(f"Damaged, not copied: blobs/{digest[:2]}/{digest}")
    for digest in report.missing:
        print_status(f"Missing in the directory: blobs/{digest[:2]}/{digest}")


def _print_settings(options: argparse.Namespace, directory: Path, fingerprint: str | None) -> None:
    from ...server.services.auth.signing_secrets import SIGNING_FILE

    print_line("Set in the configuration of the servers:")
    if options.to_database:
        print_line("c.FigServe.database_url = the address that you gave as --to-database")
    if options.to_blobs:
        print_line(f"c.FigServe.blob_url = {options.to_blobs!r}")
    if fingerprint is not None:
        print_line(f"and in their environment the signing secret with the fingerprint {fingerprint}:")
        print_line(f"{_export(directory / SIGNING_FILE)}")
