"""The service as two servers behind HAProxy, which sends each connection to the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.conftest import require_program
from tests.ports import free_port
from tests.waiting import wait_until

from .hub_process import NAVIGATION, HubProcess, running_hub

pytestmark = [pytest.mark.hub, pytest.mark.kernel, pytest.mark.nightly]

CONFIGURATION = """
import jupyter_figserve.hub
jupyter_figserve.hub.configure(c, url={url!r}, managed=False, data_dir={data_dir!r})
"""
HAPROXY = """\
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  option httpclose
frontend figserve
  bind 127.0.0.1:{port}
  default_backend servers
backend servers
  balance roundrobin
  server one 127.0.0.1:{ports[0]}
  server two 127.0.0.1:{ports[1]}
"""
DECLARE = """
import jupyter_figserve as figserve
from matplotlib.figure import Figure

@figserve.live
def animal(n: int = 1):
    return Figure(figsize=(n, 1))

print(animal.share(allow=["n"], audience="hub").url)
"""


class Replicated:
    """A Hub, and the addresses of both servers without the load balancer."""

    def __init__(self, hub: HubProcess, ports: list[int]) -> None:
        self.hub = hub
        self.servers = [f"http://127.0.0.1:{port}/services/figserve" for port in ports]


@pytest.fixture(scope="module")
def replicated(tmp_path_factory, proxy_program) -> Iterator[Replicated]:
    home: Path = tmp_path_factory.mktemp("replicas")
    front, ports = free_port(), [free_port(), free_port()]
    (home / "haproxy.cfg").write_text(HAPROXY.format(port=front, ports=ports))
    configuration = CONFIGURATION.format(url=f"http://127.0.0.1:{front}", data_dir=str(home / "figures"))
    haproxy = require_program("haproxy")
    with running_hub(home, proxy_program, configuration) as hub, ExitStack() as processes:
        environment = dict(line.split("=", 1) for line in (home / "figserve.env").read_text().splitlines())
        environment |= {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
        for number, port in enumerate(ports):
            own = {"JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}", "FIGSERVE_SIGNING_SECRET": "s" * 64}
            own["JUPYTER_RUNTIME_DIR"] = str(home / f"runtime{number}")
            arguments = [f"--FigServe.replica_url=http://127.0.0.1:{port}/services/figserve"]
            command = [sys.executable, "-m", "jupyter_figserve.cli", "serve", *arguments]
            log = processes.enter_context((home / f"server{number}.log").open("wb"))
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, env=environment | own)
            processes.callback(end, server)
        processes.callback(end, subprocess.Popen([haproxy, "-f", str(home / "haproxy.cfg")]))
        made = Replicated(hub, ports)
        for address in [*made.servers, hub.service]:
            wait_until(lambda address=address: answers(address))
        yield made


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(20)


def answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/api/health/ready", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_logins_hold_on_each_server(replicated):
    """A login that begins on one server is completed by the other, and is one on both; six in a row."""
    for user in ("alice", "bob", "carol") * 2:
        session = replicated.hub.login(user)
        page = session.get(f"{replicated.hub.service}/links", headers=NAVIGATION, timeout=60)
        assert (page.status_code, page.url) == (200, f"{replicated.hub.service}/links")
        for _ in range(4):
            again = session.get(f"{replicated.hub.service}/", headers=NAVIGATION, timeout=60, allow_redirects=False)
            assert again.status_code == 200


def test_live_figure_answers_on_each_server(replicated):
    """Its kernel on a user's own server is connected to one of them."""
    hub = replicated.hub
    with hub.running_server("alice"), hub.kernel("alice") as kernel:
        execution = kernel.run(DECLARE)
        assert execution.error is None, execution.error
        token = execution.stdout.strip().rpartition("/f/")[2]
        for number, server in enumerate(replicated.servers * 2, 1):
            path = f"{server}/f/{token}.png?n={number}"
            wait_until(lambda path=path: get(hub, path).status_code == 200)
            assert int.from_bytes(get(hub, path).content[16:20]) == 100 * number
            assert requests.get(path, timeout=60).status_code == 401


def get(hub: HubProcess, path: str) -> requests.Response:
    return requests.get(path, headers={"Authorization": f"token {hub.token('bob')}"}, timeout=60)
