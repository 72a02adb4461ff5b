"""`migrate`: its targets, the signing secret, and what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_figserve import cli
from jupyter_figserve.store.admin.migration import MigrationReport

from ...catalogs import make_data_directory


@pytest.fixture
def migrated(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """The calls of the migration, which reports what the test appends last."""
    calls: list[tuple[object, ...]] = []

    def migrate(*arguments):
        calls.append(arguments)
        arguments[3]("rows", 2, 2)
        return MigrationReport({"figures": 2, "links": 1}, 3, 2, damaged=("ab" * 32,) if len(calls) == 2 else ())

    monkeypatch.setattr("jupyter_figserve.store.admin.migration.migrate", migrate)
    monkeypatch.delenv("FIGSERVE_SIGNING_SECRET", raising=False)
    return calls


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    make_data_directory(tmp_path / "figures")
    (tmp_path / "figures" / "signing.keys").write_text("new\nold\n")
    return tmp_path / "figures"


def test_settings_to_change_are_printed(migrated, data_dir: Path, capsys):
    """With the command that gives the servers the signing secret, and without the secret and the password."""
    targets = ["--to-database", "postgresql://ann:pass@db/figs", "--to-blobs", "s3://bucket/prefix"]
    assert cli.main(["migrate", "--data-dir", str(data_dir), *targets]) == cli.OK
    out = capsys.readouterr().out
    assert "2 figures, 1 links, 3 images and sources, 2 manifests" in out
    assert "c.FigServe.blob_url = 's3://bucket/prefix'" in out
    assert f"export FIGSERVE_SIGNING_SECRET=$(paste -sd, {data_dir}/signing.keys)" in out
    assert "pass" not in out.replace("paste", "")
    [(directory, postgres, bucket, _)] = migrated
    assert (directory, postgres.url, bucket.url) == (data_dir, "postgresql://ann:pass@db/figs", "s3://bucket/prefix")


def test_damaged_images_fail_the_command(migrated, data_dir: Path, capsys):
    """Each is named."""
    command = ["migrate", "--data-dir", str(data_dir), "--to-blobs", "s3://bucket/prefix"]
    assert cli.main(command) == cli.OK
    assert cli.main(command) == cli.FAILED
    assert f"Damaged, not copied: blobs/ab/{'ab' * 32}" in capsys.readouterr().err


def test_other_signing_secret_is_refused(migrated, data_dir: Path, monkeypatch, capsys):
    """Under it, no address could be shown again; one list that contains all of the directory's is right."""
    command = ["migrate", "--data-dir", str(data_dir), "--to-blobs", "s3://bucket/prefix"]
    monkeypatch.setenv("FIGSERVE_SIGNING_SECRET", "other, new")
    assert cli.main(command) == cli.FAILED
    assert "does not contain the signing secret" in capsys.readouterr().err
    assert migrated == []
    monkeypatch.setenv("FIGSERVE_SIGNING_SECRET", "other, new, old")
    assert cli.main(command) == cli.OK


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([], "--to-database"),
        (["--to-blobs", "https://bucket"], "s3://bucket/prefix"),
        (["--to-blobs", "s3://key:secret@bucket"], "credentials in the environment"),
        (["--to-database", "mysql://ann:secret@db"], "postgresql://"),
    ],
)
def test_targets_are_checked(migrated, data_dir: Path, capsys, targets: list[str], message: str):
    """Before anything is copied, and without repeating a secret."""
    try:
        code = cli.main(["migrate", "--data-dir", str(data_dir), *targets])
    except SystemExit as ended:
        code = ended.code
    assert code in (cli.USAGE, cli.FAILED)
    err = capsys.readouterr().err
    assert message in err
    assert "secret@" not in err
    assert migrated == []
