"""Calls into kernels: one at a time in each, a bounded queue before it, equal ones made once. Server process.

Nothing can stop a function that runs in a kernel. So a call that is too late is answered at its deadline, and goes on
occupying its kernel until the kernel answers or goes; others wait behind it, up to a bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ....errors import (
    CodeFailed,
    DeadlineExceeded,
    FigServeError,
    InvalidInput,
    NoFigure,
    NotFound,
    OutputInvalid,
    TooLarge,
    Unavailable,
    UnsupportedType,
)
from ....model.figures import EncodedImage
from ....model.formats import get_format_of_mimetype, looks_like
from ....model.live import LiveRequest
from ..bounded_queue import BoundedQueue
from ..single_flight import SingleFlight

T = TypeVar("T")
_RETRY_SECONDS = 2
_LINGER_THRESHOLD = 16
"""Number of waiters from which on a result is kept briefly for late arrivals."""
_KINDS: dict[str, type[FigServeError]] = {
    kind.__name__: kind for kind in (InvalidInput, NoFigure, NotFound, OutputInvalid, UnsupportedType, TooLarge)
}


class KernelUnavailable(Unavailable):
    """The kernel ended, or its line did, before the answer."""

    code = "kernel_gone"

    def __init__(self) -> None:
        super().__init__(
            "The kernel of this live figure is not there (it restarts, or has ended); run its notebook again.",
            retry_after=_RETRY_SECONDS,
        )


class QueueFull(Unavailable):
    code = "kernel_busy"


class LiveTimeout(DeadlineExceeded):
    """The kernel did not answer in time."""


@dataclass(frozen=True)
class LiveResponse:
    """What a kernel answered: a picture, or that the one of ``version`` is as it was.

    Parameters
    ----------
    is_html
        Whether it is at its best as HTML, whatever was asked for.
    density
        With which it was drawn; 1 where that was not to be had.
    """

    payload: EncodedImage | None
    version: str | None = None
    title: str = ""
    alt: str = ""
    revision: str = ""
    is_html: bool = False
    density: int = 1


class LiveBackend(Protocol):
    """The way to one kernel's live figures."""

    async def call(self, name: str, request: LiveRequest, known: tuple[str, ...]) -> LiveResponse:
        """Have the kernel draw; as long as it takes.

        Parameters
        ----------
        known
            Versions of the data whose pictures are at hand, for which nothing need be drawn.

        Raises
        ------
        CodeFailed
            The function raised.
        KernelGone
            There is no kernel to answer any more.
        """

    def close(self) -> None:
        """Whoever waits hears that the kernel is gone."""


class CallQueue(Generic[T]):
    """The calls of one kernel or detached function: equal ones share one call, the others take turns.

    Nothing can stop a function that runs in a kernel. A call that takes too long is given up at its deadline, but keeps
    its turn until the kernel answers or ends; the others wait behind it.

    Parameters
    ----------
    max_calls
        Different calls running or waiting at once.
    max_running
        Calls running at once.
    callee
        What is called, for messages.
    """

    def __init__(self, max_calls: int, max_running: int = 1, callee: str = "kernel") -> None:
        max_running = min(max_running, max_calls)
        self._callee = callee
        self._calls: SingleFlight[T] = SingleFlight(_LINGER_THRESHOLD)
        self._turns = BoundedQueue(max_running, max_calls - max_running, self._make_refusal)

    @property
    def is_busy(self) -> bool:
        return self._calls.is_busy

    def would_coalesce(self, key: Hashable) -> bool:
        """Whether ``run`` would make no further call for this key now."""
        return self._calls.would_coalesce(key)

    async def run(self, key: Hashable, call: Callable[[], Awaitable[T]], timeout: float) -> T:
        """Return what ``call`` returns, or join an equal call under way.

        Raises
        ------
        QueueFull
            At once.
        LiveTimeout
            After ``timeout`` seconds; the call itself goes on.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._calls.run(key, lambda: self._take_turn(key, call))
        except TimeoutError:
            raise LiveTimeout(
                f"The {self._callee} did not draw this within {timeout:g} seconds; try again, or give it longer"
                ' (@figserve.live(timeout="60s")).',
                retry_after=_RETRY_SECONDS,
            ) from None

    async def _take_turn(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        async with self._turns.turn():
            self._calls.commit(key)
            return await call()

    def _make_refusal(self) -> QueueFull:
        calls = self._turns.running + self._turns.waiting
        return QueueFull(
            f"{calls} calls are waiting for this {self._callee} already; try again in a moment.",
            retry_after=_RETRY_SECONDS,
        )


def read_answer(head: dict[str, Any], body: bytes, request: LiveRequest) -> LiveResponse:
    """What a kernel's answer to a request says, which may be anything.

    Raises
    ------
    FigServeError
        The failure that it tells of.
    OutputInvalid
        When it is not what it says.
    """
    if isinstance(error := head.get("error"), dict):
        raise _failure(error)
    version = head.get("version")
    version = version if isinstance(version, str) else None
    if head.get("is_unchanged"):
        return LiveResponse(None, version)
    row = get_format_of_mimetype(str(head.get("mimetype")))
    if row.name != request.format or not looks_like(row, body):
        raise OutputInvalid(f"The kernel's answer is no {request.format}.")
    sizes = {name: _number(head.get(name)) for name in ("width", "height", "dpi")}
    width, height = (None if sizes[name] is None else int(sizes[name] or 0) for name in ("width", "height"))
    payload = EncodedImage(row.mimetype, body, width, height, sizes["dpi"])
    title, alt, revision = (str(head.get(name) or "")[:2_000] for name in ("title", "alt", "revision"))
    density = request.density if head.get("density") == request.density else 1
    return LiveResponse(payload, version, title, alt, revision, head.get("is_html") is True, density)


def _failure(error: dict[str, Any]) -> FigServeError:
    message = str(error.get("message") or "The live figure failed.")
    if error.get("type") == "CodeFailed":
        line = error.get("line")
        return CodeFailed(
            message,
            kind=str(error.get("kind") or "Exception"),
            line=line if isinstance(line, int) else None,
            traceback=str(error.get("traceback") or ""),
            output=str(error.get("output") or ""),
        )
    kind = _KINDS.get(str(error.get("type")), OutputInvalid)
    code = error.get("code")
    return kind(message, code=code if isinstance(code, str) else None)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and 0 < value < 1e6 else None
