"""The extension: makes the services, adds the routes, and closes everything when the server stops. Server process."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path

from jupyter_core.paths import jupyter_runtime_dir
from tornado.ioloop import IOLoop, PeriodicCallback

from .. import __version__
from ..errors import Conflict, Unavailable
from ..model.environment_variables import API_KEY_VARIABLE
from ..model.keys import Key
from ..model.quotas import PublishLimits, Quota
from ..store.admin.opening import open_store
from ..store.files.blob_cache import BlobCache
from ..store.files.places import Bucket
from ..store.files.render_cache import RenderCache
from ..store.store import Store
from .config.assistants import AssistantConfig
from .config.audience import AudienceConfig
from .config.blobs import BlobConfig
from .config.capture import CaptureConfig
from .config.data import DataConfig
from .config.database import DatabaseConfig
from .config.hub import HubConfig
from .config.live import LiveConfig
from .config.operations import OperationsConfig
from .config.queues import QueueConfig
from .config.renderer import RendererConfig
from .config.replicas import ReplicaConfig
from .config.site import SiteConfig
from .config.traffic import TrafficConfig
from .config.values import seconds_of
from .guarded_start import GuardedStart
from .hub.directory import make_directory
from .hub.environment import find_service, stop_on_interrupt
from .hub.logins import make_logins
from .kernel_events import follow_own_kernels, follow_registered_kernels
from .services.addresses import ServerAddresses, prefix_of
from .services.auth.credentials import Authenticator
from .services.auth.owner_guard import OwnerGuard
from .services.auth.preset_keys import parse_preset_keys
from .services.auth.rate_limits import RateLimiters
from .services.auth.signing import FrameUrlSigner, QuerySigner
from .services.capture.capture import Capture
from .services.dashboards.watchers import DashboardWatchers
from .services.events.event_broker import EventBroker
from .services.figures.source_checker import SourceChecker
from .services.links.allowed_sizes import AllowedSizes
from .services.links.resolver import LinkResolver
from .services.links.tokens import LinkTokens
from .services.links.view_counter import ViewCounter
from .services.live.detached import DetachedFunctions
from .services.plots.session_plots import SessionPlots
from .services.rendering.queue import RenderQueue
from .services.rendering.service import RenderService
from .services.sessions.directories import SessionDirectories
from .services.sessions.kernels import KernelTracker
from .services.sessions.registered_kernels import RegisteredKernels
from .services.sessions.service_client import ServiceClient
from .web.context import AppContext
from .web.http.templates import make_templates
from .web.routes import label_routes, make_routes
from .web.system.metrics import connect_metrics
from .web.web_app import prepare_web_app

_CLEAN_MILLISECONDS = 600_000


class FigServe(
    SiteConfig,
    AssistantConfig,
    AudienceConfig,
    DataConfig,
    DatabaseConfig,
    BlobConfig,
    CaptureConfig,
    RendererConfig,
    QueueConfig,
    TrafficConfig,
    OperationsConfig,
    HubConfig,
    ReplicaConfig,
    LiveConfig,
    GuardedStart,
):
    """The server extension: every figure gets a URL."""

    name = "jupyter_figserve"
    app_name = "FigServe"
    version = __version__

    context: AppContext
    _timer: PeriodicCallback | None = None
    _service: ServiceClient | None = None

    def start_services(self) -> None:
        self.check_replaced()
        self.start_traffic_limits()
        self.start_log()
        self.context = self.settings["figserve"] = context = self._make_services()
        queue = context.rendering.queue
        # The last is closed first.
        self.on_stop(context.live.close, context.view_counter.flush, queue.close, context.source_checker.close)
        self.on_stop(context.events.close, context.dashboards.close)
        self._open_kernels()
        stop_on_interrupt(self.serverapp)
        self._timer = PeriodicCallback(self._clean, _CLEAN_MILLISECONDS)
        self.on_stop(self._timer.stop)
        self._timer.start()
        IOLoop.current().add_callback(queue.probe_later)
        if self.is_render_only:
            # Rendering is all that this server does; elsewhere the first render starts the sandbox.
            IOLoop.current().add_callback(queue.start)

    def initialize_handlers(self) -> None:
        self.handlers.extend(make_routes(prefix_of(self.serverapp), render_only=self.is_render_only))
        connect_metrics(self.context, label_routes())
        prepare_web_app(self.serverapp.web_app, self.context, self.log)

    @property
    def is_render_only(self) -> bool:
        return bool(getattr(self.serverapp, "render_only", False))

    @property
    def logs_success(self) -> bool:
        return self.log_level in (logging.DEBUG, "DEBUG", "10")

    def _make_services(self) -> AppContext:
        assert self.serverapp is not None
        store, addresses = self._open_store(), ServerAddresses(self.serverapp, self.public_url, self.kernel_url)
        directories = SessionDirectories(Path(jupyter_runtime_dir()) / "figserve", self.log)
        capture, kernels = self.make_capture(directories, store), self._make_kernels(store, addresses, directories)
        blob_cache, rates = BlobCache(store.blobs, self.cache_bytes), self.make_rate_limiters()
        rendering, events, secrets = self._make_rendering(store), EventBroker(store), self.read_signing_secrets(store)
        detached = DetachedFunctions(store, rendering.queue, self.live_timeout)
        live, signer = self.make_live(store, kernels, detached, events), QuerySigner(secrets)
        return AppContext(
            config=self,
            store=store,
            blob_cache=blob_cache,
            addresses=addresses,
            authenticator=self._make_authenticator(store, rates),
            kernels=kernels,
            directories=directories,
            capture=capture,
            plots=self._make_plots(store, blob_cache, capture, directories),
            events=events,
            dashboards=DashboardWatchers(store, live, events),
            live=live,
            detached=detached,
            links=LinkResolver(store, self.max_audience, self.database_outage_links),
            link_tokens=LinkTokens(secrets),
            link_sizes=AllowedSizes.parse(self.link_sizes),
            view_counter=ViewCounter(store),
            frame_signer=FrameUrlSigner(secrets),
            templates=make_templates(),
            rendering=rendering,
            figure_data=self.make_figure_data(store, rendering, blob_cache),
            source_checker=SourceChecker(store, rendering, self.preserve_bytes),
            query_signer=signer,
            blob_handover=self.make_handover(store.blobs),
            traffic=self.make_traffic_limits(),
            monitoring=self.make_monitoring(store, rendering.queue),
            replicas=self.make_replicas(store, self.make_redraws(live, rendering), events, signer),
            rates=rates,
            service=self._service,
        )

    def _make_authenticator(self, store: Store, rates: RateLimiters) -> Authenticator:
        guard = OwnerGuard(store, make_directory(), is_trusting=self.trust_hub_names)
        return Authenticator(store, make_logins(self.owner), rates.failed_attempts, guard, self._read_preset_keys())

    def _make_plots(
        self, store: Store, blobs: BlobCache, capture: Capture, directories: SessionDirectories
    ) -> SessionPlots:
        service = self._service
        publishes_elsewhere = service.has if service is not None else lambda kernel: False
        return SessionPlots(self.serverapp, store, blobs, capture, directories, self.figure_bytes, publishes_elsewhere)

    def _read_preset_keys(self) -> tuple[Key, ...]:
        """Return the keys that the environment presets; elsewhere the variable is that of a client."""
        text = os.environ.get(API_KEY_VARIABLE, "") if self.is_render_only else ""
        return parse_preset_keys(text, self.owner, time.time())

    def _open_store(self) -> Store:
        store = open_store(
            Path(self.data_dir),
            catalog_path=self.sqlite_path,
            postgres=self.postgres,
            limits=PublishLimits(
                Quota.from_mapping(self.owner_quota), Quota.from_mapping(self.session_quota), self.keep_versions
            ),
            keep_session_plots=seconds_of(self.keep_session_plots),
            keep_deleted=seconds_of(self.keep_deleted),
            bucket=Bucket.at(self.blob_url, self.blob_timeout),
            may_wait=True,
        )
        self.on_stop(store.close)
        return store

    def _make_rendering(self, store: Store) -> RenderService:
        cache = RenderCache(Path(store.directory) / "drawn", self.render_cache_bytes)
        queue = RenderQueue(
            self.make_renderer(),
            self.render_jobs,
            self.render_queue,
            self.render_timeout_max,
            reserved=self.render_reserved_jobs,
            max_share=self.render_link_queue,
        )
        return RenderService(queue, cache, lambda: store.clock())

    def _open_kernels(self) -> None:
        """Follow the kernels: those of this server, or those that users' servers register with the Hub's service."""
        assert self.serverapp is not None
        context, service, kernels = self.context, self._service, self.context.kernels
        if isinstance(kernels, RegisteredKernels):
            self.on_stop(kernels.close)
            follow_registered_kernels(kernels, context.events, context.live)
            kernels.open()
            return
        assert isinstance(kernels, KernelTracker)
        self.on_stop(context.directories.close, context.capture.close, kernels.close)
        follow_own_kernels(kernels, self.owner, context.events, context.live, context.capture, service)
        context.directories.open()
        context.capture.open()
        kernels.open()
        if service is not None:
            service.open()
            # The menus of JupyterLab and Notebook lead to its gallery.
            self.serverapp.web_app.settings.setdefault("page_config_data", {})["figserveGallery"] = service.path
            self.on_stop(service.close)
            self.on_stop(service.watch_sessions(self.serverapp.session_manager, kernels.follow_all))

    def _make_kernels(
        self, store: Store, addresses: ServerAddresses, directories: SessionDirectories
    ) -> KernelTracker | RegisteredKernels:
        assert self.serverapp is not None
        if self.is_hub_service:
            return RegisteredKernels(store, self.registered_kernels)
        if self.host_kind == "extension":
            self._service = find_service(self.serverapp.base_url, self.scope)
        return KernelTracker(self.serverapp, store, addresses, self.owner, self.scope, directories, self._service)

    async def _clean(self) -> None:
        """Sweep the session directories and collect garbage; log what was removed."""
        await asyncio.to_thread(self.context.directories.sweep)
        if self.context.store.read_only_because is not None:
            return
        try:
            removed = await self.context.store.collect_garbage()
        except (Unavailable, Conflict) as error:
            self.log.warning("figserve cleans up later: %s", error)
            return
        if removed:
            self.log.info("figserve cleaned up: %s.", removed)
