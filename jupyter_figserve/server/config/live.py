"""Traits of live figures and of what else is asked of running kernels, and the services that ask. Server process."""

from __future__ import annotations

from typing import Any

from traitlets import Bool, Integer, Unicode, validate
from traitlets import Float as FloatTrait
from traitlets.config import Configurable

from ...sandbox.host.job_limits import JobLimits
from ...sandbox.host.pool import SOURCE_BYTES
from ...store.store import Store
from ..services.events.event_broker import EventBroker
from ..services.live.backends.control_channels import ControlChannels
from ..services.live.detached import DetachedFunctions
from ..services.live.image_cache import StaleImageCache
from ..services.live.kernel_redraws import KernelRedraws, RedrawLimits
from ..services.live.limits import LiveLimits
from ..services.live.registry import LiveRegistry
from ..services.live.service import LiveService
from ..services.live.watchers import LiveWatchers
from ..services.rendering.service import RenderService
from ..services.sessions.kernel_registry import KernelRegistry
from ..services.sessions.kernels import KernelTracker
from .values import check_duration, check_rate, seconds_of


class LiveConfig(Configurable):
    """Settings of live figures, and of the work of running kernels."""

    live_timeout = FloatTrait(
        60.0,
        min=0.1,
        help="Maximum time to wait for a live figure, in seconds; bounds the timeout of the live figure itself.",
    ).tag(config=True)
    live_queue = Integer(
        16, min=1, help="Maximum number of running and waiting calls of one kernel; further ones are answered with 503."
    ).tag(config=True)
    live_keeps_kernel = Bool(
        False,
        help="Whether a call of a live figure, also through a link, counts as activity of its kernel and of the server"
        " for Jupyter's culling (MappingKernelManager.cull_idle_timeout, in seconds), so that a viewed figure keeps its"
        " kernel. Default: False.",
    ).tag(config=True)
    live_bytes = Integer(32 * 2**20, min=1, help="Maximum size of one image of a live figure, in bytes.").tag(
        config=True
    )
    detach_bytes = Integer(
        16 * 2**20,
        min=1,
        help="Maximum size of one detached live function, with the data that it closes over, in bytes.",
    ).tag(config=True)
    keep_live_pictures = Unicode(
        "7d",
        help="How long the last good image of a live figure is shown, marked as stale, while its kernel is busy or"
        " gone, as a duration ('12h', '7d'); 'never' keeps it forever.",
    ).tag(config=True)
    min_live_refresh = Unicode(
        "1s",
        help="Minimum time between two automatic requests of an open page for a live figure with refresh=, as a"
        " duration ('1s', '30s'); a shorter refresh= is raised to it.",
    ).tag(config=True)
    live_link_rate = Unicode(
        "120/minute",
        help="How often one link to a live figure may call its kernel, as 'NUMBER/PERIOD'; equal calls at the same time"
        " count once. '' for no limit.",
    ).tag(config=True)
    kernel_redraws = Bool(
        True,
        help="Whether running kernels draw the figures that they have published in further sizes and formats, and read"
        " their data, where this server has no sandbox for it. With False, the stored images are all that it serves.",
    ).tag(config=True)

    serverapp: Any
    owner: str
    cache_bytes: int
    live_link_queue: int
    render_jobs: int
    render_pixels: int
    render_result_bytes: int
    render_timeout_max: float
    renderer: Any

    @property
    def min_refresh_seconds(self) -> float:
        return seconds_of(self.min_live_refresh) or 0.0

    @validate("keep_live_pictures", "min_live_refresh")
    def _check_live_duration(self, proposal: Any) -> str:
        return check_duration(proposal.value)

    @validate("live_link_rate")
    def _check_live_rate(self, proposal: Any) -> str:
        return check_rate(proposal.value)

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
