"""A client of the SDK calls the tools over memory; the HTTP API answers from a table."""

from __future__ import annotations

import base64
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from jupyter_figserve.assistant.api import Permissions
from jupyter_figserve.assistant.protocol import load_sdk, make_server
from jupyter_figserve.errors import CodeFailed, FigServeError, NotInstalled, TooManyRequests
from tests.conftest import require_package
from tests.security.actors import PNG

pytestmark = pytest.mark.anyio
FIGURE = {"id": "a" * 16, "name": "sales", "title": "Sales", "alt": "It rises.", "version": 3, "url": "http://h/f"}
RENDERED = {"title": "T", "alt": "A line.", "width": 10, "height": 5, "mimetype": "image/png", "output": "hi\n"}
RENDERED |= {"data": base64.b64encode(PNG).decode(), "warnings": ["Glyph 9 is missing."]}


@dataclass
class TableApi:
    """An HTTP API that answers from a table, by method and path, and records what is sent."""

    permissions: Permissions = field(default_factory=Permissions)
    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    sent: list[tuple[str, str, Any]] = field(default_factory=list)

    async def find_permissions(self) -> Permissions:
        return self.permissions

    async def get(self, path: str, **query: Any) -> Any:
        return self._answer("GET", path, query)

    async def get_bytes(self, path: str, **query: Any) -> bytes:
        data: bytes = self._answer("GET", path, query)
        return data

    async def send(self, method: str, path: str, value: Any) -> Any:
        return self._answer(method, path, value)

    async def upload(self, path: str, content_type: str, body: bytes, **query: Any) -> Any:
        return self._answer("POST", path, (content_type, body, query))

    def _answer(self, method: str, path: str, value: Any) -> Any:
        self.sent.append((method, path, value))
        answer = self.answers[method, path]
        if isinstance(answer, FigServeError):
            raise answer
        return answer


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def api() -> TableApi:
    require_package("mcp")
    return TableApi()


@asynccontextmanager
async def session_with(api: TableApi):
    from mcp.shared.memory import create_connected_server_and_client_session

    async with create_connected_server_and_client_session(make_server(api, "1")) as session:
        yield session


async def call(api: TableApi, tool: str, /, **arguments: Any) -> tuple[str, Any]:
    """The text of a result, and the result."""
    async with session_with(api) as session:
        result = await session.call_tool(tool, arguments)
    return result.content[-1].text, result


async def test_tools_are_listed_with_their_hints(api):
    """The assistant's program learns which tools change something."""
    async with session_with(api) as session:
        tools = (await session.list_tools()).tools
    read_only = {tool.name for tool in tools if tool.annotations.readOnlyHint}
    assert read_only == {"render_plot", "list_figures", "view_figure", "read_data"}


async def test_an_image_comes_back(api):
    """As an image, with the description, the warnings and the printed output as text."""
    api.answers["POST", "api/renders"] = RENDERED
    text, result = await call(api, "render_plot", code="plot()", width=10)
    assert base64.b64decode(result.content[0].data) == PNG
    assert result.content[0].mimeType == "image/png"
    assert text == "T, 10 × 5 pixels: A line.\nWarning: Glyph 9 is missing.\nThe code printed:\nhi\n"
    assert api.sent == [("POST", "api/renders", {"format": "png", "code": "plot()", "width": 10})]


async def test_errors_are_text(api):
    """The author of the code reads its traceback and output; others read what to do."""
    error = CodeFailed("ValueError: no", kind="ValueError", line=2, traceback="Traceback: line 2", output="so far")
    api.answers["POST", "api/renders"] = error
    text, result = await call(api, "render_plot", code="plot()")
    assert (result.isError, text) == (
        True,
        "The code failed: ValueError: no\n\nTraceback: line 2\n\nIt had printed:\nso far",
    )
    api.answers["POST", "api/renders"] = TooManyRequests("Too many renders.", retry_after=7)
    assert (await call(api, "render_plot", code="plot()"))[0] == "Too many renders.\n\nTry again in 7 s."


async def test_an_image_that_is_too_large_is_not_sent(api):
    """The assistant is asked for a smaller one."""
    api.permissions = Permissions(image_bytes=len(PNG) - 1)
    api.answers["POST", "api/renders"] = RENDERED
    text, result = await call(api, "render_plot", code="plot()")
    assert result.isError
    assert "smaller width" in text
    assert len(result.content) == 1


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("render_plot", {}, "The argument 'code' is missing."),
        ("render_plot", {"code": "x", "width": "10"}, "width: '10' is not of type 'integer'"),
        ("render_plot", {"code": "x", "format": "svg"}, "format: 'svg' is not one of"),
        ("render_plot", {"code": "x", "keep": True}, "There is no argument 'keep'. The arguments are code, width,"),
        ("publish_figure", {"name": "a"}, "exactly one of image, code"),
        ("publish_figure", {"name": "a", "file": "a.png"}, "There is no argument 'file'."),
        ("publish_figure", {"name": "a", "code": "x", "image": "eA=="}, "exactly one of image, code"),
        ("publish_figure", {"name": "a", "image": "a"}, "not valid base64"),
        ("publish_figure", {"name": "a", "image": "eA=="}, "not an image"),
        ("publish_figure", {"name": "a", "image": ""}, "not an image"),
        ("drop_table", {}, "There is no tool 'drop_table' for this key. The tools are render_plot,"),
    ],
)
async def test_wrong_arguments_are_explained(api, tool, arguments, message):
    """Nothing is sent; the text names the argument."""
    text, result = await call(api, tool, **arguments)
    assert result.isError
    assert message in text
    assert api.sent == []


