"""The HTTP client: credentials, the connection pool, and retries."""

from __future__ import annotations

import io
import os
import socket
import threading

import pytest

from jupyter_figserve import errors
from jupyter_figserve.kernel.client.address import parse_exact
from jupyter_figserve.kernel.client.client import FigServeClient

from ..conftest import KEY, Reply


@pytest.mark.parametrize(
    ("key", "header", "value"),
    [(KEY, "x-api-key", KEY), (f" {KEY}\n", "x-api-key", KEY), ("abc", "authorization", "token abc")],
)
def test_a_key_and_a_token_go_in_their_own_headers(fake, key, header, value):
    """API keys and Jupyter tokens use different headers, and surrounding spaces are stripped."""
    fake.client(key).get("api/status")
    headers = fake.received[0].headers
    assert headers[header] == value
    assert len({"x-api-key", "authorization"} & set(headers)) == 1


@pytest.mark.parametrize("key", ["", "  ", "a\nb: c", "schlüssel"])
def test_invalid_key_is_rejected(fake, key):
    """Characters that would end a header are rejected, and the key is not in the message."""
    with pytest.raises(errors.InvalidInput) as caught:
        fake.client(key)
    assert not key.strip() or key not in str(caught.value)


def test_connections_are_kept(fake):
    """Several requests use one connection."""
    client = fake.client()
    for _ in range(5):
        client.get("api/status")
    assert (len(fake.received), fake.connections) == (5, 1)


def test_threads_do_not_share_a_connection_at_once(fake):
    """Concurrent requests each receive their own response."""
    client, barrier, found = fake.client(), threading.Barrier(8), []
    fake.instead = lambda request: Reply.of(200, request.query)

    def ask(number):
        barrier.wait()
        found.extend((number, client.get("api/echo", n=number)["n"]) for _ in range(20))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 160
    assert all(str(number) == response for number, response in found)


def test_closed_idle_connection_is_replaced(fake):
    """An idle connection that the server has closed is replaced by a new one."""
    client = fake.client()
    fake.instead = lambda request: Reply.of(200, {}, Connection="close") if request.path.endswith("close") else None
    client.get("api/status")
    client.get("api/close")
    client.get("api/status")
    assert [r.path.rpartition("/")[2] for r in fake.received] == ["status", "close", "status"]


def test_idempotent_requests_are_retried_once(fake):
    """Publishing is idempotent: it is sent again if the server drops the idle connection."""
    client, aside = fake.client(), []
    client.get("api/status")
    fake.drops = 1
    fake.instead = lambda request: Reply.of(201, {"id": "x"})
    response = client.post_form("api/figures", "multipart/form-data; boundary=x", b"body", lambda: aside.append(1))
    assert response == {"id": "x"}
    assert len(fake.published) == 2
    assert aside == [1]


def test_other_requests_are_not_retried(fake):
    """Creating a link is not idempotent: a retry could create a second link."""
    client = fake.client()
    client.get("api/status")
    fake.drops = 1
    with pytest.raises(errors.Unavailable, match="was interrupted"):
        client.post("api/figures/x/links", {})
    assert len(fake.received) == 2


def test_broken_new_connection_is_an_error(fake):
    """A request that fails on a new connection is not retried."""
    fake.drops = 1
    with pytest.raises(errors.Unavailable):
        fake.client().get("api/status")
    assert len(fake.received) == 1


def test_meanwhile_runs_while_the_server_works(fake):
    """The request is sent before the caller's own work begins."""
    arrived = threading.Event()

    def instead(request):
        arrived.set()
        return Reply.of(201, {})

    fake.instead = instead
    seen = []
    fake.client().post_form("api/figures", "x/y", b"", lambda: seen.append(arrived.wait(10)))
    assert seen == [True]


def test_unreachable_server_is_reported(fake):
    """The message contains the address and not the key."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = parse_exact(f"http://127.0.0.1:{sock.getsockname()[1]}/figserve")
        with pytest.raises(errors.NotConnected, match="Connection refused") as caught:
            FigServeClient(address, KEY).get("api/status")
    assert KEY not in str(caught.value)


def test_read_timeout(fake):
    """Reading has a timeout, after which the connection is not reused."""
    done = threading.Event()
    fake.instead = lambda request: done.wait(10) and None
    client = fake.client(read_timeout=0.05)
    try:
        with pytest.raises(errors.Unavailable, match=r"0\.05 s\."):
            client.get("api/status")
    finally:
        done.set()
    assert not client._pool._idle


def test_credentials_follow_no_redirect(fake):
    """Redirects are not followed."""
    fake.instead = lambda request: Reply(302, b"", {"Location": "http://127.0.0.1:1/figserve/api/status"})
    with pytest.raises(errors.ServerError, match="redirects to"):
        fake.client().get("api/status")
    assert len(fake.received) == 1


def test_html_with_status_200_is_an_error(fake):
    """Some proxies respond to every request with an HTML page."""
    fake.instead = lambda request: Reply(200, b"<html>", {"Content-Type": "text/html"})
    with pytest.raises(errors.ServerError, match="Is the extension installed"):
        fake.client().get("api/status")


def test_early_error_response_to_a_large_body_is_read(fake):
    """The 413 of a server that stops reading the body is received."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                body = b'{"error": "Too large.", "code": "too_large"}'
                head = b"HTTP/1.1 413 No\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                connection.sendall(head % len(body) + body)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(2**20):
                    pass

        thread = threading.Thread(target=refuse)
        thread.start()
        client = FigServeClient(parse_exact(f"http://127.0.0.1:{listener.getsockname()[1]}/figserve"), KEY)
        with pytest.raises(errors.TooLarge, match=r"Too large\."):
            client.post_form("api/figures", "x/y", b"x" * 2**22)
        client.close()
        thread.join()


