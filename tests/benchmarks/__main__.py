"""``python -m tests.benchmarks [--only NAME] [--quick] [--json FILE]``: measure, print one table, and write JSON."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from . import (
    capture,
    cluster,
    cold_start,
    dashboard,
    dashboard_page,
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
    readme,
    render,
    sandbox,
    slow_readers,
    store_publish,
    strangers,
)
from .machine import describe_machine
from .report import Results, print_header, print_row, print_summary
from .scale import FULL, QUICK, Scale

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
    "dashboard-page": dashboard_page.measure,
    "cold-start": cold_start.measure,
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


RESULTS = Path("build/benchmarks.json")
"""Where a run of all benchmarks leaves its results."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the selected benchmarks; return 1 if a row exceeds its bound or a benchmark fails, else 0."""
    options = _parse(arguments)
    if options.readme is not None:
        return readme.main(options.readme)
    scale = QUICK if options.quick else FULL
    results = Results(describe_machine())
    print_header(results.machine)
    path = options.json or (None if options.only or options.quick else RESULTS)
    for name in options.only or BENCHMARKS:
        _run(name, scale, results)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(results.as_json(), indent=2) + "\n", encoding="utf-8")
    print_summary(results)
    return int(bool(results.failed) or (bool(results.over) and not options.quick))


def _run(name: str, scale: Scale, results: Results) -> None:
    """Run one benchmark; one that cannot be measured does not keep the others from it."""
    home = Path(tempfile.mkdtemp(prefix="figserve-bench-")).resolve()
    try:
        for row in BENCHMARKS[name](home, scale):
            results.rows.append(row)
            print_row(row)
    except Exception:
        results.failed.append(name)
        traceback.print_exc()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="this one alone; may be repeated")
    parser.add_argument("--quick", action="store_true", help="tiny counts: shows that it runs, says nothing of speed")
    parser.add_argument(
        "--readme", type=Path, metavar="FILE", help="measure nothing; write the README's table from JSON"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"where to write JSON (all of them: {RESULTS})")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
