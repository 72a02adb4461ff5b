"""Fixtures of the security tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403

from tests.conftest import launch_chromium, playwright_session
from tests.server.conftest import (  # noqa: F401
    browser,
    clock,
    context,
    figserve,
    figserve_config,
    http,
    jp_server_cleanup,
    jp_server_config,
    owner,
    renderer,
    stranger,
)

from .actors import Listener, listening


@pytest.fixture
def elsewhere() -> Iterator[Listener]:
    """An attacker's site on another port of loopback."""
    with listening() as listener:
        yield listener


@pytest.fixture
def chromium() -> Iterator:
    """A Chromium context with an empty profile; both close after the test."""
    with playwright_session() as playwright, launch_chromium(playwright) as process:
        yield process.new_context()
