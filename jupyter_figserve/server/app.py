"""The extension: its traits, its routes, its life. Server process."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import limits as rates
from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir
from jupyter_server.extension.application import ExtensionApp
from tornado.ioloop import IOLoop, PeriodicCallback
from traitlets import Bool, Dict, Integer, List, TraitError, Unicode, default, validate
from traitlets import Float as FloatTrait

from .. import __version__
from ..errors import FigServeError, InvalidDuration
from ..livefigure import LiveRecord
from ..store.opening import open_store
from ..store.publishing import Limits
from ..store.store import Store
from ..store.usage import Quota
from ..times import parse_duration
from .access import Gate, Guesses
from .capture import Capture, CaptureLimits
from .control import Controls
from .delivery import BlobCache
from .events import PLOT_CAPTURED, SESSION_ENDED, SESSION_STARTED, EventHub
from .frames import FrameSigner, read_secrets
from .kernels import Kernels
from .last_pictures import LastPictures
from .live_figures import LiveFigures, LiveLimits
from .offers import Offers
from .plots import SessionPlots
from .preserving import Preserving
from .rates import Rate
from .rendering import RenderTraits
from .renderurls import UrlSigner
from .ring import Captured
from .routes import make_routes
from .runtime import SessionDirectories
from .services import Services, Settings
from .shared import SharedFigures
from .sizes import LinkSizes
from .templating import make_templates
from .urls import Urls
from .views import Views

_CLEAN_MILLISECONDS = 600_000
_GIB = 2**30
_ORIGIN = re.compile(r"\*|https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?")


class FigServe(RenderTraits, ExtensionApp):
    """Gives every figure a URL."""

    name = "jupyter_figserve"
    app_name = "FigServe"
    version = __version__

    data_dir = Unicode(
        help="Directory of figures, links and keys; several servers may share one. Default: figserve/ in Jupyter's data"
        " directory (jupyter --data-dir)."
    ).tag(config=True)
    database_url = Unicode(
        "",
        help="The catalog's database as sqlite:////absolute/path.db, for a catalog on another disk than the figures"
        " (a local one, when data_dir is on a network). Default: catalog.db in data_dir.",
    ).tag(config=True)
    owner = Unicode(help="Whose the figures of this server are. Default: the Hub's user, else 'local'.").tag(
        config=True
    )
    public_url = Unicode(
        "",
        help="This server's address for the world, such as 'https://plots.example.org/jupyter'; links are written with"
        " it. Default: the address by which a request came.",
    ).tag(config=True)
    kernel_url = Unicode(
        "", help="This server's address for kernels on other machines. Default: loopback, or the address listened on."
    ).tag(config=True)
    figure_bytes = Integer(32 * 2**20, min=1, help="The most bytes of one published figure with all its parts.").tag(
        config=True
    )
    figure_pixels = Integer(100_000_000, min=1, help="The most pixels of one published raster picture.").tag(
        config=True
    )
    export_bytes = Integer(
        4 * _GIB, min=0, help="The most bytes of the pictures in one exported zip; 0 is without limit."
    ).tag(config=True)
    body_timeout = FloatTrait(60.0, min=0.1, help="Seconds in which a published figure must have arrived.").tag(
        config=True
    )
    keep_versions = Integer(
        20, min=0, help="The most versions of one figure, not counting those that a link shows; 0 keeps all."
    ).tag(config=True)
    owner_quota = Dict(
        per_key_traits={"figures": Integer(min=0), "bytes": Integer(min=0)},
        default_value={"figures": 100_000, "bytes": 20 * _GIB},
        help="The most figures, and bytes with all versions, of one owner; 0 is without limit.",
    ).tag(config=True)
    session_quota = Dict(
        per_key_traits={"figures": Integer(min=0), "bytes": Integer(min=0)},
        default_value={"figures": 2_000, "bytes": 2 * _GIB},
        help="The most figures, and bytes with all versions, of one kernel's life; 0 is without limit.",
    ).tag(config=True)
    capture = Bool(
        True,
        help="Whether every picture that a kernel displays gets a URL for as long as its session lives; False keeps"
        " only what is published.",
    ).tag(config=True)
    capture_quota = Dict(
        per_key_traits={"plots": Integer(min=0), "bytes": Integer(min=0)},
        default_value={"plots": 200, "bytes": 64 * 2**20},
        help="The most pictures, and bytes, that are captured of one session; older ones make room. 0 is without"
        " limit.",
    ).tag(config=True)
    keep_session_plots = Unicode(
        "7d",
        help="How long unshared plots outlive their session, as a duration ('12h', '7d'); 'never' deletes none."
        " Figures with a link stay.",
    ).tag(config=True)
    keep_deleted = Unicode(
        "1h",
        help="How long a deletion can be undone, as a duration ('1h', '7d'); the figure takes room on the disk until"
        " then. '' deletes at once.",
    ).tag(config=True)
    link_max_age = Unicode("", help="The longest life of a link, as a duration ('90d'); '' is without limit.").tag(
        config=True
    )
    link_cache_seconds = Integer(
        60,
        min=0,
        help="Seconds that browsers and proxies may keep what a public link shows, which is how long a revoked link may"
        " go on showing in them; 0 makes them ask each time.",
    ).tag(config=True)
    embed_origins = List(
        Unicode(),
        help="Origins whose pages may frame a link's /embed, such as ['https://wiki.example.org']; none by default.",
    ).tag(config=True)
    allow_public_shares = Bool(
        help="Whether links that open without login can be made. Default: yes, but no under a JupyterHub."
    ).tag(config=True)
    live_timeout = FloatTrait(
        60.0, min=0.1, help="Seconds that anybody waits for a live figure at most, whatever its own timeout says."
    ).tag(config=True)
    live_queue = Integer(
        16, min=1, help="The most calls that may be there for one kernel at once; more are answered 503."
    ).tag(config=True)
    live_bytes = Integer(32 * 2**20, min=1, help="The most bytes of one live picture.").tag(config=True)
    keep_live_pictures = Unicode(
        "7d",
        help="How long a live figure's last good picture is shown, marked as stale, when its kernel is busy or gone, as"
        " a duration ('12h', '7d'); 'never' for ever.",
    ).tag(config=True)
    live_link_rate = Unicode(
        "120/minute",
        help="How often one link onto a live figure may call its kernel, as 'NUMBER/PERIOD'; viewers who ask the same"
        " at the same time are one call. '' is without limit.",
    ).tag(config=True)
    allow_public_live = Bool(
        help="Whether links onto live figures work: their viewers call functions in a kernel. Default: as"
        " allow_public_shares."
    ).tag(config=True)
    failed_secret_rate = Unicode(
        "300/minute", help="How many wrong keys and links one address may try, as 'NUMBER/PERIOD'; '' is without limit."
    ).tag(config=True)
    cache_bytes = Integer(
        64 * 2**20, min=0, help="Bytes of memory for pictures that were read lately; 0 reads each from the disk."
    ).tag(config=True)

    services: Services
    _timer: PeriodicCallback | None = None
    _wrong_setting: TraitError | None = None

    @default("data_dir")
    def _default_data_dir(self) -> str:
        return str(Path(jupyter_data_dir()) / "figserve")

    @default("owner")
    def _default_owner(self) -> str:
        return os.environ.get("JUPYTERHUB_USER", "local")

    @default("allow_public_shares")
    def _default_allow_public_shares(self) -> bool:
        return "JUPYTERHUB_SERVICE_PREFIX" not in os.environ

    @default("allow_public_live")
    def _default_allow_public_live(self) -> bool:
        return bool(self.allow_public_shares)

    @validate("keep_live_pictures", "keep_session_plots", "keep_deleted", "link_max_age")
    def _check_duration(self, proposal: Any) -> str:
        value: str = proposal.value
        if value not in ("", "never"):
            try:
                parse_duration(value)
            except InvalidDuration as error:
                raise TraitError(error.message) from error
        return value

    @validate("embed_origins")
    def _check_origins(self, proposal: Any) -> list[str]:
        """They go into a policy's header, where a semicolon would begin another rule."""
        origins = [origin.rstrip("/") for origin in proposal.value]
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise TraitError(
                    f"{origin!r:.80} is not an origin; write scheme, host and port alone, like"
                    " 'https://wiki.example.org'. On a command line, repeat the option for each."
                )
        return origins

    @validate("public_url", "kernel_url")
    def _check_url(self, proposal: Any) -> str:
        value: str = proposal.value
        parts = urlsplit(value)
        known = parts.scheme in ("http", "https") and parts.netloc and not (parts.query or parts.fragment)
        if value and not known:
            raise TraitError(f"{value!r:.80} is not an address; write it like 'https://plots.example.org/jupyter'.")
        return value

    @validate("failed_secret_rate", "live_link_rate")
    def _check_rate(self, proposal: Any) -> str:
        value: str = proposal.value
        try:
            if value:
                rates.parse(value)
        except ValueError as error:
            raise TraitError(f"{value!r} is not a rate; write it like '120/minute'.") from error
        return value

    @validate("database_url")
    def _check_database_url(self, proposal: Any) -> str:
        value: str = proposal.value
        if value and not value.startswith("sqlite:////"):
            raise TraitError("database_url is sqlite:////absolute/path.db; other databases are not served yet.")
        return value

    def _link_jupyter_server_extension(self, serverapp: Any) -> None:
        """Jupyter logs a setting that is wrong, drops all others with it, and would load us with the defaults."""
        try:
            super()._link_jupyter_server_extension(serverapp)
        except TraitError as error:
            self._wrong_setting = error
            raise

    def initialize(self) -> None:  # type: ignore[override]
        """Not with settings that nobody chose.

        Raises
        ------
        FigServeError
            When a setting is wrong; Jupyter logs it and goes on without us.
        """
        if self._wrong_setting is not None:
            raise FigServeError(
                f"jupyter_figserve is not loaded, because a setting of FigServe is wrong: {self._wrong_setting} Correct"
                " it and start the server again.",
                code="wrong_setting",
            ) from self._wrong_setting
        super().initialize()  # type: ignore[no-untyped-call]

    def initialize_settings(self) -> None:
        self.services = self._make_services()
        self.settings["figserve"] = self.services
        self.services.directories.open()
        self._connect()
        self.services.capture.open()
        self.services.kernels.open()
        self._timer = PeriodicCallback(self._clean, _CLEAN_MILLISECONDS)
        self._timer.start()
        if self._is_render_only:
            # Nobody comes here for anything else; elsewhere the sandbox starts with the first who needs it.
            IOLoop.current().add_callback(self.services.drawing.jobs.start)

    def initialize_handlers(self) -> None:
        self.handlers.extend(make_routes(render_only=self._is_render_only))

    async def stop_extension(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self.services.kernels.close()
        self.services.capture.close()
        self.services.directories.close()
        self.services.events.close()
        await self.services.preserving.close()
        await self.services.drawing.jobs.close()
        await self.services.views.flush()
        await self.services.live.close()
        self.services.store.close()

    @property
    def _is_render_only(self) -> bool:
        return bool(getattr(self.serverapp, "render_only", False))

    def _make_services(self) -> Services:
        assert self.serverapp is not None
        settings = self._make_settings()
        store = open_store(
            Path(self.data_dir),
            catalog_path=Path(self.database_url.removeprefix("sqlite:///")) if self.database_url else None,
            limits=Limits(
                Quota.from_mapping(self.owner_quota), Quota.from_mapping(self.session_quota), self.keep_versions
            ),
            keep_session_plots=_seconds(self.keep_session_plots),
            keep_deleted=_seconds(self.keep_deleted),
        )
        urls = Urls(self.serverapp, self.public_url, self.kernel_url)
        directories = SessionDirectories(Path(jupyter_runtime_dir()) / "figserve", self.log)
        capture = self._make_capture(directories, store)
        kernels = Kernels(self.serverapp, store, urls, self.owner, settings.scope, directories)
        blobs = BlobCache(store.blobs, self.cache_bytes)
        guesses = Guesses(self.failed_secret_rate)
        drawing = self.make_drawing(store)
        secrets = read_secrets(store.directory)
        return Services(
            settings=settings,
            store=store,
            urls=urls,
            gate=Gate(store, self.owner, guesses),
            guesses=guesses,
            kernels=kernels,
            directories=directories,
            capture=capture,
            plots=SessionPlots(self.serverapp, store, blobs, capture, directories, self.figure_bytes),
            events=EventHub(store),
            live=self._make_live(store, kernels),
            live_rate=Rate(self.live_link_rate, "This link was used too often", "live_link_rate"),
            shared=SharedFigures(store, blobs),
            views=Views(store),
            frames=FrameSigner(secrets),
            templates=make_templates(),
            drawing=drawing,
            preserving=Preserving(store, drawing, self.preserve_bytes, is_on=self.preserve_svg),
            url_signer=UrlSigner(secrets),
            render_rate=Rate(self.rate_limit, "Too many renders (FigServe.rate_limit)", "too_many_renders"),
        )

    def _make_capture(self, directories: SessionDirectories, store: Store) -> Capture:
        assert self.serverapp is not None
        quota = Quota(self.capture_quota.get("plots") or None, self.capture_quota.get("bytes") or None)
        limits = CaptureLimits(quota, self.figure_bytes, self.figure_pixels)
        return Capture(self.serverapp, directories, limits, store.clock, self._tell_captured, is_on=self.capture)

    def _make_live(self, store: Store, kernels: Kernels) -> LiveFigures:
        offers = Offers(store, self._scope(), kernels.follow_notebook)
        limits = LiveLimits(self.live_queue, self.live_timeout, _seconds(self.keep_live_pictures))
        assert self.serverapp is not None
        pictures, controls = LastPictures(store, self.cache_bytes), Controls(self.serverapp)
        controls.open()
        return LiveFigures(store, offers, pictures, limits, self.owner, controls)

    def _scope(self) -> str:
        assert self.serverapp is not None
        # Under a Hub the server's name is the scope: its root may be another path after a rebuild.
        server = os.environ.get("JUPYTERHUB_SERVER_NAME")
        return f"hub {server}" if server is not None else os.path.realpath(self.serverapp.root_dir)

    def _connect(self) -> None:
        """What happens to kernels happens to their pictures, and is told to whoever listens."""
        services, owner = self.services, self.owner

        def tell(kind: str, kernel: str, notebook: str) -> None:
            services.events.announce(owner, kind, {"session": kernel, "notebook": notebook or None})

        def tell_live(kind: str, kernel: str, record: LiveRecord) -> None:
            data = {"live": record.id, "session": kernel, "name": record.name}
            services.events.announce(record.owner, kind, data | {"notebook": record.identity.notebook or None})

        services.live.offers.tell = tell_live
        services.kernels.on_start.append(lambda kernel, notebook: tell(SESSION_STARTED, kernel, notebook))
        services.kernels.on_restart.append(services.capture.renew)
        services.kernels.on_sweep.append(services.capture.sweep)
        services.kernels.on_restart.append(services.live.end)
        services.kernels.on_end.append(lambda kernel, notebook: services.live.end(kernel))
        services.kernels.on_end.append(lambda kernel, notebook: services.capture.end(kernel))
        services.kernels.on_end.append(lambda kernel, notebook: tell(SESSION_ENDED, kernel, notebook))

    def _tell_captured(self, kernel: str, news: list[Captured]) -> None:
        for one in news:
            self.services.events.announce(self.owner, PLOT_CAPTURED, {"session": kernel, "path": one.path})

    def _make_settings(self) -> Settings:
        assert self.serverapp is not None
        return Settings(
            owner=self.owner,
            scope=self._scope(),
            host=getattr(self.serverapp, "figserve_host", "extension"),
            figure_bytes=self.figure_bytes,
            figure_pixels=self.figure_pixels,
            export_bytes=self.export_bytes,
            body_seconds=self.body_timeout,
            link_max_age=_seconds(self.link_max_age),
            link_cache_seconds=self.link_cache_seconds,
            allow_public_shares=self.allow_public_shares,
            embed_origins=tuple(self.embed_origins),
            is_render_only=self._is_render_only,
            live_bytes=self.live_bytes,
            allow_public_live=self.allow_public_live,
            log_success=self.log_level in (logging.DEBUG, "DEBUG", "10"),
            render=self.make_render_limits(),
            link_sizes=LinkSizes.parse(self.link_sizes),
        )

    async def _clean(self) -> None:
        """Now and then; what went is logged, and a failure too, but the server goes on."""
        await asyncio.to_thread(self.services.directories.sweep)
        if self.services.store.read_only_because is not None:
            return
        cleaned = await asyncio.wrap_future(self.services.store.clean())
        if cleaned:
            self.log.info("figserve cleaned up: %s.", cleaned)


def _seconds(duration: str) -> float | None:
    return None if duration in ("", "never") else parse_duration(duration)
