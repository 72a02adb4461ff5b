"""Fixtures of the security tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.conftest import browser, clock, context, figserve, http, owner, renderer, stranger  # noqa: F401

from .actors import Listener, listening


@pytest.fixture
def elsewhere() -> Iterator[Listener]:
    """A stranger's site on another port of loopback."""
    with listening() as listener:
        yield listener
