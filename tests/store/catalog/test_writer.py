"""The writer thread."""

from __future__ import annotations

import threading

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.store.catalog import writer as module
from jupyter_figserve.store.catalog.writer import Writer

from ...waiting import wait_until


@pytest.fixture
def writer():
    made = Writer()
    yield made
    made.close()


def test_work_is_done_in_order_on_one_thread(writer: Writer):
    """One thread runs all work in the order of submission."""
    done: list[tuple[int, str]] = []
    futures = [writer.submit(lambda n=n: done.append((n, threading.current_thread().name))) for n in range(100)]
    for future in futures:
        future.result()
    assert done == [(n, "figserve-writer") for n in range(100)]


def test_result_and_error_come_by_the_future(writer: Writer):
    """Any exception fails its own work only."""

    def leave() -> None:
        raise SystemExit(3)

    failed, left, after = writer.submit(lambda: 1 / 0), writer.submit(leave), writer.submit(lambda: "done")
    with pytest.raises(ZeroDivisionError):
        failed.result()
    with pytest.raises(SystemExit):
        left.result()
    assert after.result() == "done"


def test_cancelled_work_is_left_out(writer: Writer):
    """Cancelled work does not run."""
    gate, done = threading.Event(), []
    held = writer.submit(gate.wait)
    cancelled = writer.submit(lambda: done.append("cancelled"))
    last = writer.submit(lambda: done.append("last"))
    assert cancelled.cancel()
    gate.set()
    held.result()
    last.result()
    assert done == ["last"]


def test_full_queue_says_so(monkeypatch: pytest.MonkeyPatch):
    """A full queue rejects work with Retry-After."""
    monkeypatch.setattr(module, "_MAX_QUEUE", 2)
    writer, gate, begun = Writer(), threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        gate.wait()

    futures = [writer.submit(hold)]
    begun.wait()
    futures += [writer.submit(lambda: None) for _ in range(2)]
    with pytest.raises(Unavailable) as refused:
        writer.submit(lambda: None)
    assert refused.value.retry_after == 5
    gate.set()
    writer.close()
    assert all(future.done() for future in futures)


def test_closing_finishes_what_was_queued():
    """Queued work is finished; closing twice is no error."""
    writer, done = Writer(), []
    for n in range(50):
        writer.submit(lambda n=n: done.append(n))
    writer.close()
    writer.close()
    assert done == list(range(50))


def test_closed_writer_takes_nothing():
    """Work submitted after closing is rejected at once."""
    writer = Writer()
    writer.close()
    with pytest.raises(Unavailable, match="closed"):
        writer.submit(lambda: None)


def test_deferred_work_is_done_in_a_pause(writer: Writer):
    """Deferred work runs when the queue is empty."""
    finished = threading.Event()
    writer.submit(lambda: writer.defer(finished.set)).result()
    assert finished.wait(10)


def test_much_deferred_work_does_not_wait_for_a_pause(monkeypatch: pytest.MonkeyPatch):
    """Deferred work is limited even while the writer is busy."""
    monkeypatch.setattr(module, "_MAX_DEFERRED", 3)
    monkeypatch.setattr(module, "_PAUSE", 3_600)
    writer, done = Writer(), []
    for n in range(6):
        writer.submit(lambda n=n: writer.defer(lambda: done.append(n))).result()
    writer.submit(lambda: None).result()
    assert done == [0, 1, 2]
    writer.close()
    assert done == [0, 1, 2, 3, 4, 5]


def test_deferred_work_that_fails_is_logged(writer: Writer, caplog: pytest.LogCaptureFixture):
    """The next work still runs."""

    def work() -> None:
        writer.defer(lambda: 1 / 0)
        writer.finish_deferred()

    writer.submit(work).result()
    assert "ZeroDivisionError" in caplog.text
    assert writer.submit(lambda: "done").result() == "done"


def test_deferred_work_waits_for_the_database(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    """It is tried again until it is done, in its order; other work goes on, and the log has a line."""
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.01)
    writer, failures, done = Writer(), [Unavailable("down")] * 3, []

    def first() -> None:
        if failures:
            raise failures.pop()
        done.append(1)

    def defer() -> None:
        writer.defer(first)
        writer.defer(lambda: done.append(2))

    writer.submit(defer).result()
    writer.submit(lambda: done.append(0)).result()
    wait_until(lambda: done == [0, 1, 2])
    failures.append(Unavailable("down"))
    writer.submit(defer).result()
    writer.close()
    assert [record.getMessage() for record in caplog.records] == 2 * ["figserve finishes deferred work later: down"]
