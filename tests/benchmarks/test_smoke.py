"""Each benchmark runs and prints its rows; ``make bench`` measures on an idle machine."""

from __future__ import annotations

import json

import pytest

from ..conftest import require_package, require_program
from .__main__ import BENCHMARKS, main
from .report import Row

NEEDS_WRK = {"link-get", "nginx-cache", "large-catalog", "cluster"}
NEEDS_NGINX = {"dashboard", "nginx-cache", "cluster"}
NEEDS_GUNICORN = {"link-get", "render"}


@pytest.mark.nightly
@pytest.mark.kernel
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_prints_its_rows(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With minimal counts, which are no basis for a verdict."""
    if name in NEEDS_WRK:
        require_program("wrk")
    if name in NEEDS_NGINX:
        require_program("nginx")
    if name in NEEDS_GUNICORN:
        require_package("flask")
        require_package("gunicorn")
    assert main(["--quick", "--only", name, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["machine"]["cores"] >= 1
    assert printed["rows"]
    assert all(row["name"] for row in printed["rows"])


def test_the_table_has_machine_versions_and_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """The table starts with the information that a reader needs to judge the ratios."""
    assert main(["--quick", "--only", "kills"]) == 0
    printed = capsys.readouterr().out
    for text in ("cores", "GiB", "tornado", "ratio", "bound", "server killed (-9)"):
        assert text in printed


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("least", 200, 100, "req/s", 2.0, "≥"), "ok"),
        (Row("least", 199, 100, "req/s", 2.0, "≥"), "over"),
        (Row("most", 1.1, 1.0, "ms", 1.1), "ok"),
        (Row("most", 1.2, 1.0, "ms", 1.1), "over"),
        (Row("by itself", 21, None, "KB", 20, against="nothing"), "over"),
        (Row("informs", 1, 2, "ms"), ""),
    ],
)
def test_a_row_is_judged_by_its_bound(row: Row, verdict: str) -> None:
    """The bound is a minimum or a maximum, of the ratio or of the value itself."""
    assert row.verdict == verdict
