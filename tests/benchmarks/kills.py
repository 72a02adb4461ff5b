"""A server that is killed while figures are published to it loses none that it has acknowledged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tests.soak.killing import Promised, assert_kept, assert_served, kill_server

from . import servers
from .report import Row
from .scale import Scale

_ARGUMENTS = ("--FigServe.keep_versions=0", "--FigServe.capture=False")


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    promised, chance, wrong = Promised(), random.Random(21), 0
    with servers.jupyter(home, arguments=_ARGUMENTS) as server:
        for _ in range(scale.kills):
            kill_server(server, promised, chance)
            try:
                assert_kept(server.data_dir, promised)
            except AssertionError:
                wrong += 1
            server.restart()
        assert_served(server, promised)
    name = f"server killed (-9) {scale.kills} times during publishing: with a lost or torn figure"
    note = f"{len(promised.versions):,} figures were acknowledged"
    yield Row(name, wrong, None, "kills", 0, against="nothing", note=note)
