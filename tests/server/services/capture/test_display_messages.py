"""The ids and marks of display messages, including malformed ones."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.figures import MARKER
from jupyter_figserve.server.services.capture.display_messages import (
    find_display_id,
    find_execution_count,
    find_mark,
    find_published,
)


@pytest.mark.parametrize(
    ("shown", "mark"),
    [
        ({"metadata": {MARKER: {"mark": "abc"}}}, "abc"),
        ({"metadata": {MARKER: {"figure": "x"}}}, ""),
        ({"metadata": {MARKER: None}}, ""),
        ({"metadata": {MARKER: {"mark": 3}}}, ""),
        ({"metadata": {MARKER: {"mark": "x" * 1_000}}}, ""),
        ({"metadata": {}}, None),
        ({"metadata": "x"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_our_own_displays_are_known(shown, mark):
    """By their metadata; a mark is a short text."""
    assert find_mark(shown) == mark


@pytest.mark.parametrize(
    ("shown", "display_id"),
    [({"transient": {"display_id": "a"}}, "a")]
    + [({"transient": value}, None) for value in ({}, None, [], {"display_id": 3}, {"display_id": "x" * 1_000})],
)
def test_display_ids_are_short_text(shown, display_id):
    """Other values are ignored."""
    assert find_display_id(shown) == display_id


@pytest.mark.parametrize(
    ("count", "found"), [(3, 3), (0, 0), (-1, None), (True, None), ("3", None), (3.0, None), (None, None), (1e9, None)]
)
def test_counts_are_whole_numbers(count, found):
    """Other values are ignored."""
    assert find_execution_count({"execution_count": count}) == found


@pytest.mark.parametrize(
    ("marker", "figure"),
    [({"figure": "f" * 16}, "f" * 16), ({"figure": "../x"}, None), ({"figure": 3}, None), ({"mark": "a"}, None)],
)
def test_published_figures_are_known_by_their_id(marker, figure):
    """Other values are ignored."""
    assert find_published({"metadata": {MARKER: marker}}) == figure
