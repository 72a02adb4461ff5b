"""``python -m tests.benchmarks --readme FILE``: write the README's table from the JSON of a run of all benchmarks."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parent.parent.parent / "README.md"
START, END = "<!-- benchmark -->", "<!-- /benchmark -->"
GENERATED = "`make bench` measured this on "
_REFERS_BACK = re.compile(r"(the same|of th|its )")
"""Names that continue the row before them."""


def main(path: Path) -> int:
    """Write the table; return the exit code."""
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        print(f"{path} does not exist. Run make bench first.", file=sys.stderr)
        return 1
    try:
        write_readme(results)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Written: the table in {README}")
    return 0


def write_readme(results: Mapping[str, Any], path: Path = README) -> None:
    """Replace the table between the markers.

    Parameters
    ----------
    results
        What ``Results.as_json`` returns.
    """
    path.write_text(replace_block(path.read_text(encoding="utf-8"), make_block(results)), encoding="utf-8")


def find_block(text: str) -> str:
    """Return what is between the markers.

    Raises
    ------
    ValueError
        The text has no markers, or several.
    """
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise ValueError(f"The text needs one {START} with one {END} after it.")
    return text.partition(START)[2].partition(END)[0]


def replace_block(text: str, block: str) -> str:
    """Return the text with another block between its markers."""
    find_block(text)
    return f"{text.partition(START)[0]}{START}\n{block}\n{END}{text.partition(END)[2]}"


def make_block(results: Mapping[str, Any]) -> str:
    """Return the sentence about the machine, and the table of the rows that have bounds.

    Raises
    ------
    ValueError
        A benchmark could not be measured, or none has a bound: the table would not be whole.
    """
    if results["failed"]:
        raise ValueError(f"Not measured: {', '.join(results['failed'])}. Run these again before the README is written.")
    rows = select_rows(results["rows"])
    bounded = [row for row in results["rows"] if row["verdict"]]
    if not bounded:
        raise ValueError("The results have no row with a bound.")
    machine = results["machine"]
    day = datetime.fromisoformat(machine["date"])
    held = sum(row["verdict"] == "ok" for row in bounded)
    lines = [
        f"{GENERATED}{day.day} {day:%B %Y}, on a machine with {machine['cores']} cores and"
        f" {machine['memory_gib']:.0f} GiB: {held} of {len(bounded)} bounds held.",
        "",
        "| what | ours | peer | ratio | bound | held |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
        *(_write_row(row) for row in rows),
        *_write_groups(bounded),
    ]
    return "\n".join(lines)


def select_rows(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows with bounds, and those that their names refer back to; those of a group are counted elsewhere."""
    chosen: list[Mapping[str, Any]] = []
    is_needed = False
    for row in reversed([row for row in rows if not row["group"]]):
        if row["verdict"] or is_needed:
            chosen.append(row)
            is_needed = _REFERS_BACK.match(row["name"]) is not None
    return chosen[::-1]


def _write_groups(bounded: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each group of rows, with how many hold their bounds."""
    for group in dict.fromkeys(row["group"] for row in bounded if row["group"]):
        verdicts = [row["verdict"] for row in bounded if row["group"] == group]
        held = verdicts.count("ok")
        yield f"| {group}: {len(verdicts)} rows |  |  |  | each its own | {held} of {len(verdicts)} |"


def _write_row(row: Mapping[str, Any]) -> str:
    unit = f" {row['unit']}" if row["against"] == "nothing" else ""
    cells = (
        row["name"],
        _write_value(row["ours"], row["unit"]),
        _write_value(row["peer"], row["unit"]),
        "" if row["ratio"] is None else f"{row['ratio']:.2f}",
        "" if row["bound"] is None else f"{row['sense']} {row['bound']:g}{unit}",
        {"ok": "yes", "over": "**no**", "": ""}[row["verdict"]],
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _write_value(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"
