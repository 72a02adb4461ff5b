"""Matrices of parameters, of which every run takes each row and each column, and the night the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def pairs(rows: Sequence[Any], columns: Sequence[Any]) -> list[Any]:
    """Return all pairs for ``parametrize``; those that no row and no column needs are marked nightly."""
    count = max(len(rows), len(columns))
    taken = {(number % len(rows), number % len(columns)) for number in range(count)}
    return [
        pytest.param(row, column, marks=[] if (i, j) in taken else pytest.mark.nightly)
        for i, row in enumerate(rows)
        for j, column in enumerate(columns)
    ]
