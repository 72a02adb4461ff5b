"""Traits of what is asked of running kernels besides live figures, and the services that ask them. Server process."""

from __future__ import annotations

from typing import Any

from traitlets import Bool
from traitlets.config import Configurable

from ..sandbox.host.job_limits import JobLimits
from ..sandbox.host.pool import SOURCE_BYTES
from ..store.store import Store
from .config import seconds_of
from .services.events.event_broker import EventBroker
from .services.live.control_channels import ControlChannels
from .services.live.detached import DetachedFunctions
from .services.live.image_cache import StaleImageCache
from .services.live.kernel_redraws import KernelRedraws, RedrawLimits
from .services.live.limits import LiveLimits
from .services.live.registry import LiveRegistry
from .services.live.service import LiveService
from .services.live.watchers import LiveWatchers
from .services.rendering.service import RenderService
from .services.sessions.kernel_registry import KernelRegistry
from .services.sessions.kernels import KernelTracker


class LiveConfig(Configurable):
    """Settings of the work of running kernels."""

    kernel_redraws = Bool(
        True,
        help="Whether running kernels draw the figures that they have published in further sizes and formats, and read"
        " their data, where this server has no sandbox for it. With False, the stored images are all that it serves.",
    ).tag(config=True)

    serverapp: Any
    owner: str
    cache_bytes: int
    keep_live_pictures: str
    live_bytes: int
    live_keeps_kernel: bool
    live_link_queue: int
    live_queue: int
    live_timeout: float
    render_jobs: int
    render_pixels: int
    render_result_bytes: int
    render_timeout_max: float
    renderer: Any

    def make_live(
        self, store: Store, kernels: KernelRegistry, detached: DetachedFunctions, events: EventBroker
    ) -> LiveService:
        """Return what answers live figures."""
        control_channels = ControlChannels(self.serverapp, self.live_bytes)
        control_channels.open()
        return LiveService(
            LiveRegistry(store, kernels, detached.find_target, events.announce),
            StaleImageCache(store, self.cache_bytes),
            LiveWatchers(events),
            LiveLimits(
                self.live_queue,
                self.live_timeout,
                seconds_of(self.keep_live_pictures),
                # Workers have more slots than this machine; the render queue bounds them.
                self.render_jobs if self.renderer == "local" else self.live_queue,
                self.live_link_queue,
            ),
            self.owner,
            lambda: store.clock(),
            control_channels=control_channels,
            on_call=kernels.record_activity if isinstance(kernels, KernelTracker) and self.live_keeps_kernel else None,
        )

    def make_redraws(self, live: LiveService, rendering: RenderService) -> KernelRedraws:
        """Return what has kernels draw figures again, for ``rendering`` where there is no sandbox."""
        jobs = JobLimits(self.render_pixels, SOURCE_BYTES, self.render_timeout_max)
        limits = RedrawLimits(jobs, self.render_result_bytes)
        redraws = KernelRedraws(live, limits, rendering.queue.meter, is_enabled=self.kernel_redraws)
        rendering.kernels = redraws
        return redraws
