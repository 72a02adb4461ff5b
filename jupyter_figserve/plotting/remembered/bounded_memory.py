"""A dictionary of results that begins anew when it is full. Kernel, sandbox."""

from __future__ import annotations

from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class BoundedMemory(dict[Key, Value]):
    """Results by what they depend on; threads may use it together."""

    def __init__(self, max_entries: int) -> None:
        super().__init__()
        self.max_entries = max_entries

    def remember(self, key: Key, value: Value) -> Value:
        if len(self) >= self.max_entries:
            self.clear()
        self[key] = value
        return value
