"""The application context: the services that handlers reach. Server process.

``app.py`` makes it once and puts it into tornado's settings as ``figserve``. Only handlers know it: a service takes the
two or three things that it uses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from jinja2 import Environment

from ...store.files.blob_cache import BlobCache
from ...store.store import Store
from ..services.addresses import ServerAddresses
from ..services.auth.credentials import Authenticator
from ..services.auth.directory import Directory
from ..services.auth.owner_guard import OwnerGuard
from ..services.auth.rate_limits import RateLimiters
from ..services.auth.signing import FrameUrlSigner, QuerySigner
from ..services.capture.capture import Capture
from ..services.dashboards.watchers import DashboardWatchers
from ..services.events.event_broker import EventBroker
from ..services.figures.blob_handover import BlobHandover
from ..services.figures.data.service import FigureDataService
from ..services.figures.source_checker import SourceChecker
from ..services.links.allowed_sizes import AllowedSizes
from ..services.links.audience import AudiencePolicy
from ..services.links.ready_images import ReadyImages
from ..services.links.resolver import LinkResolver
from ..services.links.team import TeamSharing
from ..services.links.tokens import LinkTokens
from ..services.links.view_counter import ViewCounter
from ..services.live.detached import DetachedFunctions
from ..services.live.replicas import Replicas
from ..services.live.service import LiveService
from ..services.monitoring.monitoring import Monitoring
from ..services.plots.session_plots import SessionPlots
from ..services.rendering.request import RenderLimits
from ..services.rendering.service import RenderService
from ..services.sessions.directories import SessionDirectories
from ..services.sessions.kernel_registry import KernelRegistry
from ..services.sessions.registered_kernels import RegisteredKernels
from ..services.sessions.service_client import ServiceClient
from ..services.traffic.limits import TrafficLimits


class HandlerConfig(RenderLimits, Protocol):
    """The settings that handlers read: the extension itself, whose traits document them."""

    owner: str
    access_log: bool
    figure_bytes: int
    figure_pixels: int
    preserve_bytes: int
    animation_frames: int
    export_bytes: int
    body_timeout: float
    send_timeout: float
    cell_code_bytes: int
    link_cache_seconds: int
    embed_origins: list[str]
    max_audience: str
    live_bytes: int
    detach_bytes: int
    mcp_body_bytes: int
    mcp_image_bytes: int
    render_result_bytes: int
    render_output_bytes: int
    render_url_length: int
    render_url_cache_seconds: int

    @property
    def scope(self) -> str:
        """The server's root directory, or its name under a JupyterHub: distinguishes notebooks of the same path."""

    @property
    def host_kind(self) -> str:
        """``extension``, ``standalone`` or ``hub``."""

    @property
    def is_render_only(self) -> bool:
        """Whether this server only renders posted code, and keeps no figure."""

    @property
    def logs_success(self) -> bool:
        """Whether Jupyter's own lines for successful requests are shown."""

    def make_team_sharing(self, blobs: BlobCache) -> TeamSharing:
        """Return what shares by a team's server."""

    @property
    def min_refresh_seconds(self) -> float:
        """Minimum time between two automatic requests of an open page for a live figure."""

    @property
    def link_max_seconds(self) -> float | None:
        """Maximum lifetime of a link, None for no limit."""


@dataclass(frozen=True)
class AppContext:
    config: HandlerConfig
    store: Store
    blob_cache: BlobCache
    addresses: ServerAddresses
    authenticator: Authenticator
    kernels: KernelRegistry
    directories: SessionDirectories
    capture: Capture
    plots: SessionPlots
    events: EventBroker
    dashboards: DashboardWatchers
    live: LiveService
    detached: DetachedFunctions
    links: LinkResolver
    link_tokens: LinkTokens
    link_sizes: AllowedSizes
    view_counter: ViewCounter
    frame_signer: FrameUrlSigner
    templates: Environment
    rendering: RenderService
    figure_data: FigureDataService
    source_checker: SourceChecker
    query_signer: QuerySigner
    rates: RateLimiters
    blob_handover: BlobHandover | None
    traffic: TrafficLimits
    monitoring: Monitoring
    replicas: Replicas | None
    service: ServiceClient | None
    """The JupyterHub's service, where this is the server of one of its users."""
    known_hosts: set[str] = field(default_factory=set)
    ready_images: ReadyImages = field(default_factory=ReadyImages)

    @property
    def team(self) -> TeamSharing:
        """What shares by the server of the owner's team."""
        return self.config.make_team_sharing(self.blob_cache)

    @property
    def audiences(self) -> AudiencePolicy:
        """The audiences that links of this server may have."""
        return AudiencePolicy(self.config.max_audience, self.authenticator.logins.knows_people)

    @property
    def figure_audiences(self) -> AudiencePolicy:
        """The audiences that links to figures may have: those of the JupyterHub's service, which makes them there."""
        widest = None if self.service is None else self.service.max_audience
        return self.audiences if widest is None else AudiencePolicy(widest, knows_people=True)

    @property
    def owner_guard(self) -> OwnerGuard:
        """Whether owners' names still mean the same people."""
        return self.authenticator.guard

    @property
    def directory(self) -> Directory:
        """The users and groups of a JupyterHub."""
        return self.authenticator.guard.directory

    @property
    def registered_kernels(self) -> RegisteredKernels | None:
        """The kernels of a JupyterHub's service; None elsewhere."""
        return self.kernels if isinstance(self.kernels, RegisteredKernels) else None
