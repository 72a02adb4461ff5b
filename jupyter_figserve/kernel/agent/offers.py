"""What this kernel offers to its server; the modules of live and of published figures fill it in. Kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...errors import CodeFailed, FigServeError, TooLarge
from ...model.progress import ProgressListener

Reply = Callable[[dict[str, Any], bytes], None]
"""Takes the head and body of a response; called in the worker thread."""
Answerer = Callable[[dict[str, Any], bytes, Reply, ProgressListener], None]
"""Takes the head and body of a request, and what receives the response and progress; returns at once."""
_MAX_MESSAGE_LENGTH = 2_000


class DeclaredFunction(Protocol):
    """A live function."""

    @property
    def name(self) -> str: ...

    def as_json(self) -> dict[str, Any]: ...


@dataclass
class Offers:
    """What the agent announces and passes on.

    Parameters
    ----------
    answerers
        By the operation of the request.
    find_functions
        Returns the live functions.
    find_sources
        Returns the announcement of the sources that this kernel can draw again; None for none.
    """

    answerers: dict[str, Answerer] = field(default_factory=dict)
    find_functions: Callable[[], Iterable[DeclaredFunction]] = tuple
    find_sources: Callable[[], dict[str, Any] | None] = lambda: None


offers = Offers()


def check_size(data: bytes, limit: Any, advice: str) -> None:
    """Raise ``TooLarge`` beyond the server's limit, which would otherwise close the connection."""
    if isinstance(limit, int) and len(data) > limit:
        raise TooLarge(
            f"The result has {len(data):,} bytes, and the server accepts {limit:,} {advice}", code="result_too_large"
        )


def error_json(error: BaseException) -> dict[str, Any]:
    """Return an error as the server reads it."""
    if not isinstance(error, FigServeError):
        # Not raised by the function: an encoder's error, or a bug in this package.
        return {"type": "OutputInvalid", "message": f"{type(error).__name__}: {error}"[:_MAX_MESSAGE_LENGTH]}
    value: dict[str, Any] = {"type": type(error).__name__, "code": error.code, "message": error.message}
    if isinstance(error, CodeFailed):
        value |= {"kind": error.kind, "line": error.line, "traceback": error.traceback, "output": error.output}
    return value
