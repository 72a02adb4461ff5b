"""The tools, with the scope and the arguments of each: one table for stdio and HTTP. Any process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..model.keys import Scope
from . import calls
from .api import Api, Permissions
from .results import ToolResult
from .schemas import CODE, FIGURE, IMAGE_FORMATS, NAMES, SIZE, Schema, arguments, number, text

Call = Callable[[Api, Permissions, dict[str, Any]], Awaitable[ToolResult]]
INSTRUCTIONS = (
    "jupyter_figserve gives every figure of a Jupyter user a URL. Draw with render_plot and look at the image until"
    " it is right; publish_figure stores a figure under a name, and again under the same name as its next version;"
    " share_figure makes a link that works without a login. A link shows the figure to anyone who has it: share only"
    " when the user asks for it."
)


@dataclass(frozen=True)
class Tool:
    """A tool.

    Parameters
    ----------
    scope
        Of the credential; without it, the tool is neither listed nor called.
    schema
        Returns the schema of the arguments that these permissions allow.
    is_read_only
        Whether it changes nothing on the server.
    """

    name: str
    title: str
    description: str
    scope: Scope
    call: Call
    schema: Callable[[Permissions], Schema]
    is_read_only: bool = False


def offered_tools(permissions: Permissions) -> list[Tool]:
    """Return the tools that the scopes allow."""
    return [tool for tool in TOOLS if tool.scope in permissions.scopes]


def find_tool(name: str, permissions: Permissions) -> Tool | None:
    return next((tool for tool in offered_tools(permissions) if tool.name == name), None)


def _render_schema(permissions: Permissions) -> Schema:
    properties = {
        "code": CODE,
        **SIZE,
        "format": {"enum": list(IMAGE_FORMATS), "description": "Format of the image. Default: png."},
        "style": text("A style of matplotlib, such as ggplot or dark_background."),
        "seed": number("Seed of numpy.random and random, for the same image each time.", 0, 2**32 - 1),
        "timeout": {"type": "number", "description": "Time limit in seconds.", "exclusiveMinimum": 0},
    }
    return arguments(properties, "code")


def _publish_schema(permissions: Permissions) -> Schema:
    sources: Schema = {
        "image": text("The image in base64: PNG, JPEG, WebP, GIF, SVG or another format that the server knows.")
    }
    if permissions.folders:
        where = " or ".join(permissions.folders)
        sources["path"] = text(
            f"Path of an image or HTML file below {where}, also relative to it; better than image, which is long."
        )
    if Scope.RENDER in permissions.scopes:
        sources["code"] = CODE
    properties = {
        **sources,
        "name": text("Name of the figure; publishing under the same name again makes its next version.", maxLength=100),
        "title": text("Title of the figure's page."),
        "alt": text("What the figure shows, for people who cannot see it."),
        "caption": text("Text below the figure."),
        "collection": text('Place of the figure among others, such as "nightly". Default: "default".'),
        **(SIZE if "code" in sources else {}),
    }
    return arguments(properties, "name", oneOf=[{"required": [name]} for name in sources])


def _list_schema(permissions: Permissions) -> Schema:
    return arguments(
        {
            "search": text("Only figures whose name, title or notebook contains this text."),
            "name": text("Only figures of exactly this name."),
            "notebook": text("Only figures of the notebook at this path."),
            "collection": text("Only figures of this collection."),
            "limit": number("Figures on a page. Default: 20.", 1, 100),
            "cursor": text("Cursor of the next page, from the previous result."),
        }
    )


def _view_schema(permissions: Permissions) -> Schema:
    return arguments({"figure": FIGURE, "version": number("Default: the newest.", 1, 10**9 - 1), **SIZE}, "figure")


def _data_schema(permissions: Permissions) -> Schema:
    return arguments(
        {
            "figure": FIGURE,
            "version": number("Default: the newest.", 1, 10**9 - 1),
            "rows": number("Rows of each table. Default: 50.", 1, 1_000),
        },
        "figure",
    )


def _share_schema(permissions: Permissions) -> Schema:
    return arguments(
        {
            "figure": FIGURE,
            "expires": text(
                'When the link ends: "12h", "7d", a date such as "2030-12-31", or "never". Default: "30d".'
            ),
            "label": text("A note that only the owner sees."),
            "views": number("How many viewers may open it. Default: any number.", 1, 1_000_000),
            "version": number("Show this version for ever. Default: always the newest.", 1, 10**9 - 1),
            "audience": {
                "enum": ["link", "hub", "people", "me"],
                "description": "Who may open it: anyone who has the link, everyone with an account on the JupyterHub,"
                " the people in users and groups, or only the owner.",
            },
            "users": {**NAMES, "description": "Names of users of the JupyterHub."},
            "groups": {**NAMES, "description": "Names of groups of the JupyterHub."},
            "data": {"type": "boolean", "description": "Whether viewers may read the figure's data. Default: false."},
            "code": {
                "type": "boolean",
                "description": "Whether viewers may read the code that made it. Default: false.",
            },
        },
        "figure",
    )


TOOLS = (
    Tool(
        "render_plot",
        "Draw a plot",
        "Run Python code that draws a figure (matplotlib, seaborn, pandas, …) and look at the image. Nothing is"
        " stored. An error comes back with its traceback.",
        Scope.RENDER,
        calls.render_plot,
        _render_schema,
        is_read_only=True,
    ),
    Tool(
        "publish_figure",
        "Publish a figure",
        "Store a figure under a name and return its URL, which its owner can open. Give exactly one source: code that"
        " draws it, or a finished image.",
        Scope.PUBLISH,
        calls.publish_figure,
        _publish_schema,
    ),
    Tool(
        "list_figures",
        "List figures",
        "List the published figures, newest first, with their ids, names and URLs.",
        Scope.READ,
        calls.list_figures,
        _list_schema,
        is_read_only=True,
    ),
    Tool(
        "view_figure",
        "Look at a figure",
        "Look at the image of a published figure, in any size.",
        Scope.READ,
        calls.view_figure,
        _view_schema,
        is_read_only=True,
    ),
    Tool(
        "read_data",
        "Read a figure's data",
        "Read what the axes of a published figure show, as tables of numbers, categories and dates. Where there is no"
        " data, the error says why.",
        Scope.READ,
        calls.read_data,
        _data_schema,
        is_read_only=True,
    ),
    Tool(
        "share_figure",
        "Share a figure",
        "Make a link that shows a published figure without a login. Anyone who has the link can open it.",
        Scope.PUBLISH,
        calls.share_figure,
        _share_schema,
    ),
)
