"""What the operators of a server see of it, together. Server process."""

from __future__ import annotations

from dataclasses import dataclass, field

from .audit import AuditLog
from .metrics import Metrics
from .readiness import Readiness


@dataclass(frozen=True)
class Monitoring:
    """Where services and handlers report."""

    readiness: Readiness
    audit: AuditLog
    metrics: Metrics = field(default_factory=Metrics)
