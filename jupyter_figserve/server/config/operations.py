"""What operators see of a server: readiness, audit events and the format of the log. Server process."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from traitlets import TraitError, Unicode, validate
from traitlets.config import Configurable

from ...store.store import Store
from ..json_log import JSON, LINE_FORMAT, TEXT, use_json, use_json_for_access
from ..services.monitoring.audit import SCHEMA, SCHEMA_ID, AuditLog
from ..services.monitoring.monitoring import Monitoring
from ..services.monitoring.readiness import Readiness
from ..services.rendering.queue import RenderQueue

_PACKAGE = "jupyter_figserve"


class OperationsConfig(Configurable):
    """Settings and services for the operators of a server."""

    log_format = Unicode(
        TEXT,
        help="Format of the log: 'text', or 'json' for one JSON object per line: for each request, and with `jupyter"
        " figserve serve` for every message. Handlers and formatters of ServerApp.logging_config stay. A format of"
        " Python's logging, such as '%(levelname)s %(message)s', applies to this extension's own messages.",
    ).tag(config=True)

    serverapp: Any
    host_kind: Any
    log: Any
    on_stop: Any
    is_render_only: Any

    def get_default_logging_config(self) -> dict[str, Any]:
        """Return the configuration of the console for this extension's own messages."""
        made: dict[str, Any] = super().get_default_logging_config()  # type: ignore[misc]
        if self.log_format == JSON:
            return use_json(made) | {"root": {}}
        if self.log_format == TEXT:
            made["formatters"]["console"]["format"] = LINE_FORMAT
        return made

    def start_log(self) -> None:
        """Write the access log in the chosen format, and what this package says with the time as Jupyter's own lines.

        A standalone server writes all messages as JSON already.
        """
        if self.log_format == JSON and self.host_kind == "extension":
            use_json_for_access(self.serverapp.log, self.serverapp._log_formatter_cls)
        package = logging.getLogger(_PACKAGE)
        if not package.hasHandlers():
            # Else Python would write the bare messages.
            handlers = list(self.serverapp.log.handlers)
            for handler in handlers:
                package.addHandler(handler)
                self.on_stop(partial(package.removeHandler, handler))

    @validate("log_format")
    def _check_log_format(self, proposal: Any) -> str:
        value: str = proposal.value
        if value not in (TEXT, JSON) and "%(" not in value:
            raise TraitError(f"{value!r:.80} is neither 'text' nor 'json'.")
        return value

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
