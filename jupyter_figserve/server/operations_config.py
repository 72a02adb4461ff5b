"""What operators see of a server: readiness, and where services report. Server process."""

from __future__ import annotations

from typing import Any

from traitlets.config import Configurable

from ..store.store import Store
from .services.monitoring.readiness import Readiness
from .services.rendering.queue import RenderQueue


class OperationsConfig(Configurable):
    """Settings and services for the operators of a server."""

    on_stop: Any
    is_render_only: Any

    def make_readiness(self, store: Store, queue: RenderQueue) -> Readiness:
        checks = [store.check_catalog, store.check_blobs, *([queue.check] if self.is_render_only else [])]
        readiness = Readiness(checks)
        self.on_stop(readiness.close)
        return readiness
