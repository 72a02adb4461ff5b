"""``progress``: its listeners, its rate, and the numbers that are refused."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.progress import progress
from jupyter_figserve.plotting.isolation import isolated_call
from jupyter_figserve.plotting.progress import ProgressReporter, reporting


def test_reports_of_the_call_alone():
    """Outside of a call, after it, and in other threads nothing is reported."""
    reported: list[tuple[float, float]] = []
    progress(1, 2)
    with reporting(lambda *numbers: reported.append(numbers)), isolated_call():
        thread = threading.Thread(target=progress, args=(1, 2))
        thread.start()
        thread.join()
        assert reported == []
        progress(np.int64(1), 2)
        progress(5, 2)
        progress(0, 0)
    progress(2, 2)
    assert reported == [(1.0, 2.0), (2.0, 2.0)]


def test_few_reports_a_second():
    """Reports in between are dropped, except the one that finishes."""
    reported: list[tuple[float, float]] = []
    now = iter([0.0, 0.05, 0.1, 0.11, 0.12])
    reporter = ProgressReporter(lambda *numbers: reported.append(numbers), lambda: next(now))
    for done in (1, 2, 3, 4, 5):
        reporter.report(done, 5)
    assert [done for done, _ in reported] == [1, 3, 5]


@pytest.mark.parametrize(
    ("done", "total"), [("1", 2), (True, 2), (float("nan"), 2), (-1, 2), (1, float("inf")), (1, None)]
)
def test_wrong_numbers(done, total):
    """They are refused in the same way everywhere, and the message shows the call."""
    with pytest.raises(InvalidInput, match=r"figserve\.progress\(3, 10\)"):
        progress(done, total)
