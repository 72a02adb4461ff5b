"""What anybody may know of this server: its version, limits and counts. Server process."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated

from .... import __version__
from ...services.rendering.queue import RenderQueue
from ..context import HandlerConfig
from ..http.handler import PublicHandler

_PATIENCE = 4.0
"""Seconds that a status may wait for the probe of a server that has just started; nothing is started for it."""


class StatusHandler(PublicHandler):
    """``/api/status``."""

    @allow_unauthenticated
    async def get(self) -> None:
        config, store, capture = self.context.config, self.context.store, self.context.capture
        buffers = capture.buffers()
        jobs = self.context.rendering.queue
        await jobs.report_within(_PATIENCE)
        used = await store.figures.find_total_usage()
        self.write_json(
            {
                "version": __version__,
                "host": config.host,
                "sandbox": _sandbox(jobs),
                "limits": {"keep_versions": store.limits.keep_versions, **_limits(config)},
                "capture": {"on": capture.off_reason is None, "why": capture.off_reason, "dropped": capture.dropped},
                "counts": {
                    "figures": used.figures,
                    "bytes": used.bytes,
                    "sessions": await store.sessions.count_alive(),
                    "captured": sum(len(buffer) for buffer in buffers),
                    "captured_bytes": sum(buffer.bytes for buffer in buffers),
                },
                "writable": store.read_only_because is None,
            }
        )

    head = get


def _sandbox(jobs: RenderQueue) -> dict[str, Any]:
    report = jobs.report
    return {
        "tier": report.tier,
        "why": list(report.reasons),
        "libraries": dict(report.libraries),
        "running": jobs.running,
        "waiting": jobs.waiting,
    }


def _limits(config: HandlerConfig) -> dict[str, Any]:
    render = config.render
    return {
        "figure_bytes": config.figure_bytes,
        "figure_pixels": config.figure_pixels,
        "link_max_age": config.link_max_age,
        "public_shares": config.allow_public_shares,
        "render_code_bytes": render.code_bytes,
        "render_timeout": render.timeout,
        "render_timeout_max": render.longest_timeout,
        "render_pixels": render.pixels,
        "render_result_bytes": render.result_bytes,
        "render_output_bytes": render.output_bytes,
    }
