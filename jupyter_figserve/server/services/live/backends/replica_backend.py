"""Calls to a kernel that is connected to another server on the same catalog. Server process."""

from __future__ import annotations

from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from .....model.kernel_lines import KernelLine
from .....model.live import LiveRequest
from .....model.progress import ProgressListener
from .....model.rendering import RenderResult
from .....sandbox.host.job_limits import JobLimits
from ...callers import Caller
from ..image_cache import CachedImage
from .backend import KernelUnavailable, LiveBackend, next_generation
from .kernel_answer import check_size, parse_kernel_answer, parse_redraw
from .replica_messages import ROUTE, ReplicaCall, ReplicaRedraw, parse_answer
from .replica_signer import ReplicaSigner

_MAX_CALL_SECONDS = 630.0
"""A little more than the longest timeout of a live figure."""


class ReplicaBackend:
    """A ``KernelBackend`` that passes calls on to the server which the kernel is connected to.

    Parameters
    ----------
    line
        Names the kernel and that server.
    max_bytes
        Upper limit of one image.

    Attributes
    ----------
    unsupported
        Names of formats that the kernel's Pillow cannot write.
    """

    is_stand_in = True
    """A connection of the kernel to this server is always the better one."""

    def __init__(self, http: AsyncHTTPClient, signer: ReplicaSigner, line: KernelLine, max_bytes: int) -> None:
        self.generation = next_generation()
        self.is_closed = False
        self.server = line.server
        self.kernel = line.kernel
        self._http = http
        self._signer = signer
        self._max_bytes = max_bytes
        self.receive_sources(line)

    def receive_sources(self, line: KernelLine) -> None:
        """Take what the other server has recorded of the sources that the kernel draws."""
        self.owner = line.owner
        self.unsupported = line.unsupported
        self._sources = frozenset(line.sources)

    def has_source(self, digest: str) -> bool:
        """Whether the kernel has announced to the other server that it can draw a source."""
        return not self.is_closed and digest in self._sources

    def on_behalf_of(self, caller: Caller, *, is_fresh: bool) -> LiveBackend:
        """Return a backend whose calls take the turns of a caller."""
        return _CallerBackend(self, caller, is_fresh=is_fresh)

    async def call(
        self, name: str, request: LiveRequest, known: tuple[str, ...], on_progress: ProgressListener
    ) -> CachedImage | None:
        return await self.send(ReplicaCall(self.kernel, name, request, known))

    async def send(self, call: ReplicaCall) -> CachedImage | None:
        """Send a call, and return the image; its progress is announced by the other server.

        Raises
        ------
        KernelUnavailable
            When the other server does not answer, or the kernel has left it.
        FigServeError
            What the call failed with.
        """
        head, content = await self._ask(call.to_bytes())
        return parse_kernel_answer(head, content, call.request, call.known)

    async def redraw(self, redraw: ReplicaRedraw, limits: JobLimits) -> RenderResult:
        """Have the other server ask the kernel to draw a source, and return the image.

        Raises
        ------
        KernelUnavailable
            When the other server does not answer, or the kernel has left it.
        FigServeError
            What the drawing failed with; ``NotFound`` when the kernel has not made the source.
        """
        head, content = await self._ask(redraw.to_bytes())
        return parse_redraw(head, content, redraw.options, limits)

    def close(self) -> None:
        self.is_closed = True

    async def _ask(self, body: bytes) -> tuple[dict[str, Any], bytes]:
        if self.is_closed:
            raise KernelUnavailable
        request = HTTPRequest(
            self.server + ROUTE,
            "POST",
            self._signer.make_headers(body),
            body,
            connect_timeout=1.0,
            request_timeout=_MAX_CALL_SECONDS,
            follow_redirects=False,
        )
        try:
            answer = await self._http.fetch(request)
        except (HTTPClientError, OSError) as error:
            raise KernelUnavailable from error
        head, content = parse_answer(answer.body)
        check_size(content, self._max_bytes)
        return head, content


class _CallerBackend:
    def __init__(self, backend: ReplicaBackend, caller: Caller, *, is_fresh: bool) -> None:
        self._backend = backend
        self._caller = caller
        self._is_fresh = is_fresh

    async def call(
        self, name: str, request: LiveRequest, known: tuple[str, ...], on_progress: ProgressListener
    ) -> CachedImage | None:
        call = ReplicaCall(self._backend.kernel, name, request, known, self._caller, self._is_fresh)
        return await self._backend.send(call)
