"""The table of measurements in the README."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from . import readme
from .report import Results, Row

MACHINE = {"date": "2026-11-29T12:00:00+00:00", "cores": 2, "memory_gib": 23.9, "load": 0.1}
FAST = Row("link GET / Flask", 3.0, 1.0, "req/s", 2.0, "≥")
SLOW = Row("publish / savefig", 1_240.0, 1_000.0, "ms", 1.0)
MEMORY = Row("1,000 clients: memory of each", 16.0, None, "KB", 20, against="nothing")
INFORMS = Row("start of a server", 900.0, 800.0, "ms")


def results(*rows: Row, failed: tuple[str, ...] = ()) -> dict:
    return Results(MACHINE, list(rows), list(failed)).as_json()


def test_the_block_has_each_row_with_a_bound():
    """With its values, ratio, bound and whether it held; rows without a bound stay in the output of make bench."""
    lines = readme.make_block(results(FAST, SLOW, INFORMS, MEMORY)).splitlines()
    assert lines[0].endswith("29 November 2026, on a machine with 2 cores and 24 GiB: 2 of 3 bounds held.")
    assert lines[-3:] == [
        "| link GET / Flask | 3 req/s | 1 req/s | 3.00 | ≥ 2 | yes |",
        "| publish / savefig | 1,240 ms | 1,000 ms | 1.24 | ≤ 1 | **no** |",
        "| 1,000 clients: memory of each | 16 KB |  |  | ≤ 20 KB | yes |",
    ]


def test_a_row_that_continues_another_follows_it():
    """ "The same" means nothing without the row before it."""
    again = Row("the same, while a cell sleeps", 1.1, 1.0, "ms", 1.2)
    names = [row["name"] for row in readme.select_rows(results(INFORMS, SLOW, INFORMS, again)["rows"])]
    assert names == [SLOW.name, INFORMS.name, again.name]


def test_groups_are_counted():
    """Many rows of a kind are one line."""
    rows = [Row(f"request {n}", n, None, "ms", 50, against="nothing", group="holds of the loop") for n in (1, 2, 60)]
    lines = readme.make_block(results(FAST, *rows)).splitlines()
    assert lines[0].endswith(": 3 of 4 bounds held.")
    assert lines[-1] == "| holds of the loop: 3 rows |  |  |  | each its own | 2 of 3 |"
    assert len(lines) == 6


def test_a_run_that_is_not_whole_is_refused():
    """A benchmark that failed would be missing in the table without a word."""
    with pytest.raises(ValueError, match="Not measured: live"):
        readme.make_block(results(FAST, failed=("live",)))
    with pytest.raises(ValueError, match="no row with a bound"):
        readme.make_block(results(INFORMS))


def test_only_the_block_is_replaced(tmp_path):
    """What is around the markers stays, and writing twice is writing once."""
    path = tmp_path / "README.md"
    path.write_text(f"before\n\n{readme.START}\nold | table\n{readme.END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        readme.write_readme(results(FAST), path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"before\n\n{readme.START}\n{readme.GENERATED}")
    assert text.endswith(f"yes |\n{readme.END}\nafter\n")
    assert "old" not in text


@pytest.mark.parametrize(
    "text", ["none", readme.START, f"{readme.END} {readme.START}", f"{readme.START * 2}{readme.END}"]
)
def test_markers_are_needed(text):
    """Without them, nothing is written."""
    with pytest.raises(ValueError, match="needs one"):
        readme.replace_block(text, "new")


def test_missing_results_are_a_sentence(tmp_path, capsys):
    """It says how to make them, instead of a traceback."""
    assert readme.main(tmp_path / "none.json") == 1
    assert "Run make bench first." in capsys.readouterr().err


def names_with_bounds() -> list[str]:
    """Return patterns of the names in the code of rows with bounds, as far as they are written there."""
    patterns = []
    for path in Path(__file__).parent.glob("[a-z]*.py"):
        calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
        rows = [call for call in calls if getattr(call.func, "id", "") == "Row" and call.args]
        is_test = path.name.startswith("test_")
        for call in rows if not is_test else ():
            has_bound = len(call.args) > 4 or any(keyword.arg == "bound" for keyword in call.keywords)
            is_grouped = any(keyword.arg == "group" for keyword in call.keywords)
            if has_bound and not is_grouped and not isinstance(call.args[0], ast.Name):
                parts = getattr(call.args[0], "values", [call.args[0]])
                texts = [re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in parts]
                patterns.append("".join(texts))
    return patterns


def test_the_readme_shows_the_whole_table():
    """Each row with a bound, as measured in one run: one figure, no range."""
    block = readme.find_block(readme.README.read_text(encoding="utf-8"))
    assert len(names_with_bounds()) > 10
    if readme.GENERATED in block:
        shown = re.findall(r"^\| (.+?) \|", block, re.MULTILINE)
        assert [name for name in names_with_bounds() if not any(re.fullmatch(name, one) for one in shown)] == []
        assert not re.search(r"\d (to|–) \d", "".join(re.findall(r"^\| .+? \|(.+)", block, re.MULTILINE)))
