"""How late the event loop runs what is due: the delay that one request's work causes for all others. Server process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

_INTERVAL_SECONDS = 0.25
_SAMPLES = int(60 / _INTERVAL_SECONDS)


class LoopMonitor:
    """Samples the lag of the event loop, and keeps the last minute."""

    def __init__(self) -> None:
        self._lags: deque[float] = deque(maxlen=_SAMPLES)
        self._timer: asyncio.TimerHandle | None = None
        self.listener: Callable[[float], None] = lambda lag: None
        """Takes each lag in seconds."""

    def start(self) -> None:
        """Begin to sample on the running loop."""
        loop = asyncio.get_running_loop()
        due = loop.time() + _INTERVAL_SECONDS

        def sample() -> None:
            lag = max(0.0, loop.time() - due)
            self._lags.append(lag)
            self.listener(lag)
            self.start()

        self._timer = loop.call_at(due, sample)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def report(self) -> dict[str, float]:
        """Return mean, 99th percentile and maximum of the last minute, in milliseconds."""
        return summarize(self._lags)


def summarize(lags: Sequence[float]) -> dict[str, float]:
    """Return mean, 99th percentile and maximum of delays in seconds, in milliseconds; zeros without any."""
    ordered = sorted(lags) or [0.0]
    percentile = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    values = {"mean": sum(ordered) / len(ordered), "p99": percentile, "max": ordered[-1]}
    return {name: round(1000 * value, 2) for name, value in values.items()}
