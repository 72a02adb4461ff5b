"""`mcp`: the SDK's own clients over stdio and HTTP use the same tools of a real server, with its sandbox."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from jupyter_figserve.demo.server_process import fetch
from tests.conftest import require_package
from tests.security.actors import PNG

CODE = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nprint('drawn')"


@pytest.fixture(autouse=True)
def sdk() -> None:
    require_package("mcp")


def use(transport: Any, calls: list[tuple[str, dict[str, Any]]]) -> tuple[list[str], list[Any]]:
    """The tools' names, and the results of calls, of one session of the SDK's client."""
    from mcp import ClientSession

    async def run() -> tuple[list[str], list[Any]]:
        async with transport as streams, ClientSession(*streams[:2]) as session:
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            return tools, [await session.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(run())


def over_stdio(shell, *arguments: str) -> Any:
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    program = ["-m", "jupyter_figserve.cli", "mcp", *arguments]
    return stdio_client(StdioServerParameters(command=sys.executable, args=program, env=shell.environment))


def over_http(server, key: str) -> Any:
    from mcp.client.streamable_http import streamablehttp_client

    with warnings.catch_warnings():
        # Newer releases of the SDK have another name for it, which older ones lack.
        warnings.simplefilter("ignore", DeprecationWarning)
        return streamablehttp_client(f"{server.url}figserve/api/mcp", headers={"Authorization": f"Bearer {key}"})


def test_both_transports_offer_the_same(shell, live_server, make_key, tmp_path):
    """Over stdio with the login of the user's running server, and over HTTP with a key."""
    calls = [
        ("render_plot", {"code": CODE, "width": 200, "height": 100}),
        ("render_plot", {"code": "def f():\n    raise ValueError('no')\nf()"}),
        ("publish_figure", {"name": "drawn", "code": CODE}),
        ("list_figures", {"name": "drawn"}),
        ("view_figure", {"figure": "drawn"}),
        ("share_figure", {"figure": "drawn"}),
    ]
    made = {}
    for transport in (over_stdio(shell), over_http(live_server, make_key("read", "publish", "render"))):
        tools, (drawn, failed, published, listed, seen, shared) = use(transport, calls)
        assert base64.b64decode(drawn.content[0].data)[16:24] == bytes([0, 0, 0, 200, 0, 0, 0, 100])
        assert "drawn" in drawn.content[1].text
        assert failed.isError
        assert "line 2, in f" in failed.content[0].text
        assert listed.structuredContent["figures"][0]["id"] == published.structuredContent["id"]
        assert seen.content[0].type == "image"
        assert fetch(shared.structuredContent["url"]).status == 200
        made[published.structuredContent["id"]] = tools
    # The same figure, as neither its place nor its owner depends on the credential.
    assert list(made.values()) == [
        ["render_plot", "publish_figure", "list_figures", "view_figure", "read_data", "share_figure"]
    ]


def test_a_key_file_limits_the_tools_and_files_are_published(shell, live_server, make_key, tmp_path):
    """A key's scopes count over stdio too; a file needs --files."""
    key, plots = tmp_path / "key", shell.home / "plots"
    key.touch(0o600)
    key.write_text(make_key("publish"))
    plots.mkdir()
    (plots / "plot.png").write_bytes(PNG)
    transport = over_stdio(shell, "--server", live_server.url, "--key-file", str(key), "--files", str(plots))
    tools, (published,) = use(transport, [("publish_figure", {"name": "file", "path": str(plots / "plot.png")})])
    assert tools == ["publish_figure", "share_figure"]
    assert published.structuredContent["name"] == "file"


def test_without_a_server_the_tools_say_what_to_do(isolated_shell):
    """The assistant's program has started it; the user reads why a call fails, and starts a server later."""
    tools, (failed,) = use(over_stdio(isolated_shell), [("list_figures", {})])
    assert len(tools) == 6
    assert failed.isError
    assert "no Jupyter server running" in failed.content[0].text


def test_it_ends_with_its_input_and_with_ctrl_c(isolated_shell):
    """Without a traceback, and with nothing but messages on standard output."""
    hello = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
    for end, code in ((lambda process: process.stdin.close(), 0), (lambda one: one.send_signal(signal.SIGINT), 130)):
        process = isolated_shell.start("mcp", stdin=-1, stdout=-1, stderr=-1)
        process.stdin.write(b"garbage\n" + hello + b"\n")
        process.stdin.flush()
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert {"jsonrpc": "2.0", "id": 1, "result": {}} in lines
        end(process)
        assert process.wait(20) == code
        assert b"Traceback" not in process.stderr.read()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


def test_a_folder_that_is_not_there(isolated_shell):
    """A mistyped directory is found at once."""
    assert "is not a directory" in isolated_shell.run("mcp", "--files", str(Path("/none")), expect=2).err
