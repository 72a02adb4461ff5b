"""What operators see of a server: readiness and audit events. Server process."""

from __future__ import annotations

from functools import partial
from typing import Any

from traitlets.config import Configurable

from ..store.store import Store
from .services.monitoring.audit import SCHEMA, SCHEMA_ID, AuditLog
from .services.monitoring.monitoring import Monitoring
from .services.monitoring.readiness import Readiness
from .services.rendering.queue import RenderQueue


class OperationsConfig(Configurable):
    """Settings and services for the operators of a server."""

    serverapp: Any
    log: Any
    on_stop: Any
    is_render_only: Any

    def make_monitoring(self, store: Store, queue: RenderQueue) -> Monitoring:
        checks = [store.check_catalog, store.check_blobs, *([queue.check] if self.is_render_only else [])]
        readiness = Readiness(checks)
        self.on_stop(readiness.close)
        return Monitoring(readiness, self._make_audit_log())

    def _make_audit_log(self) -> AuditLog:
        events = self.serverapp.event_logger
        if SCHEMA_ID not in events.schemas:
            events.register_event_schema(SCHEMA)
        emit = partial(events.emit, schema_id=SCHEMA_ID)
        return AuditLog(lambda event: emit(data=event), self.log)
