"""Health of this process, for load balancers and container platforms. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import allow_unauthenticated

from ....errors import Unavailable
from ..http.public_handler import PublicHandler


class HealthHandler(PublicHandler):
    """``/api/health/live`` (the event loop runs) and ``/api/health/ready`` (requests can be answered); no details."""

    logs_success = False

    def admit(self) -> None:
        """Admit everybody: a probe names this machine by an address of its own, and learns nothing."""
        self.current_user = self._jupyter_current_user = None

    @allow_unauthenticated
    async def get(self, kind: str) -> None:
        if kind == "ready" and not await self.context.monitoring.readiness.is_ready():
            raise Unavailable("This server is not ready.", code="not_ready", retry_after=1)
        self.set_header("Cache-Control", "private, no-store")
        self.write_json({"status": "ok"})

    head = get
