"""`worker`: render for other servers. A process of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..parser import parse_count
from ..registry import OK, command


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help="port to listen on (default: 8750); 0 picks a free port")
    parser.add_argument("--ip", help="address to listen on (default: only this machine); others require a key")
    parser.add_argument(
        "--slots", type=parse_count, help="renders that run at once (default: the number of processor cores)"
    )
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="file with the key of the servers (default: FIGSERVE_WORKER_KEY)"
    )
    parser.add_argument("--certfile", type=Path, metavar="FILE", help="TLS certificate, to serve https")
    parser.add_argument("--keyfile", type=Path, metavar="FILE", help="private key of the certificate")
    parser.add_argument(
        "--ready-fd", type=int, metavar="FD", help="write a line of JSON to this file descriptor once it listens"
    )


@command(
    "worker",
    "jupyter figserve worker --port 8751",
    "jupyter figserve worker --ip 0.0.0.0 --port 8751 --slots 2 --key-file worker.key",
    options=_options,
    takes_traits=True,
)
def worker(options: argparse.Namespace) -> int:
    """Render for other servers, whose settings have renderer = "http": the sandbox behind one port.

    It runs at most one job for each slot; put a load balancer in front of several workers. After SIGTERM it finishes
    its running jobs. `GET /healthz` says whether it takes jobs.

    Settings follow as --FigServe.render_NAME=VALUE. Beyond this machine, servers must send the key in
    FIGSERVE_WORKER_KEY or in the file of --key-file: make one with `openssl rand -hex 32`.
    """
    from ...server.worker import main

    main(_make_arguments(options))
    return OK


def _make_arguments(options: argparse.Namespace) -> list[str]:
    """Return the command line of the worker; the user's settings come last and take precedence."""
    traits = {
        "FigServeWorker.ip": options.ip,
        "FigServeWorker.port": options.port,
        "FigServeWorker.certfile": options.certfile,
        "FigServeWorker.keyfile": options.keyfile,
        "FigServeWorker.ready_fd": options.ready_fd,
        "FigServe.render_jobs": options.slots,
        "FigServe.renderer_key_file": options.key_file,
    }
    own = [f"--{name}={value}" for name, value in traits.items() if value is not None]
    return [*own, *options.traits]
