"""Two real servers on one catalog: what a kernel of the first offers and draws, requested from the second."""

from __future__ import annotations

import pytest

from ...conftest import ServerProcess
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


PUBLISH = """
import jupyter_figserve as figserve
import matplotlib.pyplot as plt
from jupyter_figserve.kernel.client.source_uploader import flush

plt.plot([1, 3, 2], label="sales")
published = figserve.publish(name="sales")
flush()
print(published.url)
"""


def start_two(make_server, **traits: object) -> tuple[ServerProcess, ServerProcess]:
    """Start two servers with one data directory and one signing secret."""
    ports = [free_port(), free_port()]
    secret = {"FIGSERVE_SIGNING_SECRET": "s" * 64}
    first = make_server(
        args=[f"--ServerApp.port={ports[0]}"],
        environment=secret,
        replica_url=f"http://127.0.0.1:{ports[0]}/figserve",
        **traits,
    )
    second = make_server(
        args=[f"--ServerApp.port={ports[1]}"],
        environment=secret,
        data_dir=first.data_dir,
        replica_url=f"http://127.0.0.1:{ports[1]}/figserve",
        **traits,
    )
    return first, second


def test_link_opens_on_the_server_that_the_kernel_is_not_connected_to(make_server):
    """It shows the function's picture, also with parameters; when the first server is gone, the last one."""
    first, second = start_two(make_server)
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


def test_figure_is_drawn_again_for_the_server_that_the_kernel_is_not_connected_to(make_server):
    """Without a sandbox: in another size and format, and as data; until the kernel has ended."""
    first, second = start_two(make_server, render_python="/bin/false")
    assert second.fetch("figserve/api/status").json()["redraws"] == "kernel"
    with first.kernel("a.ipynb") as kernel:
        execution = kernel.run(PUBLISH)
        assert execution.error is None, execution.error
        page = "figserve/" + execution.stdout.strip().partition("/figserve/")[2]
        record = f"figserve/api/{page.partition('/')[2]}"
        wait_until(lambda: second.fetch(record).json()["redrawable"])
        wide, data = second.fetch(f"{page}.png?width=300"), second.fetch(f"{page}.csv")
        assert (wide.status, wide.mimetype, int.from_bytes(wide.body[16:20])) == (200, "image/png", 300), wide.text
        assert (data.status, data.text.splitlines()[1]) == (200, "0,1"), data.text
        assert second.fetch(f"{page}.pdf").body.startswith(b"%PDF")
    wait_until(lambda: not second.fetch(record).json()["redrawable"])
    assert second.fetch(f"{page}.png?width=200").json()["code"] == "not_redrawable"
