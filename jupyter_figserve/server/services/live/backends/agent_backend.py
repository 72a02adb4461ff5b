"""Calls to a kernel through the connection that its agent has opened. Server process."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from .....errors import FigServeError, InvalidInput
from .....model.formats import FORMATS
from .....model.live import LiveRequest
from .....model.progress import ProgressListener
from .....model.rendering import RenderJob, RenderResult
from .....sandbox.host.job_limits import JobLimits
from ..image_cache import CachedImage
from .backend import KernelUnavailable, next_generation
from .kernel_answer import check_size, parse_kernel_answer, parse_progress, parse_redraw

_MAX_SOURCES = 1_000


@dataclass
class _PendingCall:
    """A request under way; ``parse`` reads the answer."""

    future: asyncio.Future[Any]
    parse: Callable[[dict[str, Any], bytes], Any]
    on_progress: ProgressListener | None = None


class AgentBackend:
    """A ``KernelBackend`` over one open connection.

    Parameters
    ----------
    send
        Sends a message to the kernel, with a body or none.
    max_bytes
        Upper limit of one image.
    disconnect
        Closes the connection.
    owner
        Owner of the kernel.

    Attributes
    ----------
    unsupported
        Names of formats that the kernel's Pillow cannot write.
    """

    is_stand_in = False

    def __init__(
        self,
        send: Callable[[dict[str, Any], bytes | None], None],
        max_bytes: int,
        disconnect: Callable[[], None],
        owner: str = "",
    ) -> None:
        self.generation = next_generation()
        self.is_closed = False
        self._send = send
        self._disconnect = disconnect
        self._max_bytes = max_bytes
        self._ids = itertools.count(1)
        self._pending: dict[int, _PendingCall] = {}
        self.owner = owner
        self.unsupported: tuple[str, ...] = ()
        self._sources: dict[str, None] = {}

    async def call(
        self, name: str, request: LiveRequest, known: tuple[str, ...], on_progress: ProgressListener
    ) -> CachedImage | None:
        call = {"op": "call", "name": name, "known": list(known), "max_bytes": self._max_bytes} | request.as_json()
        image: CachedImage | None = await self._ask(
            call, None, lambda head, body: parse_kernel_answer(head, body, request, known), on_progress
        )
        return image

    async def redraw(self, job: RenderJob, limits: JobLimits, max_bytes: int) -> RenderResult:
        """Have the kernel draw a source that it has published, with other options.

        Raises
        ------
        FigServeError
            What the drawing failed with; ``NotFound`` when the kernel has not made the source.
        KernelUnavailable
            When the kernel ends.
        """
        limit = min(max_bytes, self._max_bytes)
        request = {
            "op": "redraw",
            "options": asdict(job.options),
            "max_bytes": limit,
            "max_pixels": limits.pixels,
            "timeout": job.timeout,
        }
        drawn: RenderResult = await self._ask(
            request, job.source, lambda head, body: parse_redraw(head, body, job.options, limits)
        )
        return drawn

    def has_source(self, digest: str) -> bool:
        """Whether the kernel has announced that it can draw a source."""
        return not self.is_closed and digest in self._sources

    @property
    def sources(self) -> tuple[str, ...]:
        """Digests of the sources that the kernel can draw, oldest first."""
        return tuple(self._sources)

    def receive_sources(self, head: dict[str, Any]) -> None:
        """Take the digests of the sources that the kernel has published, newest last.

        Raises
        ------
        InvalidInput
            The message has no lists of digests and of formats.
        """
        digests, unsupported = head.get("digests"), head.get("unsupported")
        if not isinstance(digests, list) or not isinstance(unsupported, list):
            raise InvalidInput("The list of sources is not valid.")
        self._sources = dict.fromkeys(one for one in digests[-_MAX_SOURCES:] if isinstance(one, str))
        self.unsupported = tuple(name for name in unsupported if isinstance(name, str) and name in FORMATS)

    async def _ask(
        self,
        request: dict[str, Any],
        body: bytes | None,
        parse: Callable[[dict[str, Any], bytes], Any],
        on_progress: ProgressListener | None = None,
    ) -> Any:
        if self.is_closed:
            raise KernelUnavailable
        rid = next(self._ids)
        pending = self._pending[rid] = _PendingCall(asyncio.get_running_loop().create_future(), parse, on_progress)
        try:
            self._send({**request, "rid": rid}, body)
            return await pending.future
        finally:
            self._pending.pop(rid, None)

    def receive(self, head: dict[str, Any], body: bytes) -> None:
        """Complete the call that a kernel's response belongs to, or report its progress.

        What belongs to no call under way is dropped.

        Raises
        ------
        InvalidInput
            When the head does not say which call it belongs to.
        """
        rid = head.get("rid")
        if not isinstance(rid, int):
            raise InvalidInput("The frame's rid is not the number of a call.")
        pending = self._pending.get(rid)
        if pending is None or pending.future.done():
            return
        if head.get("op") == "progress":
            progress = parse_progress(head)
            if progress is not None and pending.on_progress is not None:
                pending.on_progress(*progress)
            return
        try:
            check_size(body, self._max_bytes)
            pending.future.set_result(pending.parse(head, body))
        except FigServeError as error:
            pending.future.set_exception(error)

    def fail_calls(self, error: FigServeError) -> None:
        """Fail the calls under way, because what may be their answer cannot be read; they would wait for ever."""
        for pending in list(self._pending.values()):
            if not pending.future.done():
                pending.future.set_exception(error)

    def close(self) -> None:
        """Fail the calls under way and all later ones, and close the connection."""
        if self.is_closed:
            return
        self.is_closed = True
        self.fail_calls(KernelUnavailable())
        self._disconnect()
