"""Real sandboxes of each tier: a host with fewer features is simulated by a filter around the zygote."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import pytest

from ..conftest import ELSEWHERE
from .harness import LINE, SECRET, SECRET_NAME, TRIES, Bait, Sandbox, printed
from .remote.fleets import REMOTE

TIERS = ("FULL", "STRICT")
ATTACKS = "test_hostile_code"
"""The module that runs over the remote renderers, too, every night."""
INFORMED_ATTACKS = "test_informed_attacks"
"""A module with a fixture of its own."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Attack each tier here, every night NS, a worker and a Dask cluster too; what chooses its tier has no others."""
    chosen = [mark for mark in metafunc.definition.iter_markers("parametrize") if mark.args[0] == "sandbox"]
    if "sandbox" not in metafunc.fixturenames or chosen or metafunc.module.__name__.endswith(INFORMED_ATTACKS):
        return
    is_attack = metafunc.module.__name__.endswith(ATTACKS)
    more = [pytest.param(name, marks=pytest.mark.nightly) for name in ("NS", *REMOTE)] if is_attack else []
    metafunc.parametrize("sandbox", [*TIERS, *more], indirect=True, scope="module")


one_tier = pytest.mark.parametrize(
    "sandbox", ["FULL", pytest.param("STRICT", marks=pytest.mark.nightly)], indirect=True, scope="module"
)
"""For what the server's process checks, and for limits that are set alike in each tier: in the others every night."""
this_machine = pytest.mark.parametrize(
    "sandbox", [*TIERS, pytest.param("NS", marks=pytest.mark.nightly)], indirect=True, scope="module"
)
"""For what a test reads of the processes that wait for jobs."""


@pytest.fixture(scope="session", autouse=True)
def linux_alone() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip(ELSEWHERE + "the sandbox is made of what Linux has")


@pytest.fixture(scope="module")
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox per tier for all tests of a module; the server's environment contains a secret."""
    if request.param in REMOTE:
        with REMOTE[request.param](tmp_path_factory.mktemp(request.param)) as remote:
            remote.assert_well()
            yield remote
        return
    os.environ[SECRET_NAME] = SECRET
    made = Sandbox(request.param)
    del os.environ[SECRET_NAME]
    assert made.renderer.status.tier == request.param, made.renderer.status.reasons
    made.assert_well()
    yield made
    made.close()


@pytest.fixture(scope="module")
def full_sandbox() -> Iterator[Sandbox]:
    made = Sandbox("FULL")
    assert made.renderer.status.tier == "FULL", made.renderer.status.reasons
    made.assert_well()
    yield made
    made.close()


@pytest.fixture
def bait() -> Iterator[Bait]:
    made = Bait()
    yield made
    made.close()


@pytest.fixture
def attack(sandbox: Sandbox, bait: Bait) -> Callable[..., str]:
    """Run attack code; none may succeed, nothing may be harmed, and the sandbox keeps working."""

    def run(code: str, **fields) -> str:
        constants = "".join(f"{name} = {value!r}\n" for name, value in bait.names.items())
        answer = sandbox.attack(constants + TRIES + code + "\n" + LINE, **fields)
        output = printed(answer)
        assert SECRET not in f"{output} {answer}"
        assert "GOT THROUGH" not in output, output
        assert "stopped by" in output, (output, answer)
        bait.assert_unharmed()
        sandbox.assert_well()
        return output

    return run
