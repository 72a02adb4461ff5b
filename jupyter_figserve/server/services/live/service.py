"""The live service: answers requests from a kernel, a short cache, the client's copy or a stale image. Server process.

A request goes from its handler to ``LiveService.render``, for a target that the registry has found, and from there
through the queue of the target's kernel to the target's backend.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from tornado.ioloop import IOLoop

from ....errors import OutputInvalid, TooManyRequests, Unavailable, UnsupportedType
from ....model.live import LiveRequest
from ....model.times import Clock
from ..callers import OWNER, Caller
from ..events.event_broker import LIVE_PROGRESS
from ..monitoring.work_meter import WorkMeter
from ..timings import add_timings
from .backends.backend import KernelBackend, KernelUnavailable, LiveBackend
from .backends.control_channels import ControlChannels
from .backends.replica_backend import ReplicaBackend
from .call_queue import CallQueue
from .channel_discovery import ChannelDiscovery
from .data_versions import DataVersions
from .detached import SandboxBackend
from .forms import LiveForms
from .image_cache import CachedImage, StaleImageCache
from .limits import LiveLimits
from .registry import LiveRegistry, LiveTarget
from .result import LiveResult, make_etag, make_version_etag
from .watchers import LiveWatchers

T = TypeVar("T")


class LiveService:
    """Renders live figures.

    Parameters
    ----------
    owner
        Owner of the kernels that are found on their control channel.
    control_channels
        Reaches kernels that cannot connect to this server; None disables them.
    on_call
        Called with a kernel's id before each call to it.
    """

    def __init__(
        self,
        registry: LiveRegistry,
        images: StaleImageCache,
        watchers: LiveWatchers,
        limits: LiveLimits,
        owner: str,
        clock: Clock,
        *,
        control_channels: ControlChannels | None = None,
        on_call: Callable[[str], None] | None = None,
    ) -> None:
        self.registry = registry
        self.images = images
        self.watchers = watchers
        self.limits = limits
        self.meter = WorkMeter()
        self.hits = self.misses = 0
        self._clock = clock
        if control_channels is not None:
            control_channels.on_close = self.unregister
        self._discovery = ChannelDiscovery(registry, owner, control_channels)
        self._on_call = on_call
        self._queues: dict[str, CallQueue[Any]] = {}
        self.forms = LiveForms(images)
        self._versions = DataVersions(registry, lambda seconds, run: IOLoop.current().call_later(seconds, run))

    async def find(self, kernel: str, name: str) -> LiveTarget | None:
        """Return the live figure that a kernel offers, or offered, under a name.

        A kernel whose agent is not connected is queried on its control channel.
        """
        await self._discovery.find(kernel)
        return await self.registry.find(kernel, name)

    async def render(
        self,
        target: LiveTarget,
        request: LiveRequest,
        *,
        known_etags: Sequence[str] = (),
        no_cache: bool = False,
        before_call: Callable[[], None] | None = None,
        caller: Caller = OWNER,
    ) -> LiveResult:
        """Return the requested image.

        Parameters
        ----------
        no_cache
            Whether to call the function even if the cache has its image.
        before_call
            Called before the kernel is; an exception that it raises counts as the kernel's.
        caller
            Whose turn in the kernel's queue the call takes.

        Raises
        ------
        Unavailable
            When the kernel is gone, busy or too slow, and there is no stale image.
        OutputInvalid
            When the function failed.
        """
        asked = self._clock()
        cached = None if no_cache else self._find_cached(target, request)
        if not no_cache and (fresh := self._find_fresh(target, request, cached, known_etags)) is not None:
            self.hits += 1
            return fresh
        try:
            if before_call is not None and self._makes_call(target, request):
                before_call()
            image = await self._call(target, request, cached, caller, no_cache=no_cache)
        except (Unavailable, TooManyRequests) as error:
            return await self._find_stale(target, request, error)
        return LiveResult(make_etag(image, target.declaration, request), image, self._age(image, asked))

    async def call(self, target: LiveTarget, request: LiveRequest, caller: Caller, *, is_fresh: bool) -> CachedImage:
        """Return the image that the function gives now, without ``cache`` and stale images; raise as ``render``.

        Parameters
        ----------
        is_fresh
            Whether to join only a call that still waits for its turn.
        """
        return await self._call(target, request, self._find_cached(target, request), caller, no_cache=is_fresh)

    async def run_in_kernel(
        self, kernel: str, key: str, call: Callable[[], Awaitable[T]], timeout: float, caller: Caller
    ) -> T:
        """Have a kernel do something else than call a live function: it takes its turn among these calls."""
        if self._on_call is not None:
            self._on_call(kernel)
        return cast(T, await self._get_queue(kernel).run(key, call, timeout, caller))

    async def find_last(self, target: LiveTarget, request: LiveRequest) -> LiveResult | None:
        """Return the last good image for a request without a call, however old it is; None without one."""
        last = await self.images.find_last(target.record.id, request)
        if last is None:
            return None
        return LiveResult(f'"{last.digest}"', last, int(max(0.0, self._clock() - last.rendered)))

    def is_busy(self, target: LiveTarget) -> bool:
        queue = self._queues.get(target.queue_key)
        return queue is not None and queue.is_busy

    def would_coalesce(self, target: LiveTarget, request: LiveRequest) -> bool:
        """Whether rendering this now would make no further call."""
        queue = self._queues.get(target.queue_key)
        return queue is not None and queue.would_coalesce(_call_key(target, request))

    def _makes_call(self, target: LiveTarget, request: LiveRequest) -> bool:
        return target.backend is not None and not self.would_coalesce(target, request)

    def unregister(self, kernel: str, backend: KernelBackend | None = None) -> None:
        """Close a kernel's backend, and remove what it offers; None for the one that the kernel has."""
        if self.registry.unregister(kernel, backend):
            self._queues.pop(kernel, None)

    def on_kernel_restarted(self, kernel: str) -> None:
        """Close the control channel; the old agent's connection closes by itself, and a new one may be open."""
        self._discovery.forget(kernel)

    def on_kernel_ended(self, kernel: str) -> None:
        """Close all connections to the kernel."""
        self.unregister(kernel)
        self.on_kernel_restarted(kernel)

    async def close(self) -> None:
        self.watchers.close()
        self._discovery.close()
        await self.images.flush()

    def _age(self, image: CachedImage, asked: float) -> int:
        """Return 0 for an image rendered since ``asked``, else the whole seconds since it was rendered, at least 1."""
        return 0 if image.rendered >= asked else max(1, int(self._clock() - image.rendered))

    def _find_cached(self, target: LiveTarget, request: LiveRequest) -> CachedImage | None:
        cached = self.images.find_in_memory(target.record.id, request.key)
        return cached if cached is not None and _is_of(cached, target) else None

    def _find_fresh(
        self, target: LiveTarget, request: LiveRequest, cached: CachedImage | None, known_etags: Sequence[str]
    ) -> LiveResult | None:
        """Return an image without a call: of a known version of the data, or younger than ``cache``."""
        declaration = target.declaration
        etag = make_version_etag(declaration, request, declaration.version)
        if etag is not None and etag in known_etags and target.backend is not None:
            return LiveResult(etag)
        if cached is None:
            return None
        age = self._clock() - cached.rendered
        is_current = etag is not None and cached.version == declaration.version
        if is_current or age < declaration.cache:
            return LiveResult(make_etag(cached, declaration, request), cached, max(1, int(age)))
        return None

    async def _call(
        self,
        target: LiveTarget,
        request: LiveRequest,
        cached: CachedImage | None,
        caller: Caller,
        *,
        no_cache: bool,
    ) -> CachedImage:
        self.misses += 1
        if target.backend is None:
            raise KernelUnavailable
        if target.kernel and self._on_call is not None:
            self._on_call(target.kernel)

        async def call() -> CachedImage:
            return await self._call_backend(target, request, cached, caller, is_fresh=no_cache)

        timeout = min(target.declaration.timeout, self.limits.max_seconds)
        with self.meter.measure():
            key = _call_key(target, request)
            queue = self._get_queue(target.queue_key, is_function=target.kernel is None)
            return cast(CachedImage, await queue.run(key, call, timeout, caller, is_fresh=no_cache))

    def _get_queue(self, key: str, *, is_function: bool = False) -> CallQueue[Any]:
        limits = self.limits
        if key not in self._queues:
            running, callee = (limits.max_detached_running, "function") if is_function else (1, "kernel")
            self._queues[key] = CallQueue(limits.max_calls, running, callee, limits.max_share)
        return self._queues[key]

    async def _call_backend(
        self, target: LiveTarget, request: LiveRequest, cached: CachedImage | None, caller: Caller, *, is_fresh: bool
    ) -> CachedImage:
        def report(done: float, total: float) -> None:
            details = {"done": done, "total": total, "arguments": dict(request.arguments)}
            self.registry.notify(LIVE_PROGRESS, target.kernel, target.record, **details)

        known = () if cached is None or cached.version is None else (cached.version,)

        def call(backend: LiveBackend) -> Awaitable[CachedImage | None]:
            # Elsewhere it waits for its turn again: in the sandbox, or at the server of the kernel.
            if isinstance(backend, SandboxBackend):
                backend = backend.on_behalf_of(caller)
            elif isinstance(backend, ReplicaBackend):
                backend = backend.on_behalf_of(caller, is_fresh=is_fresh)
            return backend.call(target.record.name, request, known, report)

        try:
            image = await self._call_connected(target, call)
        except UnsupportedType as error:
            self.forms.record_failure(target, error.code)
            raise
        if image is None:
            if cached is None:
                raise OutputInvalid("The kernel reports unchanged data, but the server has no image of it.")
            return self.images.refresh(cached)
        add_timings(image.timing)
        self.forms.record(target, request, image)
        self._versions.record(target, image.version)
        return self.images.put(target.record.id, request, replace(image, refreshed=target.declaration.refreshed))

    async def _call_connected(
        self, target: LiveTarget, call: Callable[[LiveBackend], Awaitable[CachedImage | None]]
    ) -> CachedImage | None:
        """Call the kernel; when its connection is cut meanwhile, once more on its next one or its control channel."""
        try:
            return await self.registry.call_current(target, call)
        except KernelUnavailable:
            if target.kernel is None or await self._discovery.find(target.kernel) is None:
                raise KernelUnavailable(is_running=self.registry.runs(target.kernel)) from None
            return await self.registry.call_current(target, call)

    async def _find_stale(
        self, target: LiveTarget, request: LiveRequest, error: Unavailable | TooManyRequests
    ) -> LiveResult:
        """Return the last good image instead of a temporary error."""
        last = await self.images.find_last(target.record.id, request)
        age = 0.0 if last is None else max(0.0, self._clock() - last.rendered)
        max_age = self.limits.max_stale_seconds
        if last is None or (max_age is not None and age > max_age):
            raise error
        return LiveResult(f'"{last.digest}"', last, int(age), error)


def _is_of(image: CachedImage, target: LiveTarget) -> bool:
    """Whether an image is of the function as declared now, and not older than its last refresh."""
    declaration = target.declaration
    return (image.revision, image.refreshed) == (declaration.revision, declaration.refreshed)


def _call_key(target: LiveTarget, request: LiveRequest) -> tuple[str, str, str, str]:
    return target.record.name, target.declaration.revision, target.declaration.refreshed, request.key
