"""Traits of the Model Context Protocol. Server process."""

from __future__ import annotations

from traitlets import Integer
from traitlets.config import Configurable


class AssistantConfig(Configurable):
    """Limits of what AI assistants send and receive."""

    mcp_body_bytes = Integer(
        8 * 2**20,
        min=1024,
        help="Maximum size of a request of the Model Context Protocol (api/mcp), in bytes. A published image is in it"
        " as base64, which takes a third more than the image.",
    ).tag(config=True)
    mcp_image_bytes = Integer(
        2**20,
        min=0,
        help="Maximum size of an image that a tool of the Model Context Protocol returns, in bytes; for a larger one,"
        " the assistant is told to request a smaller size. 0 returns no images.",
    ).tag(config=True)
