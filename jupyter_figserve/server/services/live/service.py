"""Live figures drawn: from a kernel, a short cache, the client's own copy, or the last good picture. Server process."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tornado.ioloop import PeriodicCallback

from ....errors import InvalidInput, OutputInvalid, TooManyRequests, Unavailable, UnsupportedType
from ....model.live import LiveDeclaration, LiveFigureRecord, LiveRequest
from ....store.store import Store
from .call_queue import CallQueue, KernelUnavailable, LiveBackend
from .control_channel import ControlChannels
from .image_cache import CachedImage, StaleImageCache
from .registry import LiveRegistry, LiveTarget

logger = logging.getLogger("jupyter_figserve")
_CHECK_MILLISECONDS = 15_000


@dataclass(frozen=True)
class LiveLimits:
    """Parameters
    ----------
    queue
        Calls that may be there for one kernel at once.
    seconds
        The longest that anybody waits.
    stale_seconds
        How old a last good picture may be shown; None for any age.
    detached_at_once
        Calls of one detached function under way at once.
    """

    queue: int = 16
    seconds: float = 60.0
    stale_seconds: float | None = None
    detached_at_once: int = 1


@dataclass(frozen=True)
class LiveResult:
    """What to answer.

    Parameters
    ----------
    picture
        None when the client has it already.
    age
        Seconds since it was drawn; 0 for what was drawn for this request.
    stale
        Why it is not what the function would give now; None when it is.
    """

    etag: str
    picture: CachedImage | None = None
    age: int = 0
    stale: Unavailable | TooManyRequests | None = None

    @property
    def cache_status(self) -> str:
        """RFC 9211."""
        if self.stale is not None:
            return "figserve; hit; detail=stale"
        return "figserve; hit" if self.picture is None or self.age else "figserve; fwd=miss"


class LiveService:
    """Draws what kernels offer."""

    def __init__(
        self,
        store: Store,
        offers: LiveRegistry,
        pictures: StaleImageCache,
        limits: LiveLimits,
        owner: str,
        controls: ControlChannels | None = None,
    ) -> None:
        self.controls = controls
        self._owner = owner
        self.offers = offers
        self.pictures = pictures
        self.limits = limits
        self._store = store
        self._queues: dict[str, CallQueue[CachedImage]] = {}
        self._timer: PeriodicCallback | None = None
        self._watched: list[Callable[[], Awaitable[None]]] = []
        self.on_call: list[Callable[[str], None]] = []
        """Hear the id of a kernel that is about to be called."""
        self._forms: dict[str, tuple[str, str]] = {}

    def watch(self, check: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Call ``check`` every few seconds, until what is returned is called."""
        self._watched.append(check)
        if self._timer is None:
            self._timer = PeriodicCallback(self._check_all, _CHECK_MILLISECONDS)
            self._timer.start()
        return lambda: self._watched.remove(check)

    async def take_offers(
        self, owner: str, kernel: str, link: LiveBackend, declared: Sequence[LiveDeclaration]
    ) -> list[LiveFigureRecord]:
        return await self.offers.take(owner, kernel, link, declared)

    def lose(self, kernel: str, link: LiveBackend) -> None:
        """The line to a kernel is down; the calls on it have failed already."""
        if self.offers.lose(kernel, link):
            self._queues.pop(kernel, None)

    def is_busy(self, target: LiveTarget) -> bool:
        return target.place in self._queues and self._queues[target.place].is_busy

    def would_coalesce(self, target: LiveTarget, request: LiveRequest) -> bool:
        """Whether drawing this now would be no further call of the kernel."""
        queue = self._queues.get(target.place)
        return queue is not None and queue.would_coalesce(_flight_key(target, request))

    def find_form(self, target: LiveTarget) -> str | None:
        """What the function as it is now gave last, ``"html"`` or ``"picture"``; None before the first call."""
        revision, form = self._forms.get(target.record.id, ("", None))
        return form if revision == target.declaration.revision else None

    async def find_size(self, target: LiveTarget, arguments: Mapping[str, Any]) -> tuple[int | None, int | None]:
        """Width and height on a page of the picture with these arguments, as it was drawn last, where that is known."""
        try:
            complete = target.declaration.parameters.complete(arguments)
        except InvalidInput:
            return None, None
        last = await self.pictures.find_last(target.record.id, LiveRequest(complete, "png"))
        return (None, None) if last is None else last.size

    async def draw(
        self,
        target: LiveTarget,
        request: LiveRequest,
        *,
        known: Sequence[str] = (),
        fresh: bool = False,
        before_call: Callable[[], None] | None = None,
    ) -> LiveResult:
        """The picture that a request asks for.

        Parameters
        ----------
        known
            ETags of what the client has.
        fresh
            Whether nothing kept will do.
        before_call
            Called when the kernel is about to be asked; what it raises is in the place of that.

        Raises
        ------
        Unavailable
            When the kernel is gone, busy or too slow, and there is no last good picture.
        CodeFailed, OutputInvalid
            When the function failed.
        """
        declaration = target.declaration
        held = None if fresh else self.pictures.find_held(target.record.id, request.key)
        if held is not None and held.revision != declaration.revision:
            held = None
        kept = None if fresh else self._find_kept(target, request, held, known)
        if kept is not None:
            return kept
        try:
            if before_call is not None and target.link is not None and not self.would_coalesce(target, request):
                before_call()
            drawn = await self._ask(target, request, held)
        except (Unavailable, TooManyRequests) as error:
            return await self._stale(target, request, error)
        return LiveResult(self._etag(drawn, declaration, request), drawn)

    async def freeze(self, target: LiveTarget, requests: Sequence[LiveRequest]) -> int:
        """Keep the pictures of these for when no kernel offers the figure; how many.

        Raises
        ------
        FigServeError
            The first that could not be drawn; those before it are kept.
        """
        drawn: list[CachedImage] = []
        try:
            for request in requests:
                shown = await self.draw(target, request)
                if shown.stale is not None:
                    raise shown.stale
                assert shown.picture is not None
                drawn.append(shown.picture)
        finally:
            await self.pictures.freeze(drawn)
        return len(drawn)

    async def find(self, kernel: str, name: str) -> LiveTarget | None:
        """What a kernel offers, or offered, under a name; one without a line is asked on its control channel."""
        target = await self.offers.find(kernel, name)
        if self.controls is None or (target and target.kernel and not self.controls.holds(target.link)):
            return target

        async def take(link: LiveBackend, declared: list[LiveDeclaration]) -> None:
            await self.offers.take(self._owner, kernel, link, declared)

        await self.controls.discover(kernel, take)
        return await self.offers.find(kernel, name)

    def end(self, kernel: str) -> None:
        """The kernel is gone; its line knows by itself."""
        if self.controls is not None:
            for target in self.offers.all():
                if target.kernel == kernel and target.link is not None and self.controls.holds(target.link):
                    self.lose(kernel, target.link)
                    break
            self.controls.end(kernel)

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        if self.controls is not None:
            self.controls.close()
        await self.pictures.flush()

    def _find_kept(
        self, target: LiveTarget, request: LiveRequest, held: CachedImage | None, known: Sequence[str]
    ) -> LiveResult | None:
        """What needs no kernel: the data's version is known, or the picture is younger than its ``cache``."""
        declaration = target.declaration
        etag = _version_etag(declaration, request, declaration.version)
        if etag is not None and etag in known and target.link is not None:
            return LiveResult(etag)
        if held is None:
            return None
        is_current = etag is not None and held.version == declaration.version
        if is_current or self._store.clock() - held.drawn < declaration.cache:
            return self._as_shown(held, declaration, request)
        return None

    async def _ask(self, target: LiveTarget, request: LiveRequest, held: CachedImage | None) -> CachedImage:
        link, limits = target.link, self.limits
        if link is None:
            raise KernelUnavailable
        at_once, who = (1, "kernel") if target.kernel else (limits.detached_at_once, "function")
        queue = self._queues.setdefault(target.place, CallQueue(limits.queue, at_once, who))
        known = () if held is None or held.version is None else (held.version,)
        for hear in self.on_call if target.kernel else ():
            hear(target.place)

        async def make() -> CachedImage:
            try:
                drawing = await link.call(target.record.name, request, known)
            except UnsupportedType as error:
                self._note_form(target, request, is_html=error.code == "html_only")
                raise
            now = self._store.clock()
            if drawing.payload is None:
                if held is None or drawing.version != held.version:
                    raise OutputInvalid("The kernel says that nothing changed, and nothing was there before.")
                return self.pictures.refresh(held, now)
            words = (drawing.alt, drawing.revision, drawing.version)
            picture = CachedImage(target.record.id, request.key, drawing.payload, now, *words, drawing.density)
            self.pictures.keep(picture, lasts=drawing.density == request.density)
            if drawing.density != request.density:
                self.pictures.keep(replace(picture, key=replace(request, density=drawing.density).key))
            self._note_form(target, request, is_html=drawing.is_html)
            return picture

        timeout = min(target.declaration.timeout, limits.seconds)
        return await queue.run(_flight_key(target, request), make, timeout)

    def _note_form(self, target: LiveTarget, request: LiveRequest, *, is_html: bool) -> None:
        """Only who asks for a PNG leaves the choice to the figure."""
        if request.format == "png":
            self._forms[target.record.id] = (target.declaration.revision, "html" if is_html else "picture")

    async def _stale(
        self, target: LiveTarget, request: LiveRequest, error: Unavailable | TooManyRequests
    ) -> LiveResult:
        """The last good picture in the place of an error that will pass."""
        last = await self.pictures.find_last(target.record.id, request)
        age = 0.0 if last is None else max(0.0, self._store.clock() - last.drawn)
        longest = self.limits.stale_seconds
        if last is None or (longest is not None and age > longest):
            raise error
        return LiveResult(f'"{last.digest}"', last, int(age), error)

    def _as_shown(self, held: CachedImage, declaration: LiveDeclaration, request: LiveRequest) -> LiveResult:
        age = max(1, int(self._store.clock() - held.drawn))
        return LiveResult(self._etag(held, declaration, request), held, age)

    def _etag(self, picture: CachedImage, declaration: LiveDeclaration, request: LiveRequest) -> str:
        return _version_etag(declaration, request, picture.version) or f'"{picture.digest}"'

    async def _check_all(self) -> None:
        for check in list(self._watched):
            await check()


def _flight_key(target: LiveTarget, request: LiveRequest) -> tuple[str, str, str]:
    return target.record.name, target.declaration.revision, request.key


def _version_etag(declaration: LiveDeclaration, request: LiveRequest, version: str | None) -> str | None:
    """Of what the code, the parameters and the data's version determine; None where the data has no version."""
    if not declaration.is_versioned or version is None:
        return None
    text = "\0".join((declaration.name, declaration.digest, request.key, version))
    return f'"v{hashlib.sha256(text.encode()).hexdigest()}"'
