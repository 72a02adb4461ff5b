"""What slow and many clients may use up, and how busy the event loop is. Server process."""

from __future__ import annotations

from dataclasses import dataclass, field

from .loop_monitor import LoopMonitor
from .public_streams import PublicStreams
from .send_budget import SendBudget
from .visitor_turns import VisitorTurns


@dataclass(frozen=True)
class TrafficLimits:
    """Limits of responses that are not read and of open event streams, the turns of visitors, and the lag of
    the event loop."""

    send_budget: SendBudget
    public_streams: PublicStreams
    visitor_turns: VisitorTurns
    loop: LoopMonitor = field(default_factory=LoopMonitor)