def test_unix_socket(tmp_path):
    """``http+unix`` contains the path of the socket, and the base URL after it."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        seen = []

        def respond():
            connection, _ = listener.accept()
            with connection:
                seen.append(connection.recv(1000))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")

        thread = threading.Thread(target=respond)
        thread.start()
        client = FigServeClient(parse_exact(f"http+unix://{str(path).replace('/', '%2F')}/b/figserve"), KEY)
        assert client.get("api/status") == {}
        client.close()
        thread.join()
    assert seen[0].startswith(b"GET /b/figserve/api/status HTTP/1.1\r\nHost: localhost\r\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="not on this machine: fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_connects_by_itself(fake):
    """Parent and child do not read each other's responses."""
    client = fake.client()
    client.get("api/status")
    child = os.fork()
    if child == 0:
        os._exit(0 if client.get("api/status")["version"] and client._pool._process == os.getpid() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    client.get("api/status")
    assert fake.connections == 2


def test_nothing_shows_the_key(fake):
    """The representations of client and connection do not contain it."""
    assert KEY not in repr(fake.client()) + repr(fake.connection()) + str(fake.connection())


class TestStream:
    """Streaming: a connection of its own, with the same credential and errors."""

    def test_the_answer_is_read_by_the_caller(self, fake):
        """Credential and query are sent; headers and body are passed through."""
        fake.instead = lambda request: Reply.of(200, {"n": request.query["n"]}, X_Extra="7")
        with fake.client().stream("GET", "export.zip", n=3, left_out=None) as response:
            assert b'"3"' in response.read()
        assert fake.received[0].headers["x-api-key"] == KEY
        assert "left_out" not in fake.received[0].query

    def test_a_file_goes_up(self, fake):
        """The body is sent with the given content length."""
        fake.instead = lambda request: Reply.of(201, {"id": "x"})
        headers = {"Content-Type": "image/png", "Content-Length": "200000"}
        body = io.BytesIO(b"x" * 200_000)
        with fake.client().stream("POST", "api/figures", body=body, headers=headers) as response:
            assert response.status == 201
        assert len(fake.received[0].body) == 200_000
        assert fake.received[0].headers["content-type"] == "image/png"

    def test_an_error_is_ours(self, fake):
        """The message is that of the server."""
        fake.instead = lambda request: Reply.of(413, {"error": "Too much.", "code": "too_large"})
        with pytest.raises(errors.TooLarge, match="Too much"), fake.client().stream("GET", "export.zip"):
            pass

    def test_unreachable_server(self):
        """The error is the same as that of any other request."""
        client = FigServeClient(parse_exact("http://127.0.0.1:1/figserve"), KEY)
        with pytest.raises(errors.NotConnected), client.stream("GET", "export.zip"):
            pass

    def test_an_answer_that_breaks_off(self):
        """A connection that drops during reading is an error, not the end of the body."""
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def respond() -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

            thread = threading.Thread(target=respond)
            thread.start()
            client = FigServeClient(parse_exact(f"http://127.0.0.1:{listener.getsockname()[1]}/figserve"), KEY)
            with pytest.raises(errors.Unavailable), client.stream("GET", "export.zip") as response:
                response.read()
            thread.join()


class TestFirstMoments:
    """A kernel publishes before its server knows its notebook."""

    @pytest.fixture(autouse=True)
    def waits(self, monkeypatch) -> list[float]:
        waits: list[float] = []
        monkeypatch.setattr("jupyter_figserve.kernel.client.client.time.sleep", waits.append)
        return waits

    def test_client_tries_again(self, fake, waits):
        """Until the server knows it; nothing fails."""
        starting = Reply.of(503, {"error": "Starting.", "code": "kernel_starting"}, Retry_After="1")
        replies = [starting, starting, Reply.of(201, {"id": "x"})]
        fake.instead = lambda request: replies.pop(0)
        assert fake.client().post("api/figures", {}) == {"id": "x"}
        assert len(waits) == 2

    def test_client_gives_up_on_others(self, fake, waits):
        """Other failures are raised at once, and this one in the end."""
        code = "busy"
        fake.instead = lambda request: Reply.of(503, {"error": "No.", "code": code}, Retry_After="1")
        with pytest.raises(errors.Unavailable):
            fake.client().get("api/figures")
        assert waits == []
        code = "kernel_starting"
        with pytest.raises(errors.Unavailable):
            fake.client().get("api/figures")
        assert sum(waits) > 3
