"""A real nginx in front of a server, configured for event streams."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from ..nginx_paths import TEMPORARY_PATHS
from ..ports import free_port

_PROGRAM = "/usr/sbin/nginx"
_SECONDS_TO_START = 20
# HTTP 1.1 to the server and a read timeout beyond its heartbeats; the server itself disables buffering of streams.
_SETTINGS = (
    """\
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log {home}/error.log;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off;
"""
    + TEMPORARY_PATHS
    + """\
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location / {{
      proxy_pass http://{server};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_read_timeout 60s;
    }}
  }}
}}
"""
)


@contextlib.contextmanager
def nginx(home: Path, server: str) -> Iterator[str]:
    """Run nginx in front of ``server`` for the block; yield its address."""
    home = home / "nginx"
    home.mkdir()
    port = free_port()
    with running(home, _SETTINGS.format(home=home, port=port, server=urlsplit(server).netloc), port):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def running(home: Path, text: str, port: int) -> Iterator[int]:
    """Run nginx with settings for the block; yield the id of its first process once it listens at ``port``."""
    settings = home / "nginx.conf"
    settings.write_text(text)
    command = [shutil.which("nginx") or _PROGRAM, "-p", str(home), "-e", str(home / "error.log"), "-c", str(settings)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(process, port, home)
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def _await(process: subprocess.Popen[bytes], port: int, home: Path) -> None:
    asked = psutil.Process(process.pid)
    for _ in range(_SECONDS_TO_START * 20):
        assert process.poll() is None, (home / "error.log").read_text()[-2_000:]
        if any(one.laddr.port == port and one.status == "LISTEN" for one in asked.net_connections("tcp")):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise AssertionError("nginx does not listen")
