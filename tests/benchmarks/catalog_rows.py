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
from jupyter_figserve.model.links import hash_secret, new_link_id, new_token
from jupyter_figserve.store.admin.opening import CATALOG, open_store

_PER_NOTEBOOK = 20
_LINKED_EVERY = 10
_PROVENANCE = '{"cell": {"id": "3f0e9d1c-7a52"}, "libraries": {"python": "3.11", "matplotlib": "3.10.0"}}'
_LIBRARIES = '{"python": "3.11", "matplotlib": "3.10.0"}'
_OWNER, _SCOPE = "local", "/home/someone/projects"
_RUNNING = 3


@dataclass(frozen=True)
class Filled:
    """Number of figures of a catalog, and the tokens of its open links."""

    figures: int
    tokens: Sequence[str]


def fill(directory: Path, figures: int, asked: int, picture: bytes) -> Filled:
    """Make a store in ``directory`` with ``figures`` figures.

    Parameters
    ----------
    asked
        How many links, spread over all figures, show ``picture``; the bytes of the other figures are not there.
    """
    store = open_store(directory)
    store.blobs.put(sha256_hex(picture), picture)
    store.close()
    rows = _Rows(figures, asked, sha256_hex(picture), len(picture))
    with contextlib.closing(sqlite3.connect(directory / CATALOG)) as connection:
        # For the filling alone: nobody else has the file open, and a run that breaks off throws it away.
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000")
        with connection:
            rows.insert_into(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    return Filled(figures, rows.tokens)


class _Rows:
    """The rows of each table, as publishing in this order would leave them; equal numbers give equal rows."""

    def __init__(self, figures: int, asked: int, digest: str, size: int) -> None:
        self.random = random.Random(0)
        # In order, as are the digests below: SQLite fills its trees several times faster so, and no deeper.
        self.ids = sorted(new_id() for _ in range(figures))
        self.asked = set(self.random.sample(range(figures), asked))
        self.tokens: list[str] = []
        self.digest, self.size = digest, size
        self.start = time.time() - figures

    def insert_into(self, connection: sqlite3.Connection) -> None:
        _insert(connection, "figures", 11, self._figures())
        _insert(connection, "versions", 11, self._versions())
        _insert(connection, "representations", 10, self._representations())
        _insert(connection, "sessions", 7, self._sessions())
        _insert(connection, "session_figures", 3, self._made())
        _insert(connection, "blobs", 4, self._blobs())
        _insert(connection, "links", 15, self._links())
        _insert(connection, "usage", 4, [("owner", _OWNER, len(self.ids), len(self.ids) * 2 * self.size)])
        self.random.shuffle(self.tokens)

    def _figures(self) -> Iterator[tuple[object, ...]]:
        for number, figure in enumerate(self.ids):
            made = self.start + number
            place = (_OWNER, _SCOPE, _notebook_of(number), "", f"figure-{number % _PER_NOTEBOOK}")
            yield (figure, *place, f"Sightings of station {number}", "published", made, made, 1)

    def _versions(self) -> Iterator[tuple[object, ...]]:
        for number, figure in enumerate(self.ids):
            source = ("figure", _digest(number, "source"), 90_000, _LIBRARIES)
            words = (f"Sightings of station {number}", "A line plot of sightings by month")
            yield (figure, 1, self.start + number, _session_of(number), *words, *source, _PROVENANCE)

    def _sessions(self) -> Iterator[tuple[object, ...]]:
        """Return the rows of sessions, one a notebook, all ended but the last few."""
        for number in range(0, len(self.ids), _PER_NOTEBOOK):
            made = self.start + number
            ended = None if number >= len(self.ids) - _RUNNING * _PER_NOTEBOOK else made + _PER_NOTEBOOK
            yield (_session_of(number), _OWNER, _SCOPE, _notebook_of(number), made, made, ended)

    def _made(self) -> Iterator[tuple[object, ...]]:
        for number, figure in enumerate(self.ids):
            yield (_session_of(number), figure, 1)

    def _representations(self) -> Iterator[tuple[object, ...]]:
        for number, figure in enumerate(self.ids):
            digest = self.digest if number in self.asked else _digest(number, "picture")
            yield (figure, 1, 0, 0, "image/png", digest, self.size, 640, 480, 100.0)
            yield (figure, 1, 1, 1, "image/png", _digest(number, "thumbnail"), 9_000, 320, 240, None)

    def _blobs(self) -> Iterator[tuple[object, ...]]:
        yield (self.digest, self.size, len(self.asked), self.start)
        digests = [_digest(number, what) for number in range(len(self.ids)) for what in ("source", "thumbnail")]
        digests += [_digest(number, "picture") for number in range(len(self.ids)) if number not in self.asked]
        for digest in sorted(digests):
            yield (digest, self.size, 1, self.start)

    def _links(self) -> Iterator[tuple[object, ...]]:
        ends = time.time() + 30 * 86_400
        for number, figure in enumerate(self.ids):
            if number not in self.asked and number % _LINKED_EVERY:
                continue
            token = new_token()
            if number in self.asked:
                self.tokens.append(token)
            made = self.start + number
            shown = ("figure", figure, None)
            yield (new_link_id(), hash_secret(token), *shown, made, ends, "", None, 0, "link", "{}", "[]", 0, None)


def _notebook_of(number: int) -> str:
    book = number // _PER_NOTEBOOK
    return f"study {book // 50}/Analysis {book}.ipynb"


def _session_of(number: int) -> str:
    return _digest(number // _PER_NOTEBOOK, "session")[:32]


def _insert(connection: sqlite3.Connection, table: str, columns: int, rows: Iterable[tuple[object, ...]]) -> None:
    connection.executemany(f"insert into {table} values ({', '.join('?' * columns)})", rows)


def _digest(number: int, what: str) -> str:
    return hashlib.sha256(f"{what} {number}".encode()).hexdigest()
