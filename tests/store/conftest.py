"""Stores of a test, with a clock under its control."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.store import Store

from ..catalogs import make_data_directory
from .making import FakeClock

OpenStore = Callable[..., Store]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    make_data_directory(tmp_path / "figures")
    return tmp_path / "figures"


@pytest.fixture
def open_here(directory: Path, clock: FakeClock) -> Iterator[OpenStore]:
    """Opens the directory (again); what it opened is closed with the test."""
    opened: list[Store] = []

    def open_it(**settings) -> Store:
        store = open_store(settings.pop("directory", directory), clock=clock, **settings)
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def store(open_here: OpenStore) -> Store:
    return open_here()
