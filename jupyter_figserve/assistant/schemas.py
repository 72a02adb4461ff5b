"""The JSON Schemas of the tools' arguments. Any process."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
IMAGE_FORMATS = ("png", "jpg", "webp")
"""Formats of images that assistants can see."""
_MAX_CODE = 1_000_000


def text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def number(description: str, minimum: int = 1, maximum: int = 20_000) -> Schema:
    return {"type": "integer", "description": description, "minimum": minimum, "maximum": maximum}


def arguments(properties: Schema, *required: str, **more: Any) -> Schema:
    """Return the schema of a tool's arguments."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


CODE = text(
    "Python code that draws one figure, as in a notebook cell. It runs in a sandbox without files, network or the"
    " notebook's variables: put the data into the code. The figure is the value of the last expression, else pyplot's"
    " current one.",
    maxLength=_MAX_CODE,
)
SIZE = {
    "width": number("Width in pixels. Without it, the figure has its own size."),
    "height": number("Height in pixels."),
    "dpi": {
        "type": "number",
        "description": "Resolution in dots per inch; text and lines grow with it.",
        "minimum": 1,
        "maximum": 1_000,
    },
}
FIGURE = text("Id or name of the figure, or the URL of its page.")
NAMES = {"type": "array", "items": {"type": "string"}, "maxItems": 100}
