"""A row of the table, judged against its bound, and the table as text."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

WIDTHS = (62, 14, 14, 7, 9)


@dataclass(frozen=True)
class Row:
    """One comparison.

    Parameters
    ----------
    ours, peer
        Medians in ``unit``; None if there is nothing to measure or to compare with.
    bound
        Bound on ``ratio``; None for a row that is only for information.
    sense
        Whether the bound is a maximum or a minimum.
    against
        Whether the bound applies to ``ours / peer`` or to ``ours`` itself, in its unit.
    note
        Context that a reader needs to interpret the row.
    group
        What the README calls many rows of a kind, which it counts instead of showing them.
    """

    name: str
    ours: float | None
    peer: float | None
    unit: str
    bound: float | None = None
    sense: Literal["≤", "≥"] = "≤"
    against: Literal["peer", "nothing"] = "peer"
    note: str = ""
    group: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.ours is not None and self.peer else None

    @property
    def verdict(self) -> str:
        """``ok``, ``over``, or ``""`` without a bound."""
        judged = self.ratio if self.against == "peer" else self.ours
        if self.bound is None or judged is None:
            return ""
        return "ok" if (judged <= self.bound if self.sense == "≤" else judged >= self.bound) else "over"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": self.ratio, "verdict": self.verdict}


@dataclass
class Results:
    """The rows of a run, and the benchmarks that could not be measured."""

    machine: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def over(self) -> list[Row]:
        """The rows that miss their bounds."""
        return [row for row in self.rows if row.verdict == "over"]

    def as_json(self) -> dict[str, Any]:
        return {"machine": self.machine, "rows": [row.as_json() for row in self.rows], "failed": self.failed}


def print_summary(results: Results) -> None:
    """Print how many rows hold their bounds, and which do not."""
    bounded = [row for row in results.rows if row.verdict]
    print(f"\n{len(bounded) - len(results.over)} of {len(bounded)} bounds hold.")
    for row in results.over:
        print(f"  missed: {row.name}")
    for name in results.failed:
        print(f"  could not be measured: {name}")


def print_header(machine: dict[str, Any]) -> None:
    print(f"{machine['date']}  {machine['system']}  {machine['cores']} cores, {machine['memory_gib']} GiB,", end=" ")
    print(f"load {machine['load']} at the start")
    print(", ".join(f"{name} {number}" for name, number in machine["versions"].items()))
    print()
    print(_line("row", "ours", "peer", "ratio", "bound", ""))
    print(_line(*("-" * width for width in WIDTHS), "----"), flush=True)


def print_row(row: Row) -> None:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    bound = "" if row.bound is None else f"{row.sense} {row.bound:g}"
    if bound and row.against == "nothing":
        bound += f" {row.unit}"
    print(_line(row.name, _value(row.ours, row.unit), _value(row.peer, row.unit), ratio, bound, row.verdict))
    if row.note:
        print(f"    {row.note}")
    print(end="", flush=True)


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:,.0f} {unit}" if value >= 1_000 else f"{value:.3g} {unit}"


def _line(name: str, *cells: str) -> str:
    numbers = (f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS[1:], strict=False))
    return f"{name:<{WIDTHS[0]}} {' '.join(numbers)} {cells[-1]}".rstrip()
