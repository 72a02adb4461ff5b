"""An image by its link from nginx's cache, as deploy/nginx.conf configures it, against nginx serving the file."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ..nginx_paths import TEMPORARY_PATHS
from ..ports import free_port
from . import servers
from .load import Target, compare
from .nginx import running
from .report import Row
from .scale import Scale

_RULES = servers.REPOSITORY / "deploy" / "nginx.conf"
_BOUND = 0.7
# The peer: a server of nothing but files, with nginx's own defaults but for sendfile, which distributions enable.
_MAIN = (
    """\
{user}
daemon off;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 512; }}
http {{
"""
    + TEMPORARY_PATHS
    + """\
  types {{ image/png png; }}
  sendfile on;
  tcp_nopush on;
  include {home}/figserve.conf;
  server {{
    listen 127.0.0.1:{port};
    access_log {home}/files.log;
    root {root};
  }}
}}
"""
)


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    """Both are answered by one worker of the same nginx, over plain HTTP: TLS would cost both the same."""
    data = servers.make_png()
    root = home / "files"
    root.mkdir()
    (root / "picture.png").write_bytes(data)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(servers.jupyter(home, arguments=["--FigServe.link_cache_seconds=3600"]))
        link = servers.share(server, servers.publish(server, data, "picture")["id"])
        cached, files = free_port(), free_port()
        place = home / "nginx"
        place.mkdir()
        (place / "figserve.conf").write_text(make_rules(place, urlsplit(server.url).port or 0, cached))
        # Started by root, the workers would be another user, who may not enter the directory.
        user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
        main = _MAIN.format(home=place, port=files, root=root, user=user)
        pid = stack.enter_context(running(place, main, cached))
        path = urlsplit(link).path
        targets = [
            Target(f"http://127.0.0.1:{cached}{path}", pid),
            Target(f"http://127.0.0.1:{files}/picture.png", pid),
        ]
        ours, peer = compare(targets, scale.load_rounds, scale.load_seconds, data)
    note = f"CPU time of each: {ours.work:.1f} and {peer.work:.1f} µs, peer / ours {peer.work / ours.work:.2f}"
    what = f"GET of {len(data) / 1000:.0f} KB by link from nginx's cache / nginx serving the file"
    yield Row(what, ours.rate, peer.rate, "req/s", _BOUND, "≥", note=note)


def make_rules(home: Path, server: int, port: int) -> str:
    """Return deploy/nginx.conf for one server on this machine, without TLS."""
    rules = re.sub(r"(?m)^ *ssl_.*\n", "", _RULES.read_text(encoding="utf-8"))
    for pattern, text in (
        (r"listen 80;", f"listen 127.0.0.1:{free_port()};"),
        (r"listen 443 ssl http2", f"listen 127.0.0.1:{port}"),
        (r"server 127\.0\.0\.1:8765", f"server 127.0.0.1:{server}"),
        (r" *server 127\.0\.0\.1:8766.*\n", ""),
        (r"/var/cache/nginx/figserve", f"{home}/cache"),
        (r"/var/log/nginx/figserve\.log", f"{home}/access.log"),
    ):
        rules, count = re.subn(pattern, text, rules)
        assert count >= 1, pattern
    return rules
