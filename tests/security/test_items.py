"""The list of hostile inputs: each number is in the name of a test, and each number in a name is in the list."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
NUMBER = r"(?:kind_)?[RPUVSLDCT]\d+"


def list_items() -> list[str]:
    return re.findall(
        rf"^\| ({NUMBER}) \|", (TESTS / "security" / "items.md").read_text(encoding="utf-8"), re.MULTILINE
    )


def find_tests() -> dict[str, list[str]]:
    """Return the names of tests by the numbers in them."""
    found: dict[str, list[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for numbers, name in re.findall(
            rf"^ *(?:async )?def test_((?:{NUMBER}_)+)(\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            for number in re.findall(NUMBER, numbers):
                found.setdefault(number, []).append(f"{path.relative_to(TESTS)}: {name}")
    return found


def test_list_is_complete():
    """Every number of the list, from 1 up, is there once."""
    items = list_items()
    assert len(items) == len(set(items)) == 99 + 13
    letters = {item.rstrip("0123456789") for item in items}
    for letter in letters:
        count = sum(item.rstrip("0123456789") == letter for item in items)
        assert {f"{letter}{number}" for number in range(1, count + 1)} <= set(items), letter


def test_each_item_has_a_test():
    """A new item without a test fails here, and so does a renamed test; no test has a number that is not listed."""
    assert set(find_tests()) == set(list_items())
