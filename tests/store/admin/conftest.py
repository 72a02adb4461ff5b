"""An empty bucket of a store that speaks the protocol of S3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from jupyter_figserve.store.files.places import Bucket

from ..buckets import moto


@pytest.fixture(scope="module")
def environment() -> Iterator[Mapping[str, str]]:
    """The variables with which clients find the store."""
    with moto() as found:
        yield found


@pytest.fixture
def bucket(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bucket:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Bucket(f"s3://figures/{tmp_path.name}", 10.0)
