"""Base of upload handlers: their bodies are figures. Server process."""

from __future__ import annotations

from typing import ClassVar

from .private_handler import AuthenticatedHandler


class UploadHandler(AuthenticatedHandler):
    """Takes bodies of the size of a figure with all its parts."""

    body_trait: ClassVar[str | None] = "figure_bytes"

    @property
    def body_limit(self) -> int:
        return self.context.config.figure_bytes
