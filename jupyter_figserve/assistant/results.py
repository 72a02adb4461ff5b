"""What tools return: text and images for the assistant, and JSON for its program. Any process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import CodeFailed, FigServeError, RetryLater
from ..model.figures import EncodedImage

_MAX_TEXT = 20_000
"""Characters of a traceback or of printed output that an assistant reads."""


@dataclass(frozen=True)
class ToolResult:
    """The result of a call.

    Parameters
    ----------
    values
        The result as JSON, for programs; the text repeats it.
    """

    text: str
    image: EncodedImage | None = None
    values: Mapping[str, Any] | None = None
    is_error: bool = False


def json_result(values: Mapping[str, Any]) -> ToolResult:
    return ToolResult(json.dumps(values, ensure_ascii=False), values=values)


def error_result(error: FigServeError) -> ToolResult:
    """Return an error as text that says what is wrong; of the caller's code, with its traceback and its output."""
    parts = [str(error)]
    if isinstance(error, CodeFailed):
        parts = [
            f"The code failed: {error}",
            shorten(error.traceback),
            f"It had printed:\n{shorten(error.output)}" if error.output else "",
        ]
    elif isinstance(error, RetryLater):
        parts.append(f"Try again in {error.retry_after} s.")
    return ToolResult("\n\n".join(part for part in parts if part), is_error=True)


def shorten(text: str) -> str:
    """Return the end of a long text, where the reason of an error stands."""
    return text if len(text) <= _MAX_TEXT else f"…{text[-_MAX_TEXT:]}"
