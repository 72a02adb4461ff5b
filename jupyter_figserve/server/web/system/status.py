"""The public status of this server: version and limits, and the caller's own counts. Server process."""

from __future__ import annotations

import contextlib
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated

from .... import __version__
from ....errors import Unavailable
from ....model.keys import Scope
from ...services.diagnosis import inspect_blobs, inspect_database
from ...services.rendering.queue import PROBE_SECONDS, RenderQueue
from ...services.rendering.request import default_timeout
from ...services.rendering.service import RenderService
from ..context import AppContext, HandlerConfig
from ..http.optional_caller import OptionalCallerHandler


class StatusHandler(OptionalCallerHandler):
    """``/api/status``."""

    @allow_unauthenticated
    async def get(self) -> None:
        config, store, capture = self.context.config, self.context.store, self.context.capture
        queue = self.context.rendering.queue
        await queue.wait_for_status(PROBE_SECONDS)
        caller = await self.find_principal()
        counts: dict[str, Any] = {}
        if caller is not None:
            counts["caller"] = {"owner": caller.owner, "scopes": sorted(caller.scopes)}
        if caller is not None and Scope.READ in caller.scopes:
            # A status without counts says more than an error while the database does not answer.
            with contextlib.suppress(Unavailable):
                counts["counts"] = await _count(self.context, caller.owner)
        if caller is not None and Scope.ADMIN in caller.scopes:
            counts["loop"] = {"lag_ms": self.context.traffic.loop.report()}
            counts["database"] = await inspect_database(store)
            counts["blobs"] = await inspect_blobs(store)
        if config.host_kind == "hub":
            counts |= {"directory": await self.context.directory.find_abilities()}
        self.write_json(
            {
                "version": __version__,
                "host": config.host_kind,
                "instance": self.context.query_signer.sign("instance"),
                "sandbox": _sandbox(queue),
                "redraws": _redraws(self.context.rendering),
                "limits": {"keep_versions": store.limits.keep_versions, **_limits(config)},
                "capture": {"on": capture.off_reason is None, "why": capture.off_reason, "dropped": capture.dropped},
                **counts,
                "writable": store.read_only_because is None,
            }
        )

    head = get


async def _count(context: AppContext, owner: str) -> dict[str, int]:
    """Return the counts of one owner."""
    store = context.store
    used = await store.figures.find_usage(owner)
    buffers = context.capture.buffers() if owner == context.config.owner else []
    return {
        "figures": used.figures,
        "bytes": used.bytes,
        "sessions": await store.sessions.count_alive(owner),
        "captured": sum(len(buffer) for buffer in buffers),
        "captured_bytes": sum(buffer.bytes for buffer in buffers),
    }


def _sandbox(queue: RenderQueue) -> dict[str, Any]:
    renderer = queue.status
    return {
        "tier": renderer.tier,
        "why": list(renderer.reasons),
        "libraries": dict(renderer.libraries),
        "running": queue.running,
        "waiting": queue.waiting,
        "renderer": renderer.name,
        "slots": queue.width if renderer.slots is None else renderer.slots,
        **(
            {"workers": [{"tier": tier, "slots": slots} for tier, slots in renderer.workers]}
            if renderer.workers
            else {}
        ),
    }


def _redraws(rendering: RenderService) -> str:
    """Return what draws published figures in further sizes and formats."""
    if rendering.queue.maybe_available:
        return "sandbox"
    return "kernel" if rendering.kernels.is_enabled else "none"


def _limits(config: HandlerConfig) -> dict[str, Any]:
    return {
        "figure_bytes": config.figure_bytes,
        "figure_pixels": config.figure_pixels,
        "preserve_bytes": config.preserve_bytes,
        "animation_frames": config.animation_frames,
        "link_max_age": config.link_max_seconds,
        "max_audience": config.max_audience,
        "mcp_body_bytes": config.mcp_body_bytes,
        "mcp_image_bytes": config.mcp_image_bytes,
        "render_code_bytes": config.render_code_bytes,
        "render_timeout": default_timeout(config),
        "render_timeout_max": config.render_timeout_max,
        "render_pixels": config.render_pixels,
        "render_result_bytes": config.render_result_bytes,
        "render_output_bytes": config.render_output_bytes,
    }
