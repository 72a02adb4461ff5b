"""What kernels offer and draw that are connected to another server on the same catalog. Server process.

Each server records the lines of its kernels in the catalog, and offers those of the other servers as its own: calls of
live figures and redraws of published ones are passed on to the server which the kernel is connected to.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop, PeriodicCallback

from ....errors import FigServeError
from ....model.events import LIVE_DELETED, LIVE_RESTORED, Event
from ....model.kernel_lines import KernelLine
from ....model.rendering import RenderResult
from ....store.store import Store
from ..events.event_broker import EventBroker
from ..figures.redraw import read_source
from .backends.agent_backend import AgentBackend
from .backends.backend import KernelUnavailable
from .backends.replica_backend import ReplicaBackend
from .backends.replica_messages import ReplicaCall, ReplicaRedraw, make_answer, make_redraw_answer, parse_message
from .backends.replica_signer import ReplicaSigner
from .image_cache import CachedImage
from .kernel_redraws import KernelRedraws
from .registry import LiveRegistry

_log = logging.getLogger("jupyter_figserve")
RENEW_SECONDS = 10.0
RETRY_SECONDS = 1.0
LEASE_SECONDS = 35.0
"""How long the lines of a server that was killed are offered by the others; kernels connect anew much earlier."""
_MAX_CALLS = 1_000


class Replicas:
    """Shares the lines of the kernels with the other servers.

    Parameters
    ----------
    redraws
        Asks the kernels, for figures as for live figures.
    url
        Address at which the other servers reach this one.
    max_bytes
        Upper limit of one image.
    """

    def __init__(
        self, store: Store, redraws: KernelRedraws, events: EventBroker, signer: ReplicaSigner, url: str, max_bytes: int
    ) -> None:
        self.url = url.rstrip("/")
        self._store = store
        self._redraws = redraws
        self._live = redraws.live
        self._registry: LiveRegistry = redraws.live.registry
        self._events = events
        self.signer = signer
        self._max_bytes = max_bytes
        self._http = AsyncHTTPClient(force_instance=True, max_clients=_MAX_CALLS)
        self._own: dict[str, float] = {}
        """When the kernels that are connected to this server connected."""
        self._recorded: set[str] = set()
        self._unwritten: set[str] = set()
        """Kernels whose rows are not up to date; where the database does not answer, until it does again."""
        self._writing = asyncio.Lock()
        self._adopted: dict[str, tuple[ReplicaBackend, str]] = {}
        """Backends of the kernels of other servers, each with the revision of its row."""
        self._timer = PeriodicCallback(self._renew, RENEW_SECONDS * 1_000)
        self._lock = asyncio.Lock()
        self._opening: asyncio.Task[None] | None = None
        self._stop_listening: Callable[[], None] = lambda: None

    async def open(self) -> None:
        """Start to share, as soon as the database answers."""
        self._registry.on_change.append(self._on_change)
        self._opening = asyncio.ensure_future(self._open())
        with contextlib.suppress(asyncio.CancelledError):
            await self._opening

    async def close(self) -> None:
        """Stop, and remove the lines of this server, so that nobody waits for it."""
        self._timer.stop()
        if self._opening is not None:
            self._registry.on_change.remove(self._on_change)
            self._opening.cancel()
        self._stop_listening()
        self._http.close()
        await _log_failure(self._store.kernel_lines.remove_all(self.url))

    async def answer(self, body: bytes) -> bytes:
        """Answer a call of another server, or its request to draw a figure again.

        Raises
        ------
        InvalidInput
            When it is neither.
        """
        message = parse_message(body)
        try:
            if isinstance(message, ReplicaRedraw):
                return make_redraw_answer(await self._redraw_own(message))
            return make_answer(await self._call_own(message), message.known)
        except FigServeError as error:
            return make_answer(error, ())

    async def synchronize(self) -> None:
        """Offer what the kernels of other servers offer, and end what has moved to another server or has ended."""
        async with self._lock:
            await _log_failure(self._synchronize())

    async def _open(self) -> None:
        """Remove the lines that this server left behind when it was killed, then offer those of the others."""
        is_first = True
        while True:
            try:
                await self._begin()
                break
            except FigServeError as error:
                if is_first:
                    _report(error)
            is_first = False
            await asyncio.sleep(RETRY_SECONDS)
        self._timer.start()
        await self.synchronize()

    async def _begin(self) -> None:
        await self._store.kernel_lines.remove_all(self.url)
        self._unwritten.update(self._own)
        self._stop_listening = await self._events.listen(self._on_event, self.synchronize)

    async def _on_event(self, event: Event) -> None:
        """Follow deletions at other servers; each commit is followed by ``synchronize``."""
        live_id = str(event.data.get("live"))
        if event.kind == LIVE_DELETED and (deleted := await self._store.live.find_deleted(live_id)) is not None:
            self._registry.hide(deleted)
        elif event.kind == LIVE_RESTORED and (record := await self._store.live.find(live_id)) is not None:
            self._registry.show(record)

    async def _synchronize(self) -> None:
        for kernel in list(self._unwritten):
            await self._write(kernel)
        heads = await self._store.kernel_lines.list_heads()
        foreign = {kernel: line for kernel, line in heads.items() if line.server != self.url}
        for kernel in [one for one in self._adopted if one not in foreign]:
            self._registry.unregister(kernel, self._adopted.pop(kernel)[0])
        for kernel in [one for one in self._recorded if one not in heads or one in foreign]:
            self._close_own(kernel, heads.get(kernel))
        changed = [kernel for kernel, line in foreign.items() if self._is_changed(line)]
        if changed:
            for line in await self._store.kernel_lines.find_many(changed):
                await self._adopt(line)

    def _is_changed(self, line: KernelLine) -> bool:
        known = self._adopted.get(line.kernel)
        return self._own.get(line.kernel, 0.0) < line.opened and (known is None or known[1] != line.revision)

    def _close_own(self, kernel: str, line: KernelLine | None) -> None:
        """Close the connection of a kernel that is connected elsewhere by now, or whose session has ended."""
        if line is None or line.opened > self._own.get(kernel, 0.0):
            self._recorded.discard(kernel)
            self._own.pop(kernel, None)
            self._live.unregister(kernel)

    async def _adopt(self, line: KernelLine) -> None:
        if line.server == self.url or not self._is_changed(line):
            return
        backend, _ = self._adopted.get(line.kernel, (None, ""))
        if backend is None or backend.server != line.server or backend.is_closed:
            backend = ReplicaBackend(self._http, self.signer, line, self._max_bytes)
        backend.receive_sources(line)
        offers = []
        for live_id, declaration in line.offers:
            record = await self._store.live.find(live_id)
            if record is not None:
                offers.append((record, declaration))
        self._adopted[line.kernel] = (backend, line.revision)
        try:
            self._registry.adopt(line.kernel, backend, offers)
        except KernelUnavailable:
            # The kernel has connected to this server meanwhile.
            self._adopted.pop(line.kernel, None)

    def _on_change(self, kernel: str) -> None:
        """Record what the registry has noted of a kernel."""
        backend = self._registry.find_backend(kernel)
        if backend is None:
            if self._adopted.pop(kernel, None) is not None:
                # Its session has ended: the other server closes the connection.
                self._later(self._store.kernel_lines.remove(kernel))
            elif self._own.pop(kernel, None) is not None:
                self._recorded.discard(kernel)
                self._write_later(kernel)
        elif not isinstance(backend, ReplicaBackend):
            self._adopted.pop(kernel, None)
            self._own.setdefault(kernel, self._store.clock())
            self._write_later(kernel)

    def _write_later(self, kernel: str) -> None:
        self._unwritten.add(kernel)
        self._later(self._write(kernel))

    async def _write(self, kernel: str) -> None:
        """Bring the row of a kernel up to date: one at a time, and changes that come meanwhile together."""
        async with self._writing:
            if kernel not in self._unwritten:
                return
            self._unwritten.discard(kernel)
            try:
                await self._record(kernel)
            except FigServeError:
                self._unwritten.add(kernel)
                raise

    async def _record(self, kernel: str) -> None:
        line = self._make_line(kernel)
        if line is None:
            await self._store.kernel_lines.remove(kernel, self.url)
        elif await self._store.kernel_lines.put(line, self._store.clock()):
            self._recorded.add(kernel)
        else:
            IOLoop.current().spawn_callback(self.synchronize)

    def _make_line(self, kernel: str) -> KernelLine | None:
        """Return the line of a kernel; None where it is not connected to this server, or others need not know."""
        opened, targets = self._own.get(kernel), self._registry.list_of(kernel)
        if opened is None:
            return None
        offers = tuple((target.record.id, target.declaration) for target in targets)
        agent = self._registry.find_backend(kernel)
        if isinstance(agent, AgentBackend) and agent.sources and self._redraws.is_enabled:
            return KernelLine(kernel, agent.owner, self.url, opened, offers, "", agent.sources, agent.unsupported)
        return KernelLine(kernel, targets[0].record.owner, self.url, opened, offers) if targets else None

    async def _renew(self) -> None:
        await _log_failure(self._store.kernel_lines.renew(self.url, self._store.clock(), LEASE_SECONDS))

    async def _call_own(self, call: ReplicaCall) -> CachedImage:
        target = await self._registry.find(call.kernel, call.name)
        # Never passed on once more: two servers that hold each other for the right one would do so for ever.
        is_elsewhere = isinstance(self._registry.find_backend(call.kernel), ReplicaBackend)
        if target is None or is_elsewhere or call.kernel not in self._own:
            raise KernelUnavailable
        return await self._live.call(target, call.request, call.caller, is_fresh=call.is_fresh)

    async def _redraw_own(self, redraw: ReplicaRedraw) -> RenderResult:
        name = f"The source {redraw.source.digest[:12]} of a figure"
        return await self._redraws.draw_own(
            redraw, lambda: read_source(self._store, redraw.source, name, "publish it again")
        )

    def _later(self, work: Awaitable[None]) -> None:
        IOLoop.current().spawn_callback(_log_failure, work)


async def _log_failure(work: Awaitable[None]) -> None:
    try:
        await work
    except FigServeError as error:
        _report(error)


def _report(error: FigServeError) -> None:
    _log.warning("The connections of kernels cannot be shared with the other servers: %s", error)
