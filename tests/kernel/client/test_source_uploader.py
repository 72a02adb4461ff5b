"""Sources are uploaded after the publish, without delaying the cell."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from jupyter_figserve.errors import QuotaExceeded
from jupyter_figserve.kernel.client import source_uploader
from jupyter_figserve.kernel.client.source_uploader import SourceUpload, SourceUploader

from ..conftest import Reply


class BlockedClient:
    """A client whose uploads wait for an event."""

    def __init__(self, error: Exception | None = None) -> None:
        self.open = threading.Event()
        self.called = threading.Event()
        self.uploaded: list[bytes] = []
        self.error = error

    def put_bytes(self, path: str, body: bytes, **query: str) -> None:
        self.called.set()
        assert self.open.wait(10)
        if self.error:
            raise self.error
        self.uploaded.append(body)


def pending(client, data=b"x"):
    return SourceUpload(client, "abc", 2, data, {"python": "3.11", "matplotlib": "3.11.2", "numpy": "2"})


def test_upload_has_version_and_libraries(fake):
    """Python's and matplotlib's versions decide later whether the source can be opened."""
    uploader = SourceUploader()
    assert uploader.put(pending(fake.client(), b"pickle"))
    assert uploader.flush(10)
    put = fake.received[0]
    assert put.path == "/base/figserve/api/figures/abc/versions/2/source"
    assert put.query == {"kind": "figure", "python": "3.11", "matplotlib": "3.11.2"}
    assert (put.body, put.headers["content-type"]) == (b"pickle", "application/octet-stream")


def test_the_cell_does_not_wait_for_it():
    """Uploads are queued at once while another is in progress, and sent in order."""
    client, uploader = BlockedClient(), SourceUploader()
    for data in (b"a", b"b", b"c"):
        assert uploader.put(pending(client, data))
    assert not uploader.flush(0)
    client.open.set()
    assert uploader.flush(10)
    assert client.uploaded == [b"a", b"b", b"c"]


@pytest.mark.parametrize("bound", [{"length": 1}, {"size": 4}])
def test_the_queue_is_bounded(bound, caplog):
    """The limit is by count and by bytes; an upload without room is dropped, with one warning in the log."""
    client, uploader = BlockedClient(), SourceUploader(timeout=0, **bound)
    uploader.put(pending(client, b"1234"))
    assert client.called.wait(10)
    assert uploader.put(pending(client, b"1234"))
    with caplog.at_level(logging.DEBUG):
        assert not uploader.put(pending(client, b"1234"))
        assert not uploader.put(pending(client, b"1234"))
    client.open.set()
    assert uploader.flush(10)
    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG"]
    assert len(client.uploaded) == 2


def test_a_source_above_the_limit_is_not_queued(monkeypatch, caplog):
    """The figure is published without it."""
    monkeypatch.setattr(source_uploader, "MAX_SOURCE_BYTES", 3)
    assert not SourceUploader().put(pending(BlockedClient(), b"1234"))
    assert "4 bytes" in caplog.text


@pytest.mark.parametrize("error", [QuotaExceeded("The owner's figures are full."), RuntimeError("of ours")])
def test_failed_upload_is_logged_and_the_next_is_sent(error, caplog):
    """An error does not end the thread."""
    bad, good, uploader = BlockedClient(error), BlockedClient(), SourceUploader()
    bad.open.set()
    good.open.set()
    uploader.put(pending(bad))
    uploader.put(pending(good))
    assert uploader.flush(10)
    assert str(error) in caplog.text
    assert good.uploaded == [b"x"]


def test_an_error_response_is_logged(fake, caplog):
    """A quota may leave a figure without its source."""
    fake.instead = lambda request: Reply.of(507, {"error": "Full.", "code": "quota_exceeded"})
    uploader = SourceUploader()
    uploader.put(pending(fake.client()))
    assert uploader.flush(10)
    assert "cannot be rendered in other sizes and formats: Full." in caplog.text


def test_a_version_that_is_gone_needs_no_source(fake, caplog):
    """A loop publishes more versions than are kept before the first source is sent: the cell shows no warning."""
    fake.instead = lambda request: Reply.of(404, {"error": "There is no version 2 of it.", "code": "version_not_found"})
    uploader = SourceUploader()
    uploader.put(pending(fake.client()))
    assert uploader.flush(10)
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="not on this machine: fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_has_its_own_uploader(fake):
    """The parent's thread does not exist in the child, and the parent sends its own queue."""
    assert source_uploader.enqueue(pending(fake.client(), b"parent"))
    assert source_uploader.flush(10)
    child = os.fork()
    if child == 0:
        sent = (
            not source_uploader._uploader.is_started
            and source_uploader.enqueue(pending(fake.client(), b"child"))
            and source_uploader.flush(10)
        )
        os._exit(0 if sent else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert fake.sources["abc", 2] == b"child"
