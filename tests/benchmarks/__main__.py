"""``python -m tests.benchmarks [--only NAME] [--quick] [--json]``: measure, and print one table."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import (
    capture,
    cluster,
    dashboard,
    detached,
    event_streams,
    fleet,
    gallery,
    idle,
    kills,
    large_catalog,
    link_get,
    live,
    loop_holds,
    nginx_cache,
    publish,
    render,
    sandbox,
    slow_readers,
    store_publish,
    strangers,
)
from .machine import describe_machine
from .report import print_header, print_row
from .scale import FULL, QUICK

BENCHMARKS = {
    "publish": publish.measure,
    "link-get": link_get.measure,
    "nginx-cache": nginx_cache.measure,
    "large-catalog": large_catalog.measure,
    "gallery": gallery.measure,
    "event-streams": event_streams.measure,
    "slow-readers": slow_readers.measure,
    "strangers": strangers.measure,
    "dashboard": dashboard.measure,
    "idle": idle.measure,
    "capture": capture.measure,
    "sandbox": sandbox.measure,
    "live": live.measure,
    "loop": loop_holds.measure,
    "detached": detached.measure,
    "store-publish": store_publish.measure,
    "render": render.measure,
    "fleet": fleet.measure,
    "cluster": cluster.measure,
    "kills": kills.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the selected benchmarks; return 1 if a row exceeds its bound, else 0."""
    options = _parse(arguments)
    scale = QUICK if options.quick else FULL
    machine, rows = describe_machine(), []
    if not options.json:
        print_header(machine)
    for name in options.only or BENCHMARKS:
        home = Path(tempfile.mkdtemp(prefix="figserve-bench-")).resolve()
        try:
            for row in BENCHMARKS[name](home, scale):
                rows.append(row)
                if not options.json:
                    print_row(row)
        finally:
            shutil.rmtree(home, ignore_errors=True)
    if options.json:
        print(json.dumps({"machine": machine, "rows": [row.as_json() for row in rows]}, indent=2))
    return int(any(row.verdict == "over" for row in rows) and not options.quick)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="this one alone; may be repeated")
    parser.add_argument("--quick", action="store_true", help="tiny counts: shows that it runs, says nothing of speed")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
