"""The times of the store's calls, for the metrics."""

from __future__ import annotations

from concurrent.futures import Future

from jupyter_figserve.store.call_observer import BLOB_WRITE, CallObserver


def test_cancelled_work_is_no_call(caplog):
    """A request that ends while its blobs are queued."""
    observer, heard = CallObserver(), []
    observer.listener = lambda *call: heard.append(call)
    work: Future[bool] = Future()
    assert observer.observe(BLOB_WRITE, work) is work
    assert work.cancel()
    assert not heard
    assert not caplog.records


def test_a_failure_of_the_store_is_passed_on():
    """With its kind and its time."""
    observer, heard = CallObserver(), []
    observer.listener = lambda *call: heard.append(call)
    work: Future[bool] = Future()
    observer.observe(BLOB_WRITE, work)
    work.set_exception(OSError())
    (kind, seconds, is_failed) = heard[0]
    assert (kind, is_failed) == (BLOB_WRITE, True)
    assert seconds >= 0.0
