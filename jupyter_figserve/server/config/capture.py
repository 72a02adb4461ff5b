"""Traits of the capture of displayed images. Server process."""

from __future__ import annotations

from typing import Any

from traitlets import Bool, Dict, Integer
from traitlets.config import Configurable

from ...model.quotas import Quota
from ...store.store import Store
from ..services.capture.capture import SWITCHED_OFF, Capture, CaptureLimits
from ..services.capture.ring_buffer import CapturedImage
from ..services.events.event_broker import PLOT_CAPTURED
from ..services.sessions.directories import SessionDirectories


class CaptureConfig(Configurable):
    """Settings of what is captured, and how much of it."""

    serverapp: Any
    context: Any
    owner: str
    figure_bytes: int
    figure_pixels: int
    is_hub_service: Any

    capture = Bool(
        True,
        help="Whether every image that a kernel displays gets a URL for as long as its session lives; False keeps only"
        " what is published.",
    ).tag(config=True)
    capture_quota = Dict(
        per_key_traits={"plots": Integer(min=0), "bytes": Integer(min=0)},
        default_value={"plots": 200, "bytes": 64 * 2**20},
        help="Maximum number of images captured in one session, and of their bytes; the oldest are dropped first. 0 for"
        " no limit.",
    ).tag(config=True)

    def make_capture(self, directories: SessionDirectories, store: Store) -> Capture:
        quota = Quota(self.capture_quota.get("plots") or None, self.capture_quota.get("bytes") or None)
        limits = CaptureLimits(quota, self.figure_bytes, self.figure_pixels)
        return Capture(
            self.serverapp,
            directories,
            limits,
            store.clock,
            self._announce_captured,
            off_reason=self._capture_off_reason,
        )

    @property
    def _capture_off_reason(self) -> str | None:
        if self.is_hub_service:
            return "Displayed images are captured by each user's own server."
        return None if self.capture else SWITCHED_OFF

    def _announce_captured(self, kernel: str, images: list[CapturedImage]) -> None:
        for image in images:
            self.context.events.announce(self.owner, PLOT_CAPTURED, {"session": kernel, "path": image.path})
