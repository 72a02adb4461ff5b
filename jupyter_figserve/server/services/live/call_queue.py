"""Calls into kernels: one at a time in each, a bounded queue before it, equal ones made once. Server process.

Nothing can stop a function that runs in a kernel. So a call that is too late is answered at its deadline, and goes on
occupying its kernel until the kernel answers or goes; others wait behind it, up to a bound.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
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

logger = logging.getLogger("jupyter_figserve")
T = TypeVar("T")
_RETRY_SECONDS = 2
_COALESCE_THRESHOLD = 16
"""So many who wait for one answer are a crowd."""
_CROWD_PAUSE, _CROWD_SECONDS = 1.5, 5.0
"""A connection that found the server's backlog full is tried again by its client after a second."""
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


@dataclass
class _Flight(Generic[T]):
    """One call, and how many wait for it."""

    task: asyncio.Task[T]
    waiting: int = 0
    has_begun: bool = False


@dataclass
class _RecentResult(Generic[T]):
    """An answer that many waited for, while more of them are still coming in.

    Of hundreds who ask at the same moment, many are read from their sockets only after the first was answered. They
    asked before it, and get the same; who comes after a pause has a call of their own.
    """

    answer: T
    ended: float
    last: float

    def is_over(self, now: float) -> bool:
        return now - self.last > _CROWD_PAUSE or now - self.ended > _CROWD_SECONDS


@dataclass
class CallQueue(Generic[T]):
    """The calls of one kernel, or of one detached function.

    Parameters
    ----------
    longest
        How many may be there at once, those that run included.
    at_once
        How many run at once.
    who
        Answers, in words.
    """

    longest: int
    at_once: int = 1
    who: str = "kernel"
    _flights: dict[Hashable, _Flight[T]] = field(default_factory=dict)
    _crowds: dict[Hashable, _RecentResult[T]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._turn = asyncio.Semaphore(self.at_once)

    @property
    def is_busy(self) -> bool:
        return bool(self._flights)

    def has(self, key: Hashable) -> bool:
        """Whether asking for this now would be no further call."""
        return key in self._flights or key in self._crowds

    async def join(self, key: Hashable, make: Callable[[], Awaitable[T]], timeout: float) -> T:
        """The answer to the call ``key``, which ``make`` makes unless it is under way.

        Raises
        ------
        KernelBusy
            When the queue is full.
        TooLate
            After ``timeout`` seconds; what the kernel answers later is not lost to ``make``.
        """
        crowd = self._crowds.get(key)
        if crowd is not None:
            now = asyncio.get_running_loop().time()
            if not crowd.is_over(now):
                crowd.last = now
                return crowd.answer
            del self._crowds[key]
        flight = self._flights.get(key) or self._start_call(key, make)
        flight.waiting += 1
        try:
            return await asyncio.wait_for(asyncio.shield(flight.task), timeout)
        except TimeoutError:
            raise LiveTimeout(
                f"The {self.who} did not draw this within {timeout:g} seconds; try again, or give it longer"
                ' (@figserve.live(timeout="60s")).',
                retry_after=_RETRY_SECONDS,
            ) from None
        finally:
            flight.waiting -= 1
            if key in self._crowds:
                # While these are still being answered, later ones have not been read yet.
                self._crowds[key].last = asyncio.get_running_loop().time()
            if not flight.waiting and not flight.has_begun:
                # Nobody wants it, and the kernel does not know of it yet.
                flight.task.cancel()
                self._flights.pop(key, None)

    def _start_call(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> _Flight[T]:
        if len(self._flights) >= self.longest:
            raise QueueFull(
                f"{len(self._flights)} calls are waiting for this {self.who} already; try again in a moment.",
                retry_after=_RETRY_SECONDS,
            )
        flight = _Flight(asyncio.create_task(self._run_call(key, make)))
        flight.task.add_done_callback(_hear)
        self._flights[key] = flight
        return flight

    def _remember(self, key: Hashable, answer: T) -> None:
        now = asyncio.get_running_loop().time()
        self._crowds = {other: crowd for other, crowd in self._crowds.items() if not crowd.is_over(now)}
        self._crowds[key] = _RecentResult(answer, now, now)

    async def _run_call(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        async with self._turn:
            flight = self._flights[key]
            flight.has_begun = True
            try:
                answer = await make()
                if flight.waiting >= _COALESCE_THRESHOLD:
                    self._remember(key, answer)
                return answer
            finally:
                # From now on, asking again is another call.
                if self._flights.get(key) is flight:
                    del self._flights[key]


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


def _hear(task: asyncio.Task[Any]) -> None:
    """Nobody may be left to take an exception; asyncio would else complain of it."""
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, FigServeError):
        logger.error("A live call failed in the server.", exc_info=error)
