"""Kernels that cannot connect to their server: live figures over the control channel."""

from __future__ import annotations

import pytest

from ...waiting import wait_until
from .test_live_figure import DECLARE, running

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def unreachable_server():
    """A server whose kernels get an address where nothing listens."""
    import shutil
    import tempfile
    from pathlib import Path

    from jupyter_figserve.demo.server_process import ServerProcess

    home = Path(tempfile.mkdtemp(prefix="figserve-")).resolve()
    server = ServerProcess(home, ["--FigServe.kernel_url=http://127.0.0.1:9"])
    server.start()
    yield server
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.mark.compat
def test_control_channel_response(unreachable_server):
    """Calls work while idle and while a cell runs; errors and redefinitions are as through the agent."""
    with unreachable_server.kernel("deaf.ipynb") as kernel:
        assert kernel.run(DECLARE).error is None

        def get(rest: str):
            return unreachable_server.fetch(f"figserve/live/{kernel.kernel_id}/{rest}")

        response = get("animal.svg?x=1,2")
        assert (response.status, response.mimetype) == (200, "image/svg+xml"), response.text
        assert get("animal.png?type=Wolf").status == 400
        assert get("failing.png").json()["kind"] == "ValueError"
        gate = "@figserve.live\ndef gate():\n    go.set()\n    return Figure(figsize=(1, 1))\ngo = threading.Event()"
        assert kernel.run(gate).error is None
        wait_until(lambda: execution_state(unreachable_server, kernel)["execution_state"] == "idle")
        with running(kernel, "_ = go.wait(30)") as outcome:
            assert get("pyplot.png").status == 200
            assert execution_state(unreachable_server, kernel)["execution_state"] == "busy"
            assert get("gate.png").status == 200
        assert outcome[0].error is None
        assert outcome[0].bundles == []
        assert kernel.run("@figserve.live\ndef gate(n: int): return Figure(figsize=(1, 1))").error is None
        assert get("gate.png").status == 400
        rows = unreachable_server.fetch("figserve/api/live").json()["live"]
        assert {"animal", "gate"} <= {row["name"] for row in rows}
        assert unreachable_server.fetch(f"api/kernels/{kernel.kernel_id}/restart", method="POST", body={}).status == 200
        assert get("animal.png?n=1").status in (400, 404, 503)


def execution_state(server, kernel) -> dict:
    return server.fetch(f"api/kernels/{kernel.kernel_id}").json()


def test_kernel_without_our_helper_is_404(unreachable_server):
    """It gets no message that it does not know, which it would log as an error, and the request does not hang."""
    with unreachable_server.kernel("other.ipynb") as kernel:
        assert kernel.run("import sys; sys.modules['jupyter_figserve'] = None").error is None
        assert unreachable_server.fetch(f"figserve/live/{kernel.kernel_id}/animal.png").status == 404
        assert "UNKNOWN CONTROL MESSAGE" not in unreachable_server.log
        # The kernel still answers what every kernel does, and offers its live figures once it has the package.
        assert kernel.run("import sys; del sys.modules['jupyter_figserve']").error is None
        assert kernel.run(DECLARE).error is None
        path = f"figserve/live/{kernel.kernel_id}/animal.png"
        wait_until(lambda: unreachable_server.fetch(path).status == 200)
