"""Kernels of a real Kernel Gateway: live figures over its control channel, or through the agent."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_figserve.demo.server_process import ServerProcess

from ...ports import free_port
from ...waiting import wait_until
from ..conftest import output_of

pytest.importorskip("kernel_gateway")
pytestmark = pytest.mark.kernel

DECLARE = """
import jupyter_figserve as figserve
from matplotlib.figure import Figure
calls = []

@figserve.live
def animal(n: int = 1):
    calls.append(n)
    if n == 13:
        raise ValueError("no such animal")
    return Figure(figsize=(n, 1))

counted = []

@figserve.live(cache="10m")
def cached():
    counted.append(1)
    return Figure(figsize=(1, 1))
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """The gateway's URL; its kernels' connection files are in the runtime directory."""
    home: Path = tmp_path_factory.mktemp("gateway").resolve()
    port = free_port()
    options = {"ip": "127.0.0.1", "port": port}
    command = [sys.executable, "-m", "kernel_gateway", *(f"--KernelGatewayApp.{k}={v}" for k, v in options.items())]
    environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(home / "runtime"), "JUPYTER_DATA_DIR": str(home / "data")}
    with (home / "gateway.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, env=environment)
    wait_until(lambda: process.poll() is not None or is_open(port))
    assert process.poll() is None, (home / "gateway.log").read_text()
    yield home, f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def start(make_server, gateway, **traits) -> ServerProcess:
    """A server whose kernels run in the gateway."""
    home, url = gateway
    server = make_server(args=[f"--gateway-url={url}"], start=False, **traits)
    server.runtime = home / "runtime"
    server.start()
    return server


def check_answers(server, kernel) -> None:
    address = f"figserve/live/{kernel.kernel_id}/animal"
    response = server.fetch(f"{address}.png?n=2")
    assert (response.status, response.mimetype) == (200, "image/png"), response.text
    assert int.from_bytes(response.body[16:20]) == 200
    assert server.fetch(f"{address}.png?n=x").json()["code"] == "invalid_parameter"
    failed = server.fetch(f"{address}.png?n=13").json()
    assert (failed["kind"], failed["error"]) == ("ValueError", "ValueError: no such animal")
    assert output_of(kernel, "print(calls)") == "[2, 13]"
    cached = f"figserve/live/{kernel.kernel_id}/cached.png"
    for _ in range(2):
        assert server.fetch(cached).status == 200
    assert output_of(kernel, "cached.refresh(); print(len(counted))") == "1"
    # The agent's message is on its way.
    wait_until(lambda: server.fetch(cached).status == 200 and output_of(kernel, "print(len(counted))") == "2")


def test_kernel_without_a_connection_uses_the_control_channel(make_server, gateway):
    """Calls go through the gateway's WebSocket; the error of a publish names the address, and it does not hang."""
    server = start(make_server, gateway, kernel_url="http://127.0.0.1:9")
    with server.kernel("far.ipynb") as kernel:
        output_of(kernel, DECLARE)
        check_answers(server, kernel)
        rows = server.fetch("figserve/api/live").json()["live"]
        assert {(row["name"], row["session"]) for row in rows} == {
            (name, kernel.kernel_id) for name in ("animal", "cached")
        }
        error = kernel.run("figserve.publish(Figure(), 'x')").error
        assert error is not None
        assert "127.0.0.1:9" in error


def test_kernel_with_a_connection_uses_the_agent(make_server, gateway):
    """The gateway passes the key and the server's address to the kernel: publish, live, link."""
    server = start(make_server, gateway)
    with server.kernel("near.ipynb") as kernel:
        output_of(kernel, DECLARE)
        check_answers(server, kernel)
        url = output_of(kernel, "print(figserve.publish(Figure(), 'sales').share().url)")
        assert server.fetch(f"{url}.png", anonymous=True).status == 200
