"""New versions of the data are reported to pages, but not in a loop."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_figserve.model.figures import Identity
from jupyter_figserve.model.live import LiveDeclaration, LiveFigureRecord
from jupyter_figserve.server.services.live.data_versions import DataVersions
from jupyter_figserve.server.services.live.registry import LiveTarget


class Timers:
    """Holds delayed calls until the test runs them."""

    def __init__(self) -> None:
        self.pending: list[Callable[[], None]] = []

    def call_later(self, _seconds: float, run: Callable[[], None]) -> None:
        self.pending.append(run)

    def fire(self) -> None:
        self.pending, due = [], self.pending
        for run in due:
            run()


class Notified:
    """A fake registry that counts reports."""

    def __init__(self) -> None:
        self.count = 0

    def notify(self, _kind, _kernel, _record) -> None:
        self.count += 1


def target() -> LiveTarget:
    declaration = LiveDeclaration("animal", is_versioned=True)
    return LiveTarget(
        LiveFigureRecord("l1", Identity("ada", "", "", "k1", "animal"), declaration, 0, 0), declaration, "k1"
    )


def test_only_another_version_is_reported():
    """The first one is news to nobody, nor is data without a version."""
    notified = Notified()
    versions = DataVersions(notified, Timers().call_later)
    for version in (None, "1", "1", None, "1"):
        versions.record(target(), version)
    assert notified.count == 0
    versions.record(target(), "2")
    assert notified.count == 1


def test_a_version_that_always_differs():
    """Between two reports is a pause, and the last change is not lost in it."""
    notified, timers = Notified(), Timers()
    versions = DataVersions(notified, timers.call_later)
    for number in range(100):
        versions.record(target(), str(number))
    assert notified.count == 1
    timers.fire()
    assert notified.count == 2
    timers.fire()
    timers.fire()
    assert (notified.count, timers.pending) == (2, [])
