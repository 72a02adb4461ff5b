"""Each benchmark runs and prints its rows; ``make bench`` measures on an idle machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..conftest import require_chromium, require_package, require_program
from . import __main__ as runner
from .__main__ import BENCHMARKS, main
from .report import Row
from .scale import Scale

NEEDS_WRK = {"link-get", "nginx-cache", "large-catalog", "cluster"}
NEEDS_NGINX = {"dashboard", "nginx-cache", "cluster"}
NEEDS_CHROMIUM = {"dashboard-page"}
NEEDS_GUNICORN = {"link-get", "render"}


@pytest.mark.nightly
@pytest.mark.kernel
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_prints_its_rows(name: str, tmp_path: Path) -> None:
    """With minimal counts, which are no basis for a verdict."""
    if name in NEEDS_WRK:
        require_program("wrk")
    if name in NEEDS_NGINX:
        require_program("nginx")
    if name in NEEDS_GUNICORN:
        require_package("flask")
        require_package("gunicorn")
    if name in NEEDS_CHROMIUM:
        require_chromium()
    path = tmp_path / "results.json"
    assert main(["--quick", "--only", name, "--json", str(path)]) == 0
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["machine"]["cores"] >= 1
    assert written["rows"]
    assert all(row["name"] for row in written["rows"])


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The benchmarks of a run, instead of the real ones."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(runner, "BENCHMARKS", found)
    return found


def test_a_run_prints_its_table_and_writes_json(
    measured: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table starts with what a reader needs to judge the ratios."""
    monkeypatch.chdir(tmp_path)
    measured["held"] = lambda home, scale: iter([Row("GET / peer", 300, 100, "req/s", 2.0, "≥", note="each alone")])
    assert main([]) == 0
    printed = capsys.readouterr().out
    for text in ("cores", "GiB", "tornado", "ratio", "bound", "GET / peer", "3.00", "each alone", "1 of 1 bounds hold"):
        assert text in printed
    written = json.loads((tmp_path / "build" / "benchmarks.json").read_text(encoding="utf-8"))
    assert [(row["name"], row["ratio"], row["verdict"]) for row in written["rows"]] == [("GET / peer", 3.0, "ok")]


def test_a_missed_bound_and_a_failure_fail_the_run(
    measured: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All the others are measured all the same."""
    monkeypatch.chdir(tmp_path)

    def broken(home: Path, scale: Scale) -> Iterator[Row]:
        yield Row("before", 1, None, "ms")
        raise OSError("no such program")

    measured |= {"broken": broken, "missed": lambda home, scale: iter([Row("slow", 3, 1, "ms", 2.0)])}
    assert main(["--only", "missed"]) == main(["--only", "broken"]) == main([]) == 1
    printed = capsys.readouterr()
    assert "missed: slow" in printed.out
    assert "could not be measured: broken" in printed.out
    assert "no such program" in printed.err
    assert main(["--quick", "--only", "missed"]) == 0


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
