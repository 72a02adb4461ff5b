"""What slow clients may use up, and how busy the event loop is. Server process."""

from __future__ import annotations

from dataclasses import dataclass, field

from .events.public_streams import PublicStreams
from .loop_monitor import LoopMonitor
from .send_budget import SendBudget


@dataclass(frozen=True)
class TrafficLimits:
    """Limits of responses that are not read and of open event streams, and the lag of the event loop."""

    send_budget: SendBudget
    public_streams: PublicStreams
    loop: LoopMonitor = field(default_factory=LoopMonitor)
