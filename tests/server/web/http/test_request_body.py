"""Request bodies: refused where none is taken, limited in size and time, and refused before they have been read."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from jupyter_figserve.server.web.http.upload_handler import UploadHandler
from jupyter_figserve.server.web.routes import ROUTES

from ...raw import answer_of, connect
from ...sample_images import png

LIMIT = 100_000
HUGE = 300 * 2**20
PATH = "/api/figures?name=big"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def sample_path(pattern: str) -> str:
    """A path that the route answers."""
    path = re.sub(r"\(\?:.*\)\?", "", pattern)
    path = re.sub(r"\([^)]*\)", lambda group: next(text for text in SAMPLES if re.fullmatch(group[0], text)), path)
    path = path.replace("\\.", ".").removesuffix("/?") or "/"
    assert re.fullmatch(pattern, path)
    return path


SAMPLES = ("figures", "1", "live", "abc", "copy.js", "svg")
ROUTE_METHODS = [(sample_path(pattern), handler, method) for pattern, handler in ROUTES for method in METHODS]


class TestSize:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"figure_bytes": LIMIT}

    async def test_endless_chunks_are_rejected(self, owner):
        """A body without a length is refused near the limit, with 413."""
        async with connect(owner.prefix) as connection:
            headers = {**owner.headers, "Content-Type": "image/png", "Transfer-Encoding": "chunked"}
            await connection.send_head("POST", PATH, headers)
            sent = await connection.send_until_refused(b"1000\r\n" + b"x" * 0x1000 + b"\r\n", 1000 * LIMIT)
            status, error = await answer_of(connection)
        assert (status, error["code"]) == (413, "too_large")
        assert sent < 1000 * LIMIT

    async def test_body_at_the_limit_is_taken(self, owner):
        """To the byte, with a length or in chunks; one byte more is refused."""
        svg = b"<svg>" + b" " * (LIMIT - 11) + b"</svg>"
        for data, status in ((svg, 201), (svg + b"\n", 413)):
            answer = await owner.ask("POST", PATH, data, {"Content-Type": "image/svg+xml"})
            assert answer.status == status
            async with connect(owner.prefix) as connection:
                headers = {**owner.headers, "Content-Type": "image/svg+xml", "Transfer-Encoding": "chunked"}
                await connection.send_head("POST", PATH, headers)
                await connection.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))
                assert (await answer_of(connection))[0] == status

    async def test_without_a_credential_nothing_is_read(self, stranger):
        """401 before the body."""
        async with connect(stranger.prefix) as connection:
            await connection.send_head("POST", PATH, {"Content-Type": "image/png", "Content-Length": str(LIMIT)})
            assert (await answer_of(connection))[0] == 401

    async def test_server_goes_on(self, owner, stranger):
        """The next publish works after refusals."""
        for headers in ({"Content-Length": str(10 * LIMIT)}, {"Transfer-Encoding": "chunked"}):
            async with connect(owner.prefix) as connection:
                await connection.send_head("POST", PATH, {**owner.headers, **headers})
                await connection.send(b"zz\r\n")
        figure = await owner.publish()
        assert (await owner.get(f"/figures/{figure['id']}.png")).body == png()

    async def test_json_is_bounded(self, owner):
        """JSON bodies have at most 64 KB."""
        answer = await owner.post("/api/keys", {"scopes": ["read"], "label": "x" * 70_000})
        assert (answer.status, answer.code) == (413, "too_large")


class TestTime:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"body_timeout": 0.2}

    async def test_slow_body_is_given_up(self, owner):
        """408 when it has not arrived in time, and the connection is closed."""
        async with connect(owner.prefix) as connection:
            headers = {**owner.headers, "Content-Type": "image/png", "Content-Length": "1000"}
            await connection.send_head("POST", PATH, headers)
            await connection.send(b"\x89")
            status, error = await answer_of(connection)
            assert (status, error["code"]) == (408, "body_timeout")
            assert await connection.is_closed()

    async def test_length_that_lies_upward_is_given_up(self, owner):
        """With a Content-Length that is too large the request times out, and nothing is published."""
        async with connect(owner.prefix) as connection:
            headers = {**owner.headers, "Content-Type": "image/png", "Content-Length": str(len(png()) + 1)}
            await connection.send_head("POST", PATH, headers)
            await connection.send(png())
            assert (await answer_of(connection))[0] == 408
        assert (await owner.get("/api/figures")).json()["figures"] == []

    async def test_quick_body_is_not_cut_off_later(self, owner, context, put_forward):
        """The timeout ends with the request, also on a connection that stays open."""
        context.config.body_timeout = 10.0
        async with connect(owner.prefix) as connection:
            for name in ("one", "two"):
                headers = {**owner.headers, "Content-Type": "image/png", "Content-Length": str(len(png()))}
                await connection.send_head("POST", f"/api/figures?name={name}", headers)
                await connection.send(png())
                assert (await answer_of(connection))[0] == 201
                put_forward(10)


@pytest.mark.parametrize("length", ["abc", "-1", "9" * 5_000])
async def test_length_that_is_no_number_is_malformed(stranger, length):
    """400 and the end of the connection, for as many digits as a header can have."""
    async with connect(stranger.prefix) as connection:
        await connection.send_head("GET", "/api/status", {"Content-Length": length})
        status, error = await answer_of(connection, "/api/status", "GET")
        assert (status, error["code"]) == (400, "invalid_input")
        assert await connection.is_closed()


async def test_length_that_lies_downward_publishes_nothing(owner):
    """A truncated image is refused, and the remaining bytes are not a request."""
    async with connect(owner.prefix) as connection:
        headers = {**owner.headers, "Content-Type": "image/png", "Content-Length": "20"}
        await connection.send_head("POST", PATH, headers)
        await connection.send(png())
        status, error = await answer_of(connection)
    assert (status, error["code"]) == (415, "type_mismatch")
    assert (await owner.get("/api/figures")).json()["figures"] == []


async def test_sender_that_hangs_up_publishes_nothing(owner, context):
    """Half an image publishes no figure."""
    async with connect(owner.prefix) as connection:
        headers = {**owner.headers, "Content-Type": "image/png", "Content-Length": str(len(png()))}
        await connection.send_head("POST", PATH, headers)
        await connection.send(png()[:30])
    assert (await owner.get("/api/figures")).json()["figures"] == []


class TestRefused:
    """A body of several megabytes from an unauthorized client."""

    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"figure_bytes": 8 * 2**20}

    async def refused(self, prefix: str, size: int, **headers: str) -> tuple[int, dict]:
        """The response to a client that sends the whole body before it reads."""
        async with connect(prefix) as connection:
            head = {"X-API-Key": f"fsk_{'a' * 8}_{'b' * 43}", "Content-Type": "image/png", "Content-Length": str(size)}
            await connection.send_head("POST", PATH, head | headers)
            for start in range(0, size, 65_536):
                await connection.send(b"x" * min(65_536, size - start))
            return await answer_of(connection)

    async def test_the_answer_is_heard(self, stranger):
        """A client that sends the whole body gets the 401, not a broken connection."""
        for _ in range(3):
            status, error = await self.refused(stranger.prefix, 6 * 2**20)
            assert (status, error["code"]) == (401, "bad_key")

    async def test_nothing_of_the_handler_runs(self, owner, make_key):
        """A key without the scope gets an error, and nothing is published."""
        async with connect(owner.prefix) as connection:
            head = {"X-API-Key": await make_key("read"), "Content-Type": "image/png"}
            await connection.send_head("POST", PATH, head | {"Content-Length": str(len(png()))})
            await connection.send(png())
            status, error = await answer_of(connection)
        assert (status, error["code"]) == (403, "scope_missing")
        assert (await owner.get("/api/figures")).json()["figures"] == []

    async def test_connection_serves_on(self, stranger):
        """The rest of the body is not parsed as the next request."""
        async with connect(stranger.prefix) as connection:
            for _ in range(2):
                head = {"Content-Type": "image/png", "Content-Length": "100000"}
                await connection.send_head("POST", PATH, head)
                await connection.send(b"GET / HTTP/1.1\r\n\r\n" + b"x" * (100_000 - 18))
                assert (await answer_of(connection))[0] == 401

    async def test_connection_serves_on_without_a_body(self, owner, stranger, make_key):
        """A refused GET, DELETE or unknown method does not close it, either."""
        key = await make_key("admin")
        async with connect(stranger.prefix) as connection:
            for method, headers in [("GET", {}), ("GET", {"X-API-Key": key}), ("DELETE", {"X-API-Key": key})] * 2:
                await connection.send_head(method, "/api/figures", headers)
                status, _ = await answer_of(connection, "/api/figures", method)
                assert status == (403 if headers else 401)

    async def test_more_than_a_figure_is_not_read(self, stranger):
        """Beyond the limit the connection is closed, in chunks as with a length."""
        for extra in ({"Content-Length": str(2**30)}, {"Transfer-Encoding": "chunked"}):
            async with connect(stranger.prefix) as connection:
                await connection.send_head("POST", PATH, {"Content-Type": "image/png"} | extra)
                assert (await answer_of(connection))[0] == 401
                piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n" if "Transfer-Encoding" in extra else b"x" * 0x10000
                assert await connection.send_until_closed(piece, 2**30) < 2**30


class TestEveryRoute:
    """Bodies to each route and method, public and private, with and without a login."""

    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"failed_secret_rate": ""}

    async def test_kind_C6_refused_before_the_body(self, owner, stranger):
        """Where none is taken, the response comes before any byte, and a small body leaves the connection usable."""
        for path, handler, method in ROUTE_METHODS:
            if method in handler.body_methods:
                continue
            for client in (owner, stranger):
                async with connect(client.prefix) as connection:
                    for _ in range(2):
                        await connection.send_head(method, path, {**client.headers, "Content-Length": "5"})
                        status, headers = await connection.receive_head()
                        assert status in (400, 401, 403, 404, 405), (method, path)
                        if method != "HEAD":
                            await connection.receive_body(headers)
                        await connection.send(b"GET /")

    @pytest.mark.parametrize("framing", ["length", "chunks"])
    async def test_kind_C6_large_one_is_not_kept(self, owner, stranger, framing):
        """The response is an error, the connection of an endless body ends, and the server's memory does not grow."""
        before = resident()
        is_chunked = framing == "chunks"
        head = {"Transfer-Encoding": "chunked"} if is_chunked else {"Content-Length": str(HUGE)}
        piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n" if is_chunked else b"x" * 0x10000
        for path, handler, method in ROUTE_METHODS:
            if issubclass(handler, UploadHandler) and method in handler.body_methods:
                continue
            for client in (owner, stranger):
                async with connect(client.prefix) as connection:
                    await connection.send_head(method, path, {**client.headers, **head})
                    assert await connection.send_until_closed(piece, HUGE) < HUGE / 10, (method, path)
        assert resident() - before < 30 * 2**20

    async def test_kind_C6_refused_upload_is_not_kept(self, stranger):
        """What arrives of a body within the limit, after the response that refused it, takes no memory."""
        before, size = resident(), 24 * 2**20
        head = {"Content-Type": "image/png", "Content-Length": str(size)}
        async with connect(stranger.prefix) as one, connect(stranger.prefix) as other:
            for connection in (one, other):
                await connection.send_head("POST", "/api/figures?name=a", head)
                assert (await connection.receive_head())[0] == 401
                assert await connection.send_until_closed(b"x" * 2**16, size - 2**16) == size - 2**16
            assert resident() - before < size / 2

    @pytest.mark.parametrize(
        ("method", "path"), [("GET", "/api/status"), ("GET", "/api/figures"), ("POST", "/api/keys")]
    )
    async def test_kind_C6_half_a_body_has_a_clock(self, owner, stranger, context, method, path):
        """The connection of a body that never arrives in full is closed."""
        context.config.body_timeout = 0.2
        for client in (owner, stranger):
            async with connect(client.prefix) as connection:
                await connection.send_head(method, path, {**client.headers, "Content-Length": "50"})
                await connection.send(b"{")
                assert await connection.is_closed()

    async def test_says_what_is_wrong(self, stranger):
        """The message names the method."""
        answer = await stranger.ask("GET", "/api/status", b"{}")
        assert (answer.status, answer.code) == (400, "has_body")
        assert "no body with GET" in answer.json()["error"]

    async def test_empty_body_is_none(self, stranger):
        """A length of zero counts as no body."""
        assert (await stranger.get("/api/status", {"Content-Length": "0"})).status == 200


def resident() -> int:
    """Memory of this process, and of the server in it, in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")
