"""A memory of results takes bounded space."""

from __future__ import annotations

from jupyter_figserve.plotting.remembered.bounded_memory import BoundedMemory


def test_a_full_memory_begins_anew():
    """What is remembered is returned, and the newest result is always kept."""
    memory = BoundedMemory[int, str](3)
    assert [memory.remember(number, str(number)) for number in range(5)] == ["0", "1", "2", "3", "4"]
    assert memory == {3: "3", 4: "4"}
