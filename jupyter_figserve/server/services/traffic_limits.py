"""What slow clients may use up, in one value. Server process."""

from __future__ import annotations

from dataclasses import dataclass

from .events.public_streams import PublicStreams
from .send_budget import SendBudget


@dataclass(frozen=True)
class TrafficLimits:
    """Limits of responses that are not read, and of open event streams."""

    send_budget: SendBudget
    public_streams: PublicStreams
