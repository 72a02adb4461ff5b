"""The Model Context Protocol over HTTP: who may use it, and what it refuses."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import sys
import zlib
from typing import Any

import pytest

from jupyter_figserve.errors import CodeFailed
from tests.conftest import require_package

from ....waiting import until
from ...conftest import Answer, Client
from ...raw import connect
from ...sample_images import png

ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
CODE = "import matplotlib.pyplot as plt; plt.plot([1, 2])"


@pytest.fixture(autouse=True)
def sdk() -> None:
    require_package("mcp")


def message(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


async def post(client: Client, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return await client.ask("POST", "/api/mcp", body, {**ACCEPT, **(headers or {})})


async def call(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    """The result of a tool."""
    answer = await post(client, message("tools/call", name=tool, arguments=arguments))
    assert answer.status == 200, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


async def list_tools(client: Client) -> list[str]:
    return [tool["name"] for tool in (await post(client, message("tools/list"))).json()["result"]["tools"]]


async def test_a_key_draws_publishes_lists_views_and_shares(stranger, make_key, renderer):
    """Each tool is a request of the API, without a session of the protocol."""
    client = stranger.with_key(await make_key("read", "publish", "render"))
    drawn = await call(client, "render_plot", code=CODE, width=300, height=200)
    assert [part["type"] for part in drawn["content"]] == ["image", "text"]
    assert (renderer.jobs[0].options.width, renderer.jobs[0].source) == (300, CODE.encode())
    published = (await call(client, "publish_figure", name="sales", code=CODE, title="Sales"))["structuredContent"]
    assert (published["name"], published["title"]) == ("sales", "Sales")
    assert [one["id"] for one in (await call(client, "list_figures"))["structuredContent"]["figures"]] == [
        published["id"]
    ]
    seen = await call(client, "view_figure", figure="sales")
    assert base64.b64decode(seen["content"][0]["data"]).startswith(b"\x89PNG")
    link = (await call(client, "share_figure", figure="sales", expires="7d"))["structuredContent"]
    assert (await stranger.get(link["url"])).status == 200


async def test_a_large_response_arrives_whole(stranger, make_key):
    """Also one that the server sends to other clients in pieces."""
    client = stranger.with_key(await make_key("read", "publish"))
    text = b"tEXt" + bytes(700_000)
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    image = png()[:33] + chunk + png()[33:]
    await client.publish("large", image)
    seen = await call(client, "view_figure", figure="large")
    assert base64.b64decode(seen["content"][0]["data"]) == image


async def test_the_traceback_is_for_the_author(stranger, make_key, renderer):
    """With the output up to the error."""
    error = CodeFailed("ValueError: no", kind="ValueError", line=3, traceback="line 3, in f", output="so far\n")

    def fail(job):
        raise error

    renderer.answer = fail
    result = await call(stranger.with_key(await make_key("render")), "render_plot", code=CODE)
    assert result["isError"]
    assert "line 3, in f" in result["content"][0]["text"]
    assert "so far" in result["content"][0]["text"]


async def test_a_client_that_leaves_ends_its_render(stranger, make_key, renderer):
    """As the request of the API that the tool stands for."""
    client = stranger.with_key(await make_key("render"))
    renderer.gate.clear()
    body = json.dumps(message("tools/call", name="render_plot", arguments={"code": CODE})).encode()
    async with connect(client.prefix) as leaving:
        head = {**client.headers, **ACCEPT, "Content-Length": str(len(body))}
        await leaving.send_head("POST", "/api/mcp", head)
        await leaving.send(body)
        await asyncio.wait_for(renderer.begun.wait(), 20)
    await until(lambda: len(renderer.cancelled) == 1)


class TestRights:
    async def test_a_login_is_refused(self, browser, owner, stranger):
        """A page of another site could use its cookie; keys cannot be sent by accident."""
        for client in (browser, owner, stranger, stranger.with_headers(Authorization="Bearer other")):
            answer = await post(client, message("tools/list"))
            assert (answer.status, answer.code) == (401, "key_required")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        answer = await post(stranger.with_key("fsk_aaaaaaaa_" + "b" * 43), message("tools/list"))
        assert (answer.status, answer.code) == (401, "bad_key")

    async def test_the_data_of_a_figure(self, stranger, owner, make_key):
        """Its tables come as JSON; of an image, the reason why it has none."""
        client = stranger.with_key(await make_key("read"))
        document = b'<script>Plotly.newPlot("f", [{"x": ["a", "b"], "y": [1, 2]}], {})</script>'
        await owner.publish("drawn", document, "text/html")
        found = (await call(client, "read_data", figure="drawn", rows=1))["structuredContent"]
        assert [(one["rows"], one["total"]) for one in found["tables"]] == [([["a", 1]], 2)]
        await owner.publish("image")
        refused = await call(client, "read_data", figure="image")
        assert refused["isError"]
        assert "published without its source" in refused["content"][0]["text"]

    async def test_another_site_is_refused(self, stranger, make_key):
        """Even with a key: its page may have resolved its own name to this address."""
        client = stranger.with_headers(Authorization=f"Bearer {await make_key('render')}")
        assert await list_tools(client) == ["render_plot"]
        answer = await post(client, message("tools/list"), {"Origin": "http://evil.example"})
        assert (answer.status, answer.code) == (403, "cross_origin")
        own = client.prefix.partition("/a%40b")[0]
        assert (await post(client, message("tools/list"), {"Origin": own})).status == 200

    async def test_a_key_without_scopes_sees_and_calls_nothing(self, stranger, owner, make_key, context, renderer):
        """A key that may only manage keys has no tool, and calling one by name does nothing."""
        record = await owner.publish("sales")
        client = stranger.with_key(await make_key("admin"))
        assert await list_tools(client) == []
        for name, arguments in {
            "render_plot": {"code": CODE},
            "publish_figure": {"name": "x", "image": base64.b64encode(png()).decode()},
            "list_figures": {},
            "view_figure": {"figure": record["id"]},
            "read_data": {"figure": record["id"]},
            "share_figure": {"figure": record["id"]},
        }.items():
            result = await call(client, name, **arguments)
            assert result["isError"]
            assert "There is no tool" in result["content"][0]["text"]
        assert renderer.jobs == []
        assert (await owner.get("/api/links")).json()["links"] == []
        assert len((await owner.get("/api/figures")).json()["figures"]) == 1

    async def test_what_others_own_is_out_of_reach(self, stranger, owner, make_key):
        """By id, by name and in the list, for reading and for sharing."""
        record = await owner.publish("secret", title="Hidden")
        client = stranger.with_key(await make_key("read", "publish", "render", owner="eve"))
        assert (await call(client, "list_figures"))["structuredContent"]["figures"] == []
        for tool in ("view_figure", "read_data", "share_figure"):
            for figure in (record["id"], "secret", record["url"]):
                result = await call(client, tool, figure=figure)
                assert result["isError"]
                assert "Hidden" not in json.dumps(result)
        assert (await owner.get("/api/links")).json()["links"] == []


class TestLimits:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"rate_limit": "1/hour", "mcp_body_bytes": 2_000, "mcp_image_bytes": 60}

    async def test_a_body_that_is_too_large(self, stranger, make_key, renderer):
        """Nothing of it is run."""
        client = stranger.with_key(await make_key("render"))
        answer = await post(client, message("tools/call", name="render_plot", arguments={"code": CODE + " " * 2_000}))
        assert answer.status == 413
        assert "FigServe.mcp_body_bytes" in answer.text
        assert renderer.jobs == []

    async def test_images_and_renders_are_limited(self, stranger, make_key, renderer):
        """Renders count as those of the API do."""
        client = stranger.with_key(await make_key("render"))
        too_large = await call(client, "render_plot", code=CODE)
        assert "FigServe.mcp_image_bytes" in too_large["content"][0]["text"]
        limited = await call(client, "render_plot", code=CODE)
        assert limited["isError"]
        assert "Try again in" in limited["content"][0]["text"]
        assert len(renderer.jobs) == 1


class TestMessages:
    async def test_there_is_no_session(self, stranger, make_key):
        """Neither a stream to open nor a session to end, with a key or without one."""
        key = await make_key("read")
        for method in ("GET", "DELETE", "PUT"):
            for client in (stranger, stranger.with_key(key)):
                answer = await client.ask(method, "/api/mcp")
                assert (answer.status, answer.headers["Allow"]) == (405, "POST")

    async def test_anything_but_a_message_is_refused(self, stranger, make_key, caplog):
        """Garbage, batches and other JSON, as errors of the protocol, without a traceback in the log."""
        client = stranger.with_key(await make_key("read"))
        batch = json.dumps([message("tools/list"), message("tools/list")]).encode()
        wrong = (b"", b"{", b"[]", b"\xff", b"[" * 60_000, b'"x"', b"null", b"{}", b'{"jsonrpc": "2.0", "id": {}}')
        for body in (*wrong, batch):
            answer = await post(client, body)
            assert answer.status == 400, body[:40]
            assert answer.json()["error"]["code"] in (-32700, -32602)
        for headers, status in (({"Accept": "text/html"}, 406), ({"Content-Type": "text/plain"}, 415)):
            assert (await post(client, message("tools/list"), headers)).status == status
        assert "Traceback" not in caplog.text

    async def test_notifications_and_unknown_methods(self, stranger, make_key):
        """A notification has no response, and an unknown method gets an error of the protocol."""
        client = stranger.with_key(await make_key("read"))
        answer = await post(client, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert (answer.status, answer.body) == (202, b"")
        assert "error" in (await post(client, message("resources/destroy"))).json()

    async def test_a_server_without_the_sdk_says_so(self, stranger, make_key, monkeypatch):
        """With the extra that installs it; everything else works."""
        monkeypatch.setitem(sys.modules, "mcp.server.lowlevel", None)
        answer = await post(stranger.with_key(await make_key("read")), message("tools/list"))
        assert (answer.status, answer.code) == (501, "mcp_not_installed")
        assert "jupyter_figserve[mcp]" in answer.json()["error"]


@pytest.mark.parametrize("text", [r'{"jsonrpc": "2.0", "id": "\ud800", "method": "tools/list"}', r'{"\udfff": 1}'])
async def test_unpaired_surrogates_are_refused(stranger, make_key, text):
    """A response could not repeat them."""
    answer = await post(stranger.with_key(await make_key("read")), text.encode())
    assert (answer.status, answer.json()["error"]["code"]) == (400, -32700)
    assert "surrogate" in answer.json()["error"]["message"]
