"""Fifty kills of a publishing process, and of a server that is being published to: nothing acknowledged is lost."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from .killing import Promised, assert_kept, assert_served, kill_publisher, kill_server

pytestmark = pytest.mark.soak
KILLS = 50


def test_T1_fifty_kills_of_a_publisher(tmp_path: Path):
    """After each the directory is looked through whole."""
    promised, chance = Promised(), random.Random(20)
    for _ in range(KILLS):
        kill_publisher(tmp_path, promised, chance)
        assert_kept(tmp_path, promised)


def test_T1_fifty_kills_of_a_server(make_server):
    """A real Jupyter server, killed while two clients publish and started again on the same directories."""
    server, promised, chance = make_server(keep_versions=0, capture=False), Promised(), random.Random(21)
    for _ in range(KILLS):
        kill_server(server, promised, chance)
        assert_kept(server.data_dir, promised)
        server.restart()
    assert_served(server, promised)
