"""The Model Context Protocol by its official SDK: lists and calls the tools. Server, or a process of its own."""

from __future__ import annotations

import base64
from typing import Any

from ..errors import FigServeError, InvalidInput, NotInstalled
from .api import Api
from .results import ToolResult, error_result
from .tools import INSTRUCTIONS, Tool, find_tool, offered_tools

INSTALL = "pip install 'jupyter_figserve[mcp]'"


def load_sdk() -> None:
    """Import the SDK, which takes a second or two.

    Raises
    ------
    NotInstalled
        It is missing, or another version.
    """
    try:
        import jsonschema  # noqa: F401
        import mcp.server.lowlevel
        import mcp.server.stdio
        import mcp.server.streamable_http_manager  # noqa: F401
    except ImportError as error:
        raise NotInstalled(
            f"The Model Context Protocol needs its SDK, which is not installed here. Install it with: {INSTALL}",
            code="mcp_not_installed",
        ) from error


def make_server(api: Api, version: str) -> Any:
    """Return a server of the SDK with the tools, for any transport; ``load_sdk`` must have succeeded."""
    from mcp import types
    from mcp.server.lowlevel import Server

    server = Server("jupyter_figserve", version, INSTRUCTIONS)

    async def list_tools(request: Any) -> Any:
        permissions = await api.find_permissions()
        tools = [_describe(tool, tool.schema(permissions)) for tool in offered_tools(permissions)]
        return types.ServerResult(types.ListToolsResult(tools=tools))

    async def call_tool(request: Any) -> Any:
        name, values = request.params.name, request.params.arguments or {}
        return types.ServerResult(_to_mcp(await _call(api, name, values)))

    # Not by the SDK's decorators, which log the names that callers send, and list all tools for each call.
    server.request_handlers[types.ListToolsRequest] = list_tools
    server.request_handlers[types.CallToolRequest] = call_tool
    return server


async def _call(api: Api, name: str, values: dict[str, Any]) -> ToolResult:
    try:
        permissions = await api.find_permissions()
        tool = find_tool(name, permissions)
        if tool is None:
            names = ", ".join(one.name for one in offered_tools(permissions)) or "none: the key has no scope for any"
            raise InvalidInput(f"There is no tool {name!r:.60} for this key. The tools are {names}.")
        _check(values, tool.schema(permissions))
        return await tool.call(api, permissions, values)
    except FigServeError as error:
        return error_result(error)


def _check(values: dict[str, Any], schema: dict[str, Any]) -> None:
    """Validate the arguments of a call.

    Raises
    ------
    InvalidInput
        Naming the argument and the rule.
    """
    import jsonschema

    known, required = schema["properties"], schema["required"]
    if unknown := sorted(values.keys() - known.keys()):
        raise InvalidInput(f"There is no argument {unknown[0]!r:.60}. The arguments are {', '.join(known)}.")
    if missing := [name for name in required if name not in values]:
        raise InvalidInput(f"The argument {missing[0]!r} is missing.")
    sources = [rule["required"][0] for rule in schema.get("oneOf", ())]
    if sources and sum(name in values for name in sources) != 1:
        raise InvalidInput(f"Give exactly one of {', '.join(sources)}.")
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(values))
    if error is not None:
        where = ".".join(map(str, error.absolute_path))
        raise InvalidInput(f"{where or 'The arguments'}: {error.message[:300]}")


def _describe(tool: Tool, schema: dict[str, Any]) -> Any:
    from mcp import types

    hints = types.ToolAnnotations(
        title=tool.title, readOnlyHint=tool.is_read_only, destructiveHint=False, openWorldHint=False
    )
    return types.Tool(
        name=tool.name, title=tool.title, description=tool.description, inputSchema=schema, annotations=hints
    )


def _to_mcp(result: ToolResult) -> Any:
    from mcp import types

    content: list[Any] = [types.TextContent(type="text", text=result.text)]
    if result.image is not None:
        data = base64.b64encode(result.image.data).decode()
        content.insert(0, types.ImageContent(type="image", data=data, mimeType=result.image.mimetype))
    values = None if result.values is None else dict(result.values)
    return types.CallToolResult(content=content, structuredContent=values, isError=result.is_error)
