"""The live service: answers requests from a kernel, a short cache, the client's copy or a stale image. Server process.

A request goes from its handler to ``LiveService.render``, for a target that the registry has found, and from there
through the queue of the target's kernel to the target's backend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tornado.ioloop import IOLoop

from ....errors import FigServeError, TooManyRequests, Unavailable, UnsupportedType
from ....model.live import LiveRequest
from ....model.times import Clock
from ..callers import OWNER, Caller
from .backend import KernelUnavailable, LiveBackend
from .call_queue import CallQueue
from .control_channel import ControlChannels
from .data_versions import DataVersions
from .detached import SandboxBackend
from .forms import LiveForms
from .image_cache import CachedImage, StaleImageCache
from .registry import PROGRESS, LiveRegistry, LiveTarget
from .result import LiveResult, make_etag, make_version_etag
from .watchers import LiveWatchers


@dataclass(frozen=True)
class LiveLimits:
    """Limits of live calls.

    Parameters
    ----------
    max_calls
        Calls running or waiting for one kernel at once.
    max_seconds
        Upper limit of a declaration's timeout.
    max_stale_seconds
        Age up to which a stale image is served; None for any age.
    max_detached_running
        Calls of one detached function running at once.
    max_share
        Calls of one kernel or detached function that may wait for one link.
    """

    max_calls: int = 16
    max_seconds: float = 60.0
    max_stale_seconds: float | None = None
    max_detached_running: int = 1
    max_share: int = 4


class LiveService:
    """Renders live figures.

    Parameters
    ----------
    owner
        Owner of the kernels that are found on their control channel.
    control_channels
        Reaches kernels that cannot dial this server; None to do without.
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
        self._owner = owner
        self._clock = clock
        self._control_channels = control_channels
        self._on_call = on_call
        self._queues: dict[str, CallQueue[CachedImage]] = {}
        self.forms = LiveForms(images)
        self._versions = DataVersions(registry, lambda seconds, run: IOLoop.current().call_later(seconds, run))

    async def find(self, kernel: str, name: str) -> LiveTarget | None:
        """Return what a kernel offers, or offered, under a name.

        A kernel that has not dialled this server is asked on its control channel.
        """
        target, channels = await self.registry.find(kernel, name), self._control_channels
        if channels is None or (target and target.kernel and not channels.owns(target.backend)):
            return target
        discovered = await channels.discover(kernel)
        if discovered is not None:
            try:
                await self.registry.register(self._owner, kernel, *discovered)
            except FigServeError as error:
                channels.give_up(kernel, error)
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
        """Return the image that a request asks for.

        Parameters
        ----------
        known_etags
            ETags of the images that the client has.
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
        """
        cached = None if no_cache else self._find_cached(target, request)
        result = None if no_cache else self._find_fresh(target, request, cached, known_etags)
        if result is not None:
            return result
        try:
            if before_call is not None and target.backend is not None and not self.would_coalesce(target, request):
                before_call()
            image = await self._call(target, request, cached, caller)
        except (Unavailable, TooManyRequests) as error:
            return await self._find_stale(target, request, error)
        return LiveResult(make_etag(image, target.declaration, request), image)

    def is_busy(self, target: LiveTarget) -> bool:
        queue = self._queues.get(target.queue_key)
        return queue is not None and queue.is_busy

    def would_coalesce(self, target: LiveTarget, request: LiveRequest) -> bool:
        """Whether rendering this now would make no further call."""
        queue = self._queues.get(target.queue_key)
        return queue is not None and queue.would_coalesce(_call_key(target, request))

    def unregister(self, kernel: str, backend: LiveBackend) -> None:
        """Remove what a kernel offers through a backend that is closed, whose calls have failed already."""
        if self.registry.unregister(kernel, backend):
            self._queues.pop(kernel, None)

    def on_kernel_ended(self, kernel: str) -> None:
        """Close the kernel's control channel; an agent's connection closes by itself."""
        if self._control_channels is None:
            return
        backend = self._control_channels.find(kernel)
        if backend is not None:
            self.unregister(kernel, backend)
            self._control_channels.disconnect(kernel)

    async def close(self) -> None:
        self.watchers.close()
        if self._control_channels is not None:
            self._control_channels.close()
        await self.images.flush()

    def _find_cached(self, target: LiveTarget, request: LiveRequest) -> CachedImage | None:
        cached = self.images.find_in_memory(target.record.id, request.key)
        return cached if cached is not None and _is_of(cached, target) else None

    def _find_fresh(
        self, target: LiveTarget, request: LiveRequest, cached: CachedImage | None, known_etags: Sequence[str]
    ) -> LiveResult | None:
        """Return what needs no call: the data has a known version, or the image is younger than ``cache``."""
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
        self, target: LiveTarget, request: LiveRequest, cached: CachedImage | None, caller: Caller
    ) -> CachedImage:
        backend = target.backend
        if isinstance(backend, SandboxBackend):
            backend = backend.on_behalf_of(caller)
        if backend is None:
            raise KernelUnavailable
        if target.kernel and self._on_call is not None:
            self._on_call(target.kernel)

        async def call() -> CachedImage:
            return await self._call_backend(backend, target, request, cached)

        timeout = min(target.declaration.timeout, self.limits.max_seconds)
        return await self._get_queue(target).run(_call_key(target, request), call, timeout, caller)

    def _get_queue(self, target: LiveTarget) -> CallQueue[CachedImage]:
        key, limits = target.queue_key, self.limits
        if key not in self._queues:
            running, callee = (1, "kernel") if target.kernel else (limits.max_detached_running, "function")
            self._queues[key] = CallQueue(limits.max_calls, running, callee, limits.max_share)
        return self._queues[key]

    async def _call_backend(
        self, backend: LiveBackend, target: LiveTarget, request: LiveRequest, cached: CachedImage | None
    ) -> CachedImage:
        def report(done: float, total: float) -> None:
            details = {"done": done, "total": total, "arguments": dict(request.arguments)}
            self.registry.notify(PROGRESS, target.kernel, target.record, **details)

        known = () if cached is None or cached.version is None else (cached.version,)
        try:
            image = await backend.call(target.record.name, request, known, report)
        except UnsupportedType as error:
            self.forms.record_failure(target, error.code)
            raise
        if image is None:
            assert cached is not None, "a backend says that nothing changed only of a version in known"
            return self.images.refresh(cached)
        self.forms.record(target, request, image)
        self._versions.record(target, image.version)
        return self.images.put(target.record.id, request, replace(image, refreshed=target.declaration.refreshed))

    async def _find_stale(
        self, target: LiveTarget, request: LiveRequest, error: Unavailable | TooManyRequests
    ) -> LiveResult:
        """Return the last good image instead of an error that will pass."""
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
