"""`make cluster`: the parts of compose.yaml as processes on loopback, from the same configuration files.

Two servers with PostgreSQL, a bucket of SeaweedFS and two render workers behind HAProxy, all behind nginx. It waits
until they are healthy, publishes, shares and renders through nginx, checks both servers, and prints the addresses. Its
files are in a temporary directory, and all processes end with this one.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from checks import check
from cluster import Cluster
from processes import ClusterError, check_programs


@contextlib.contextmanager
def started() -> Iterator[Cluster]:
    """Start a cluster, which stops with the block."""
    # PostgreSQL's own user has to enter it.
    home = Path(tempfile.mkdtemp(prefix="figserve-cluster-")).resolve()
    home.chmod(0o711)
    cluster = Cluster(home)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make cluster ARGS=", description="Run the parts of a cluster on loopback.")
    parser.add_argument("--exit", action="store_true", help="stop after the checks; status 0 if all succeed")
    options = parser.parse_args()
    # Also when the terminal is closed, and in the background, where a shell lets Ctrl-C be ignored: everything ends.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    try:
        check_programs()
        print("Starting a cluster on this machine ...", flush=True)
        with started() as cluster:
            print("Checking it through nginx ...", flush=True)
            link = check(cluster)
            if options.exit:
                print("All parts work together.")
                return 0
            print_addresses(cluster, link)
            signal.pause()
    except ClusterError as error:
        print(f"make cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe cluster has ended.")
    return 0


def print_addresses(cluster: Cluster, link: str) -> None:
    print(
        f"\n  link       {link}\n"
        f"  gallery    {cluster.url}/figserve/?token={cluster.token}\n"
        f"  servers    http://{cluster.address('figserve-1')}/figserve  http://{cluster.address('figserve-2')}/figserve\n"
        f"  workers    http://{cluster.address('worker-1')}  http://{cluster.address('worker-2')}"
        f"  behind http://{cluster.address('haproxy')}\n"
        f"  logs       {cluster.home}\n\n"
        "nginx has a certificate of its own, of which browsers warn. Stop with Ctrl-C."
    )


if __name__ == "__main__":
    sys.exit(main())
