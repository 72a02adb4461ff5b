"""Clients that request large images and never read them: the server's memory while they wait, and afterwards."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from jupyter_figserve.demo.server_process import ServerProcess

from . import servers
from .report import Row
from .scale import Scale

_SIDE = 3_200
"""Pixels of a PNG of 30 MB."""
_SMALL_SIDE = 1_400
"""Pixels of a PNG that the server caches in memory."""
_TIMEOUT = 5
_MAX_CLIENTS = 200
_MIB = 2**20


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    with servers.jupyter(home, arguments=[f"--FigServe.send_timeout={_TIMEOUT}"]) as server:
        process = psutil.Process(server.pid)
        paths = [_share(server, _SIDE, 0)]
        paths += [_share(server, _SMALL_SIDE, seed) for seed in range(1, 9)]
        for path in paths:
            server.fetch(path)
        _settle(process)
        before = process.memory_info().rss
        clients = [_request(server, paths[number % len(paths)]) for number in range(min(scale.clients, _MAX_CLIENTS))]
        clients += [_request(server, "figserve/export.zip", servers.login(server)) for _ in range(5)]
        highest = before
        for _ in range(20):
            time.sleep(0.1)
            highest = max(highest, process.memory_info().rss)
        time.sleep(2 * _TIMEOUT)
        after = process.memory_info().rss
        closed = sum(_is_closed(client) for client in clients)
    name = f"{len(clients):,} clients that read nothing: memory"
    yield Row(f"{name} while they wait", (highest - before) / _MIB, None, "MB", 300, against="nothing")
    yield Row(f"{name} afterwards", (after - before) / _MIB, None, "MB", 80, against="nothing")
    yield Row("share of them that the server has closed", closed / len(clients), None, "", 1, "≥", against="nothing")


def _share(server: ServerProcess, side: int, seed: int) -> str:
    """Publish noise and return the path of its link's image."""
    figure = servers.publish(server, servers.make_noise(side, seed), f"noise-{seed}")
    return urlsplit(servers.share(server, figure["id"])).path.removeprefix(urlsplit(server.url).path)


def _request(server: ServerProcess, path: str, headers: dict[str, str] | None = None) -> socket.socket:
    address = urlsplit(server.url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((address.hostname, address.port))
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    client.sendall(f"GET {address.path}{path} HTTP/1.1\r\nHost: {address.netloc}\r\n{lines}\r\n".encode())
    return client


def _is_closed(client: socket.socket) -> bool:
    """Whether the server has ended the connection: the kernel's part of the response is followed by no more."""
    client.settimeout(1)
    try:
        while client.recv(_MIB):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    finally:
        client.close()
    return True


def _settle(process: psutil.Process) -> None:
    """Wait until the memory of the process no longer changes."""
    last = 0
    while abs(process.memory_info().rss - last) > _MIB:
        last = process.memory_info().rss
        time.sleep(1)
