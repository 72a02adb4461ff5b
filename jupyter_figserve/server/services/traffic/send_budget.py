"""Memory of responses that their clients have not read yet: limited in total, shared fairly. Server process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ....errors import Unavailable

_STALLED_SECONDS = 1.0
"""Time without progress after which a response may be dropped for another one of the same client."""
_RETRY_SECONDS = 5


@dataclass(frozen=True)
class Reader:
    """Who reads: an owner or key, or the address of a visitor."""

    name: str
    is_visitor: bool = True


@dataclass(eq=False)
class Hold:
    """The memory of one response, until it is released."""

    reader: Reader
    body: object
    size: int
    drop: Callable[[], None]
    progressed: float


class SendBudget:
    """Limits the bytes that slow readers keep in memory; a body that several of them read counts once.

    When a further response does not fit, the client with the most bytes loses the one that it has not read from for
    the longest time. Visitors never displace responses to an owner.

    Parameters
    ----------
    limit
        Maximum total size in bytes; a single larger body is sent alone.
    clock
        Seconds, from any start.
    """

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._holds: dict[Reader, list[Hold]] = {}
        self._counts: dict[int, int] = {}
        self.held_bytes = 0

    def hold(self, reader: Reader, body: object, size: int, drop: Callable[[], None]) -> Hold:
        """Count a response until ``release``; ``drop`` is called when its memory is needed for others.

        Raises
        ------
        Unavailable
            When it does not fit, and no other client has more than this one.
        """
        hold = Hold(reader, body, size, drop, self._clock())
        while self._holds and self.held_bytes + self._added(hold) > self._limit:
            victim = self._find_victim(hold)
            if victim is None:
                raise Unavailable(
                    "Too many responses are being read slowly. Finish reading them, or try again in a moment.",
                    code="too_many_readers",
                    retry_after=_RETRY_SECONDS,
                )
            self.release(victim)
            victim.drop()
        self.held_bytes += self._added(hold)
        self._counts[id(body)] = self._counts.get(id(body), 0) + 1
        self._holds.setdefault(reader, []).append(hold)
        return hold

    def progress(self, hold: Hold) -> None:
        """Record that the client has read a part."""
        hold.progressed = self._clock()

    def release(self, hold: Hold) -> None:
        """Count a response no longer; a second call does nothing."""
        holds = self._holds.get(hold.reader, [])
        if hold not in holds:
            return
        holds.remove(hold)
        if not holds:
            del self._holds[hold.reader]
        left = self._counts[id(hold.body)] - 1
        if left:
            self._counts[id(hold.body)] = left
        else:
            del self._counts[id(hold.body)]
            self.held_bytes -= hold.size

    def _added(self, hold: Hold) -> int:
        return 0 if id(hold.body) in self._counts else hold.size

    def _find_victim(self, hold: Hold) -> Hold | None:
        """Return the response to drop, None when the new one has to wait."""
        visitors = [reader for reader in self._holds if reader.is_visitor]
        candidates = visitors if visitors or hold.reader.is_visitor else list(self._holds)
        if not candidates:
            return None
        heaviest = max(candidates, key=self._bytes_of)
        oldest = min(self._holds[heaviest], key=lambda held: held.progressed)
        if heaviest == hold.reader:
            return oldest if self._clock() - oldest.progressed >= _STALLED_SECONDS else None
        is_privileged = heaviest.is_visitor and not hold.reader.is_visitor
        is_heavier = self._bytes_of(heaviest) > self._bytes_of(hold.reader) + hold.size
        return oldest if is_privileged or is_heavier else None

    def _bytes_of(self, reader: Reader) -> int:
        return sum(hold.size for hold in self._holds.get(reader, ()))
