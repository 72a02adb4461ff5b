"""A bucket that must not be used, or that does not answer: one sentence, in time, and without a restart."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jupyter_figserve.errors import Conflict, InvalidInput, Unavailable
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.store.files.object_storage import MEMORY, ObjectStorage
from jupyter_figserve.store.files.remote_blobs import RemoteBlobStore
from jupyter_figserve.store.files.remote_documents import RemoteDocuments

from ...conftest import require_package
from ..buckets import credentials

ONE = sha256_hex(b"one")


@pytest.fixture
def open_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RemoteBlobStore]]:
    """Opens a bucket of a server on this port, or one in memory."""
    require_package("obstore")
    opened: list[ObjectStorage] = []

    def open_it(port: int | None = None, timeout: float = 10.0) -> RemoteBlobStore:
        for name, value in credentials(port or 1).items():
            monkeypatch.setenv(name, value)
        opened.append(ObjectStorage("s3://figures/prefix" if port else MEMORY, timeout))
        return RemoteBlobStore(opened[-1])

    yield open_it
    for one in opened:
        one.close()


@contextmanager
def server(status: int, body: bytes = b"") -> Iterator[int]:
    """Answers every request with a status, on the port."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"1"')
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield listening.server_address[1]
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def test_bucket_that_overwrites_is_refused(open_bucket):
    """At the start, and by a put where it could not be checked at the start; nothing is stored."""
    with server(200) as port:
        blobs = open_bucket(port)
        with pytest.raises(Conflict, match="s3://figures/prefix overwrites objects") as refused:
            blobs.prepare()
        with pytest.raises(Conflict, match="overwrites"):
            blobs.put(ONE, b"one")
    assert refused.value.code == "blob_store_overwrites"


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_credentials(open_bucket, status: int):
    """The start is refused, and says what to check; later, the response is 503."""
    with server(status) as port:
        blobs = open_bucket(port)
        with pytest.raises(Conflict, match="Check blob_url, the bucket and the credentials"):
            blobs.prepare()
        with pytest.raises(Unavailable, match="refuses") as refused:
            blobs.find(ONE)
    assert refused.value.code == "blob_store_denied"


def test_bucket_that_does_not_exist(open_bucket):
    """It is not taken for a missing object."""
    with server(404, b"<Error><Code>NoSuchBucket</Code></Error>") as port, pytest.raises(Unavailable, match="refuses"):
        open_bucket(port).find(ONE)


def test_missing_object(open_bucket):
    """None, without an error."""
    with server(404, b"<Error><Code>NoSuchKey</Code></Error>") as port:
        assert open_bucket(port).find(ONE) is None


def test_server_that_fails(open_bucket):
    """After a few attempts."""
    with server(500) as port, pytest.raises(Unavailable, match="does not answer"):
        open_bucket(port).find(ONE)


@pytest.mark.parametrize("is_listening", [True, False])
def test_no_answer(open_bucket, caplog, is_listening: bool):
    """Within the timeout, whether connections are accepted or refused; the log names the first failure alone."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if is_listening:
            silent.listen()
        blobs = open_bucket(silent.getsockname()[1], timeout=0.2)
        for work in (
            lambda: blobs.find(ONE),
            lambda: blobs.start_find(ONE, 0, 2).result(),
            lambda: blobs.put(ONE, b"one"),
            lambda: not blobs.find_missing([ONE]),
            lambda: blobs.delete(ONE),
            lambda: list(blobs.list_shard(0)),
            blobs.prepare,
        ):
            with pytest.raises(Unavailable) as refused:
                work()
            assert (refused.value.code, refused.value.retry_after) == ("blob_store_unavailable", 5)
    assert caplog.text.count("failed: ") == 1


def test_environment_that_cannot_be_used(monkeypatch):
    """Also where obstore ends with a panic."""
    require_package("obstore")
    with pytest.raises(InvalidInput, match="s4://figures cannot be opened"):
        ObjectStorage("s4://figures", 1.0)
    for name, value in (credentials(1) | {"AWS_ENDPOINT": "::not an address"}).items():
        monkeypatch.setenv(name, value)
    objects = ObjectStorage("s3://figures", 1.0)
    try:
        with pytest.raises(InvalidInput, match="s3://figures cannot be used"):
            objects.run(objects.check())
    finally:
        objects.close()


def test_missing_package_is_named(monkeypatch):
    """With the command that installs it."""
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    with pytest.raises(InvalidInput, match=r"pip install 'jupyter_figserve\[objectstore\]'"):
        ObjectStorage("s3://figures", 1.0)


def test_documents_are_replaced(open_bucket):
    """Read by name, listed with others, and removed twice."""
    documents = RemoteDocuments(open_bucket()._objects, "figures", is_sharded=True)
    documents.replace("abc", b"1")
    documents.replace("abc", b"2")
    documents.replace("xyz", b"3")
    assert documents.read("abc") == b"2"
    assert sorted(documents.read_all()) == [("abc", b"2"), ("xyz", b"3")]
    documents.delete("abc")
    documents.delete("abc")
    assert documents.read("abc") is None
    assert documents.location_of("xyz").endswith("figures/xy/xyz.json")
