"""Timing of work: what is counted, in which order."""

from __future__ import annotations

from .timing import interleave, repeat


def test_ways_alternate_and_the_first_rounds_are_not_counted() -> None:
    """The median is that of the rounds after them."""
    calls: list[tuple[str, int]] = []

    def way(name: str, number: int) -> float:
        calls.append((name, number))
        return [1e9, 3, 1, 2][number]

    ways = {name: lambda number, name=name: way(name, number) for name in ("a", "b")}
    assert interleave(ways, 3) == {"a": 2, "b": 2}
    assert calls[:4] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert interleave(ways, 2, uncounted=2) == {"a": 1.5, "b": 1.5}


def test_work_is_counted() -> None:
    """No more is begun after the time is up."""
    done: list[None] = []
    count, seconds = repeat(lambda: done.append(None), in_flight=2, seconds=0)
    assert (count, seconds >= 0) == (len(done), True)
    count, _ = repeat(lambda: done.append(None), in_flight=2, seconds=1)
    assert count > 0
