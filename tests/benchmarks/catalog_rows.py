"""A catalog of many figures, written directly to its tables: publishing a million would take an hour."""

from __future__ import annotations

import contextlib
import hashlib
import random
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_figserve.model.figures import new_id, sha256_hex
from jupyter_figserve.model.links import hash_secret, new_link_id
from jupyter_figserve.store.admin.opening import CATALOG, open_store

from ..tokens import new_token

_PER_NOTEBOOK = 20
_LINKED_EVERY = 10
_PROVENANCE = '{"cell": {"id": "3f0e9d1c-7a52"}, "libraries": {"python": "3.11", "matplotlib": "3.10.0"}}'
_LIBRARIES = '{"python": "3.11", "matplotlib": "3.10.0"}'
_OWNER, _SCOPE = "local", "/home/someone/projects"
_RUNNING = 3


@dataclass(frozen=True)
class Filled:
    """Number of figures in a catalog, and the tokens of its open links."""

    figures: int
    tokens: Sequence[str]


def fill(directory: Path, figures: int, linked: int, image: bytes) -> Filled:
    """Create a store in ``directory`` with ``figures`` figures.

    Parameters
    ----------
    linked
        How many links, spread over all figures, show ``image``; the bytes of the other figures are missing.
    """
    store = open_store(directory)
    store.blobs.put(sha256_hex(image), image)
    store.close()
    rows = _Rows(figures, linked, sha256_hex(image), len(image))
    with contextlib.closing(sqlite3.connect(directory / CATALOG)) as connection:
        # Safe for filling only: no other process has the file open, and an interrupted run discards it.
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000")
        with connection:
            rows.insert_into(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    return Filled(figures, rows.tokens)


# By name: a column with a default may be added to a table.
_COLUMNS = {
    "figures": "id owner scope notebook maker name collection title origin created updated latest",
    "versions": "figure number created session title alt caption source_kind source_digest source_size source_libraries"
    " provenance",
    "representations": "figure version position is_thumbnail mimetype digest size width height dpi",
    "sessions": "id owner scope notebook started seen ended",
    "session_figures": "session figure version",
    "blobs": "digest size refs touched",
    "links": "id token_hash nonce kind target version created expires label views paused audience locked allowed data"
    " code seen last_seen",
    "usage": "kind key figures bytes",
}


class _Rows:
    """Rows of each table, as publishing in this order would leave them; equal counts give equal rows."""

    def __init__(self, figures: int, linked: int, digest: str, size: int) -> None:
        self.random = random.Random(0)
        # Sorted, like the digests below: SQLite builds its trees several times faster, and no deeper.
        self.ids = sorted(new_id() for _ in range(figures))
        self.linked = set(self.random.sample(range(figures), linked))
        self.tokens: list[str] = []
        self.digest, self.size = digest, size
        self.start = time.time() - figures

    def insert_into(self, connection: sqlite3.Connection) -> None:
        for table, columns in _COLUMNS.items():
            _insert(connection, table, columns.split(), getattr(self, f"_{table}")())
        self.random.shuffle(self.tokens)

    def _usage(self) -> Iterator[tuple[object, ...]]:
        yield ("owner", _OWNER, len(self.ids), len(self.ids) * 2 * self.size)

    def _figures(self) -> Iterator[tuple[object, ...]]:
        for number, figure in enumerate(self.ids):
            made = self.start + number
            place = (_OWNER, _SCOPE, _notebook_of(number), "", f"figure-{number % _PER_NOTEBOOK}")
            yield (figure, *place, "", f"Sightings of station {number}", "published", made, made, 1)

    def _versions(self) -> Iterator[tuple[object, ...]]:
        for number, figure in enumerate(self.ids):
            source = ("figure", _digest(number, "source"), 90_000, _LIBRARIES)
            texts = (f"Sightings of station {number}", "A line plot of sightings by month", "")
            yield (figure, 1, self.start + number, _session_of(number), *texts, *source, _PROVENANCE)

    def _sessions(self) -> Iterator[tuple[object, ...]]:
        """Return the rows of sessions, one per notebook, all ended except for the last few."""
        for number in range(0, len(self.ids), _PER_NOTEBOOK):
            made = self.start + number
            ended = None if number >= len(self.ids) - _RUNNING * _PER_NOTEBOOK else made + _PER_NOTEBOOK
            yield (_session_of(number), _OWNER, _SCOPE, _notebook_of(number), made, made, ended)

    def _session_figures(self) -> Iterator[tuple[object, ...]]:
        for number, figure in enumerate(self.ids):
            yield (_session_of(number), figure, 1)

    def _representations(self) -> Iterator[tuple[object, ...]]:
        for number, figure in enumerate(self.ids):
            digest = self.digest if number in self.linked else _digest(number, "image")
            yield (figure, 1, 0, 0, "image/png", digest, self.size, 640, 480, 100.0)
            yield (figure, 1, 1, 1, "image/png", _digest(number, "thumbnail"), 9_000, 320, 240, None)

    def _blobs(self) -> Iterator[tuple[object, ...]]:
        yield (self.digest, self.size, len(self.linked), self.start)
        digests = [_digest(number, what) for number in range(len(self.ids)) for what in ("source", "thumbnail")]
        digests += [_digest(number, "image") for number in range(len(self.ids)) if number not in self.linked]
        for digest in sorted(digests):
            yield (digest, self.size, 1, self.start)

    def _links(self) -> Iterator[tuple[object, ...]]:
        ends = time.time() + 30 * 86_400
        for number, figure in enumerate(self.ids):
            if number not in self.linked and number % _LINKED_EVERY:
                continue
            token = new_token()
            if number in self.linked:
                self.tokens.append(token)
            made = self.start + number
            shown = ("figure", figure, None)
            yield (
                new_link_id(),
                hash_secret(token),
                "",
                *shown,
                made,
                ends,
                "",
                None,
                0,
                "link",
                "{}",
                "[]",
                0,
                0,
                0,
                None,
            )


def _notebook_of(number: int) -> str:
    book = number // _PER_NOTEBOOK
    return f"study {book // 50}/Analysis {book}.ipynb"


def _session_of(number: int) -> str:
    return _digest(number // _PER_NOTEBOOK, "session")[:32]


def _insert(connection: sqlite3.Connection, table: str, columns: list[str], rows: Iterable[tuple[object, ...]]) -> None:
    places = ", ".join("?" * len(columns))
    connection.executemany(f"insert into {table} ({', '.join(columns)}) values ({places})", rows)


def _digest(number: int, what: str) -> str:
    return hashlib.sha256(f"{what} {number}".encode()).hexdigest()
