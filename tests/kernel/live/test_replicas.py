"""Two real servers on one catalog: a live figure of a kernel of the first, requested from the second."""

from __future__ import annotations

import pytest

from ...ports import free_port
from ...waiting import wait_until

pytestmark = pytest.mark.kernel

DECLARE = """
import jupyter_figserve as figserve
from matplotlib.figure import Figure

@figserve.live
def animal(n: int = 1):
    return Figure(figsize=(n, 1))

link = animal.share(allow=["n"])
print(link.url)
"""


def test_link_opens_on_the_server_that_the_kernel_is_not_connected_to(make_server):
    """It shows the function's picture, also with parameters; when the first server is gone, the last one."""
    ports = [free_port(), free_port()]
    secret = {"FIGSERVE_SIGNING_SECRET": "s" * 64}
    first = make_server(
        args=[f"--ServerApp.port={ports[0]}"],
        environment=secret,
        replica_url=f"http://127.0.0.1:{ports[0]}/figserve",
    )
    second = make_server(
        args=[f"--ServerApp.port={ports[1]}"],
        environment=secret,
        data_dir=first.data_dir,
        replica_url=f"http://127.0.0.1:{ports[1]}/figserve",
    )
    with first.kernel("a.ipynb") as kernel:
        execution = kernel.run(DECLARE)
        assert execution.error is None, execution.error
        address = "figserve/" + execution.stdout.strip().partition("/figserve/")[2]
        live = f"figserve/live/{kernel.kernel_id}/animal"
        wait_until(lambda: second.fetch("figserve/api/live").json()["live"])
        for path in (f"{address}.png?n=2", f"{live}.png?n=3"):
            response = second.fetch(path)
            assert (response.status, response.mimetype) == (200, "image/png"), response.text
            assert int.from_bytes(response.body[16:20]) == 100 * int(path[-1])
        assert second.fetch(f"{live}.png?n=x").json()["code"] == "invalid_parameter"
        first.kill()
        stale = second.fetch(f"{address}.png?n=2")
        assert (stale.status, stale.headers["Cache-Status"]) == (200, "figserve; hit; detail=stale")
