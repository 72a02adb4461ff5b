"""The root of a server that only renders: a short status, for programs and for people. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import allow_unauthenticated

from .... import __version__
from ...services.rendering.queue import PROBE_SECONDS
from ..http.public_handler import PublicHandler


class RenderHostHandler(PublicHandler):
    """``GET /`` of a server that only renders; no secrets."""

    is_page = True

    @property
    def relative_root(self) -> str:
        return "figserve"

    @allow_unauthenticated
    async def get(self) -> None:
        queue = self.context.rendering.queue
        renderer = await queue.wait_for_status(PROBE_SECONDS)
        status = {
            "service": "jupyter_figserve",
            "version": __version__,
            "status": "ready" if queue.is_available else "unavailable",
            "sandbox": renderer.tier,
            "render": f"{self.base.url.removesuffix('/figserve')}/render-matplotlib",
            "details": f"{self.base.url}/api/status",
        }
        if self.prefers_page():
            self.write_page("base/render_host.html", status=status, reasons=renderer.reasons)
        else:
            self.write_json({**status, "why": list(renderer.reasons)})

    head = get
