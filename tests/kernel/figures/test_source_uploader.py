"""Sources go to the server after the publish, and never trouble the cell."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from jupyter_figserve.errors import QuotaExceeded
from jupyter_figserve.kernel.figures import source_uploader
from jupyter_figserve.kernel.figures.source_uploader import SourceUpload, SourceUploader

from ..conftest import Reply


class Gate:
    """A client that takes a source when it is let."""

    def __init__(self, error: Exception | None = None) -> None:
        self.open = threading.Event()
        self.asked = threading.Event()
        self.taken: list[bytes] = []
        self.error = error

    def put_bytes(self, path: str, body: bytes, **query: str) -> None:
        self.asked.set()
        assert self.open.wait(10)
        if self.error:
            raise self.error
        self.taken.append(body)


def pending(client, data=b"x"):
    return SourceUpload(client, "abc", 2, data, {"python": "3.11", "matplotlib": "3.11.2", "numpy": "2"})


def test_a_source_names_its_version_and_what_made_it(fake):
    """Python's minor and matplotlib's version decide later whether it can be opened."""
    sender = SourceUploader()
    assert sender.put(pending(fake.client(), b"pickle"))
    assert sender.flush(10)
    put = fake.received[0]
    assert put.path == "/base/figserve/api/figures/abc/versions/2/source"
    assert put.query == {"kind": "figure", "python": "3.11", "matplotlib": "3.11.2"}
    assert (put.body, put.headers["content-type"]) == (b"pickle", "application/octet-stream")


def test_the_cell_does_not_wait_for_it():
    """Queued at once while another is on its way, and sent in order."""
    gate, sender = Gate(), SourceUploader()
    for data in (b"a", b"b", b"c"):
        assert sender.put(pending(gate, data))
    assert not sender.flush(0)
    gate.open.set()
    assert sender.flush(10)
    assert gate.taken == [b"a", b"b", b"c"]


@pytest.mark.parametrize("bound", [{"length": 1}, {"size": 4}])
def test_the_queue_is_bounded(bound, caplog):
    """By count and by bytes; what finds no room is dropped, and the log says so once as a warning."""
    gate, sender = Gate(), SourceUploader(patience=0, **bound)
    sender.put(pending(gate, b"1234"))
    assert gate.asked.wait(10)
    assert sender.put(pending(gate, b"1234"))
    with caplog.at_level(logging.DEBUG):
        assert not sender.put(pending(gate, b"1234"))
        assert not sender.put(pending(gate, b"1234"))
    gate.open.set()
    assert sender.flush(10)
    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG"]
    assert len(gate.taken) == 2


def test_a_source_beyond_all_measure_is_not_queued(monkeypatch, caplog):
    """Its figure stays as it is."""
    monkeypatch.setattr(source_uploader, "SIZE_LIMIT", 3)
    assert not SourceUploader().put(pending(Gate(), b"1234"))
    assert "4 bytes" in caplog.text


@pytest.mark.parametrize("error", [QuotaExceeded("The owner's figures are full."), RuntimeError("of ours")])
def test_a_failure_is_logged_and_the_next_is_sent(error, caplog):
    """The thread outlives what it could not send."""
    bad, good, sender = Gate(error), Gate(), SourceUploader()
    bad.open.set()
    good.open.set()
    sender.put(pending(bad))
    sender.put(pending(good))
    assert sender.flush(10)
    assert str(error) in caplog.text
    assert good.taken == [b"x"]


def test_a_refusal_of_the_server_is_logged(fake, caplog):
    """Quotas may leave a figure without its source."""
    fake.instead = lambda request: Reply.of(507, {"error": "Full.", "code": "quota_exceeded"})
    sender = SourceUploader()
    sender.put(pending(fake.client()))
    assert sender.flush(10)
    assert "cannot be drawn again in other sizes: Full." in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="not on this machine: fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_has_a_sender_of_its_own(fake):
    """The parent's thread is not there, and its queue is not the child's to send."""
    assert source_uploader.send_later(pending(fake.client(), b"parent"))
    assert source_uploader.flush(10)
    child = os.fork()
    if child == 0:
        sent = (
            source_uploader._sender is None
            and source_uploader.send_later(pending(fake.client(), b"child"))
            and source_uploader.flush(10)
        )
        os._exit(0 if sent else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert fake.sources["abc", 2] == b"child"
