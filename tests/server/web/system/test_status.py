"""The status of a new server in another process: the sandbox's tier, found without starting it."""

from __future__ import annotations

import psutil
import pytest

from jupyter_figserve.sandbox import doctor

from ....waiting import wait_until


def test_a_fresh_server_knows_its_sandbox_and_has_not_started_it(make_server):
    """The first render starts it, and the tier stays the same."""
    server = make_server()
    sandbox = server.fetch("figserve/api/status", anonymous=True).json()["sandbox"]
    known = doctor.examine()
    assert (sandbox["tier"], sandbox["why"], sandbox["libraries"]) == (known.tier, list(known.reasons), {})
    assert not psutil.Process(server.pid).children(recursive=True)
    if known.tier == "none":
        pytest.skip(f"not on this machine: a sandbox ({' '.join(known.reasons)})")
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\n"
    assert server.fetch("figserve/api/renders", method="POST", body={"code": code}).status == 200
    wait_until(lambda: psutil.Process(server.pid).children(recursive=True))
    after = server.fetch("figserve/api/status").json()["sandbox"]
    assert (after["tier"], after["why"]) == (sandbox["tier"], sandbox["why"])
    assert "matplotlib" in after["libraries"]
