"""What the tests of the store are made of: a clock to turn, drafts, links, other processes, and the books audited."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from jupyter_figserve.model.figures import EncodedImage, Identity, sha256_hex
from jupyter_figserve.model.links import FIGURE, Link, Target, hash_secret, new_link_id
from jupyter_figserve.model.new_version import NewVersion
from jupyter_figserve.model.sessions import Session
from jupyter_figserve.store.catalog import tables
from jupyter_figserve.store.files.manifests import ManifestStore
from jupyter_figserve.store.store import Store

from ..tokens import new_token

T = TypeVar("T")
START = 1_800_000_000.0


class Killed(BaseException):
    """The process ends here."""


def kill(*_: object) -> None:
    raise Killed


class FakeClock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds


def run(answer: Coroutine[Any, Any, T]) -> T:
    """Wait for an answer of the store in a test without an event loop."""
    return asyncio.run(answer)


def identity(
    name: str = "sales", *, owner="ann", scope="/srv", notebook="report.ipynb", maker="", collection=""
) -> Identity:
    return Identity(owner, scope, notebook, maker, name, collection)


def draft(
    name: str = "sales",
    data: bytes = b"one",
    *,
    session: str | None = "kernel-1",
    thumbnail: bytes | None = None,
    source: bytes | None = None,
    title: str = "",
    alt: str = "",
    caption: str | None = None,
    **of_identity: str,
) -> NewVersion:
    return NewVersion(
        identity(name, **of_identity),
        (EncodedImage("image/png", data, 640, 480, 100.0),),
        title=title,
        alt=alt,
        caption=caption,
        session=session,
        thumbnail=None if thumbnail is None else EncodedImage("image/png", thumbnail, 320, 240),
        source=None if source is None else ("figure", source, {"python": "3.11"}),
        provenance={"cell": "c1"},
    )


def publish(store: Store, name: str = "sales", data: bytes = b"one", **words):
    """Publish and wait, for the manifest too, which a publish alone does not wait for."""
    record = run(store.figures.publish(draft(name, data, **words)))
    run(store.flush())
    return record


def link_to(target: Target, token: str | None = None, **fields) -> Link:
    fields.setdefault("created", START)
    return Link(new_link_id(), hash_secret(token or new_token()), target, **fields)


def share(store: Store, figure: str, token: str | None = None, **fields) -> Link:
    link = link_to(Target(FIGURE, figure), token, **fields)
    run(store.links.add(link))
    return link


def session(session_id: str = "kernel-1", *, started=START, seen=START, ended=None, notebook="report.ipynb") -> Session:
    return Session(session_id, "ann", "/srv", notebook, started, seen, ended)


def stored_files(directory: Path) -> list[str]:
    """Every file below ``directory``, by its relative path."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir())


def blob_files(directory: Path) -> set[str]:
    return {path.name for path in (directory / "blobs").rglob("*") if path.is_file()}


def rows(store: Store, table: sa.Table) -> set[str]:
    """Return all rows of a table of the catalog, to compare."""
    return {str(tuple(row)) for row in store.catalog.reader.execute(table.select())}


def references(store: Store) -> dict[str, int]:
    """Return how often the catalog refers to each blob."""
    return {row.digest: row.refs for row in store.catalog.reader.execute(tables.blobs.select())}


def has_manifest(manifests: ManifestStore[Any], record_id: str) -> bool:
    return manifests.files.read(record_id) is not None


def assert_sound(store: Store) -> None:
    """Usage, references and bytes equal a recount of all versions."""
    reader = store.catalog.reader
    references: Counter[str] = Counter()
    figures: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for figure_id in reader.execute(sa.select(tables.figures.c.id)).scalars():
        record = run(store.figures.get(figure_id))
        figures["owner", record.owner] += 1
        for version in run(store.figures.list_versions(figure_id)):
            sizes["owner", record.owner] += version.size
            if version.session:
                sizes["session", version.session] += version.size
            for part in version.parts:
                references[part.digest] += 1
                data = store.blobs.find(part.digest)
                assert data is not None
                assert sha256_hex(data) == part.digest
    books = {(row.kind, row.key): row for row in reader.execute(sa.select(tables.usage))}
    assert {place: row.bytes for place, row in books.items() if row.bytes} == dict(+sizes)
    assert {place: row.figures for place, row in books.items() if row.figures} == dict(+figures)
    counted = {row.digest: row.refs for row in reader.execute(sa.select(tables.blobs)) if row.refs}
    assert counted == dict(references)


@contextmanager
def other_process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Python in a process of its own, with pipes; it is ended at the end."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def write_line(process: subprocess.Popen[str], line: str = "") -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def read_line(process: subprocess.Popen[str]) -> str:
    """Its next line; an empty one when it has ended."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
