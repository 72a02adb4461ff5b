"""What handlers reach through ``settings["figserve"]``: one object, made once by app.py. Server process."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...store.store import Store
from ..services.auth.credentials import Authenticator, FailedAttempts
from ..services.auth.rate_limits import RateLimiter
from ..services.rendering.request import RenderLimits
from ..services.rendering.sizes import AllowedSizes

if TYPE_CHECKING:
    from jinja2 import Environment

    from ..services.addresses import ServerAddresses
    from ..services.auth.signing import FrameUrlSigner, QuerySigner
    from ..services.dashboards.watchers import DashboardWatchers
    from ..services.events.event_broker import EventBroker
    from ..services.figures.svg_archiver import SvgArchiver
    from ..services.links.resolver import LinkResolver
    from ..services.links.view_counter import ViewCounter
    from ..services.live.detached import DetachedFunctions
    from ..services.live.service import LiveService
    from ..services.rendering.service import RenderService
    from ..services.sessions.capture import Capture
    from ..services.sessions.directories import SessionDirectories
    from ..services.sessions.kernels import KernelTracker
    from ..services.sessions.session_plots import SessionPlots

PACKAGE = Path(__file__).parents[2]


@dataclass(frozen=True)
class HandlerConfig:
    """The traits that handlers ask for; app.py has their meaning.

    Parameters
    ----------
    figure_bytes
        The most bytes of one published body.
    export_bytes
        The most bytes of the pictures in one zip; 0 is without limit.
    body_seconds
        How long one may take to arrive.
    link_max_age
        Seconds that a link may live at most, None for without limit.
    live_bytes
        The most bytes of one live picture.
    detach_bytes
        The most bytes of one detached function.
    link_cache_seconds
        How long caches may keep what a public link shows.
    """

    owner: str
    scope: str
    host: str
    figure_bytes: int
    figure_pixels: int
    export_bytes: int
    body_seconds: float
    link_max_age: float | None
    link_cache_seconds: int
    allow_public_shares: bool
    embed_origins: tuple[str, ...]
    live_bytes: int
    detach_bytes: int
    allow_public_live: bool
    log_success: bool
    is_render_only: bool
    render: RenderLimits
    link_sizes: AllowedSizes


@dataclass(frozen=True)
class AppContext:
    config: HandlerConfig
    store: Store
    addresses: ServerAddresses
    authenticator: Authenticator
    failed_attempts: FailedAttempts
    kernels: KernelTracker
    directories: SessionDirectories
    capture: Capture
    plots: SessionPlots
    events: EventBroker
    dashboards: DashboardWatchers
    live: LiveService
    detached: DetachedFunctions
    live_limiter: RateLimiter
    links: LinkResolver
    view_counter: ViewCounter
    frame_signer: FrameUrlSigner
    templates: Environment
    rendering: RenderService
    svg_archiver: SvgArchiver
    query_signer: QuerySigner
    render_limiter: RateLimiter
    known_hosts: set[str] = field(default_factory=set)