async def test_a_tool_without_its_scope_is_not_called(api):
    """Although its name is known."""
    api.permissions = Permissions(frozenset())
    text, result = await call(api, "share_figure", figure="a" * 16)
    assert result.isError
    assert "none: the key has no scope" in text
    assert api.sent == []


async def test_publishing_code_keeps_it_with_its_texts(api):
    """A render with keep, then the title, alternative text and caption."""
    api.answers |= {("POST", "api/renders"): FIGURE, ("PATCH", f"api/figures/{FIGURE['id']}"): FIGURE}
    _, result = await call(api, "publish_figure", name="sales", code="plot()", title="Sales", dpi=200)
    assert result.structuredContent == FIGURE
    kept = {"code": "plot()", "keep": True, "dpi": 200, "name": "sales"}
    assert [value for _, _, value in api.sent] == [kept, {"title": "Sales"}]


async def test_publishing_an_image(api):
    """Its type is found by its bytes."""
    api.answers["POST", "api/figures"] = FIGURE
    image = base64.b64encode(PNG).decode()
    await call(api, "publish_figure", name="sales", image=image, collection="nightly")
    assert api.sent == [("POST", "api/figures", ("image/png", PNG, {"name": "sales", "collection": "nightly"}))]


async def test_a_file_is_published_from_a_folder_alone(api, tmp_path):
    """Links and .. do not lead out of it, and a pipe does not block."""
    folder, outside = tmp_path / "plots", tmp_path / "secret.png"
    folder.mkdir()
    outside.write_bytes(PNG)
    (folder / "link.png").symlink_to(outside)
    os.mkfifo(folder / "pipe.png")
    (folder / "plot.png").write_bytes(PNG)
    (folder / "key.pem").write_text("-----BEGIN PRIVATE KEY-----")
    (folder / "large.png").write_bytes(PNG + b"0" * 1_000)
    api.permissions = Permissions(folders=(str(folder),), figure_bytes=len(PNG))
    api.answers["POST", "api/figures"] = FIGURE
    for path, message in {
        outside: "outside the folders",
        folder / "link.png": "outside the folders",
        folder / ".." / "secret.png": "outside the folders",
        folder / "pipe.png": "not a regular file",
        folder / "missing.png": "cannot be read",
        folder / "key.pem": "not an image",
        folder / "large.png": "more than",
    }.items():
        assert message in (await call(api, "publish_figure", name="a", path=str(path)))[0]
    assert api.sent == []
    await call(api, "publish_figure", name="a", path=str(folder / "plot.png"))
    assert [value[1] for _, _, value in api.sent] == [PNG]


async def test_a_figure_is_named_by_id_name_or_url(api):
    """An id needs no list; a name of several figures is refused, with their ids."""
    path = f"api/figures/{FIGURE['id']}/links"
    api.answers["POST", path] = {"id": "lnk", "url": "http://h/f/t", "expires": None, "note": None}
    for figure in (FIGURE["id"], f"https://h/figserve/figures/{FIGURE['id']}"):
        _, result = await call(api, "share_figure", figure=figure, expires="7d")
        assert result.structuredContent == {"id": "lnk", "url": "http://h/f/t"}
    assert api.sent == [("POST", path, {"expires": "7d"})] * 2
    api.answers["GET", "api/figures"] = {"figures": [FIGURE, {**FIGURE, "id": "b" * 16, "notebook": "n.ipynb"}]}
    text, _ = await call(api, "share_figure", figure="sales")
    assert "a" * 16 in text
    assert f"{'b' * 16} (n.ipynb)" in text


async def test_a_figure_is_listed_and_seen(api):
    """The list says what a figure shows; its image has the size that was asked for."""
    api.answers["GET", "api/figures"] = {"figures": [{**FIGURE, "thumbnail": "…"}], "next": None}
    _, result = await call(api, "list_figures", search="sal")
    assert result.structuredContent == {"figures": [FIGURE], "next": None}
    api.answers["GET", f"api/figures/{FIGURE['id']}"] = FIGURE
    api.answers["GET", f"figures/{FIGURE['id']}.png"] = PNG
    text, result = await call(api, "view_figure", figure=FIGURE["id"], width=300)
    assert text == "Sales, version 3: It rises.\nhttp://h/f"
    assert base64.b64decode(result.content[0].data) == PNG
    assert api.sent[-1][2]["width"] == 300


def test_the_missing_sdk_is_named(monkeypatch):
    """With the line that installs it."""
    monkeypatch.setitem(sys.modules, "mcp.server.lowlevel", None)
    with pytest.raises(NotInstalled, match=r"pip install 'jupyter_figserve\[mcp\]'"):
        load_sdk()
