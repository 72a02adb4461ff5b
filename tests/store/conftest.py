"""Stores of a test, with a clock under its control, over SQLite and over PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.catalog.postgres.catalog import PostgresCatalog
from jupyter_figserve.store.databases import PostgresSettings
from jupyter_figserve.store.store import Store

from ..catalogs import make_data_directory
from ..postgres import Databases
from .making import FakeClock

OpenStore = Callable[..., Store]
PATIENCE = 20.0
"""Seconds for an answer of PostgreSQL on a busy machine."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of a catalog over both databases, except those marked for one."""
    names = ["sqlite", "postgresql"]
    marked = [name for name in names if metafunc.definition.get_closest_marker(name)]
    if "database" in metafunc.fixturenames:
        metafunc.parametrize("database", marked or names, indirect=True)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    make_data_directory(tmp_path / "figures")
    return tmp_path / "figures"


class SqliteFiles:
    """A catalog in each directory."""

    def settings(self, directory: Path) -> dict[str, Any]:
        return {}


class PostgresDatabases:
    """A database for each directory, which stays empty after the test."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._taken: dict[Path, str] = {}

    def settings(self, directory: Path) -> dict[str, Any]:
        if directory not in self._taken:
            self._taken[directory] = self._databases.take(create_tables)
        return {"postgres": self.of(self._taken[directory])}

    def of(self, name: str) -> PostgresSettings:
        return PostgresSettings(self._databases.cluster.url(name), PATIENCE, 4)

    def give_back(self) -> None:
        for name in self._taken.values():
            self._databases.give_back(name)


def create_tables(url: str) -> None:
    PostgresCatalog.opened(PostgresSettings(url, PATIENCE)).close()


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[SqliteFiles | PostgresDatabases]:
    """Where the catalogs of a test are."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield SqliteFiles()
        return
    databases = PostgresDatabases(request.getfixturevalue("databases"))
    yield databases
    databases.give_back()


@pytest.fixture
def open_here(directory: Path, clock: FakeClock, database: SqliteFiles | PostgresDatabases) -> Iterator[OpenStore]:
    """Opens the directory (again); what it opened is closed with the test."""
    opened: list[Store] = []

    def open_it(**settings) -> Store:
        where = settings.pop("directory", directory)
        store = open_store(where, clock=clock, **database.settings(where), **settings)
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def store(open_here: OpenStore) -> Store:
    return open_here()
