"""The metrics, the audit log and the readiness of a server, as one value. Server process."""

from __future__ import annotations

from dataclasses import dataclass, field

from .audit import AuditLog
from .metrics import Metrics
from .readiness import Readiness


@dataclass(frozen=True)
class Monitoring:
    """What services and handlers report to."""

    readiness: Readiness
    audit: AuditLog
    metrics: Metrics = field(default_factory=Metrics)
