"""Calls to a kernel that is connected to another server on the same catalog. Server process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from ....errors import DeadlineExceeded, FigServeError, InvalidInput, TooManyRequests, Unavailable
from ....model.live import LiveRequest
from ....model.progress import ProgressListener
from ..callers import OWNER, Caller, Priority
from .agent_frames import make_frame, parse_frame
from .backend import KernelUnavailable, LiveBackend, next_generation
from .image_cache import CachedImage
from .kernel_answer import check_size, make_kernel_answer, parse_kernel_answer
from .replica_signer import ReplicaSigner

ROUTE = "/api/replicas/calls"
_TEMPORARY: dict[str, type[Unavailable] | type[TooManyRequests]] = {
    kind.__name__: kind for kind in (Unavailable, DeadlineExceeded, TooManyRequests)
}
_MAX_CALL_SECONDS = 630.0
"""A little more than the longest timeout of a live figure."""


@dataclass(frozen=True)
class ReplicaCall:
    """A live call that one server passes on to another.

    Parameters
    ----------
    known
        Versions of the data whose images the asking server has.
    caller
        Whose turn it takes in the kernel's queue.
    is_fresh
        Whether to join only a call that still waits for its turn.
    """

    kernel: str
    name: str
    request: LiveRequest
    known: tuple[str, ...] = ()
    caller: Caller = OWNER
    is_fresh: bool = False

    def to_bytes(self) -> bytes:
        return json.dumps(
            {
                "kernel": self.kernel,
                "name": self.name,
                "request": self.request.to_json(),
                "known": list(self.known),
                "caller": [int(self.caller.priority), self.caller.share],
                "is_fresh": self.is_fresh,
            }
        ).encode()

    @classmethod
    def from_bytes(cls, body: bytes) -> ReplicaCall:
        """Read a call.

        Raises
        ------
        InvalidInput
            When it is not valid.
        """
        try:
            row = json.loads(body)
            priority, share = row["caller"]
            return cls(
                str(row["kernel"]),
                str(row["name"]),
                LiveRequest.from_json(row["request"]),
                tuple(map(str, row["known"])),
                Caller(Priority(priority), str(share)),
                bool(row["is_fresh"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidInput("This is not a call of a live figure.") from error


class ReplicaBackend:
    """A ``KernelBackend`` that passes calls on to the server which the kernel is connected to.

    Parameters
    ----------
    server
        Address of that server.
    max_bytes
        Upper limit of one image.
    """

    is_stand_in = True
    """A connection of the kernel to this server is always the better one."""

    def __init__(self, http: AsyncHTTPClient, signer: ReplicaSigner, server: str, kernel: str, max_bytes: int) -> None:
        self.generation = next_generation()
        self.is_closed = False
        self.server = server
        self.kernel = kernel
        self._http = http
        self._signer = signer
        self._max_bytes = max_bytes

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
        if self.is_closed:
            raise KernelUnavailable
        body = call.to_bytes()
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
        head, content = parse_frame(answer.body)
        if isinstance(found := head.get("temporary"), dict):
            raise _parse_temporary(found)
        check_size(content, self._max_bytes)
        return parse_kernel_answer(head, content, call.request, call.known)

    def close(self) -> None:
        self.is_closed = True


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


def make_answer(result: CachedImage | FigServeError, known: tuple[str, ...]) -> bytes:
    """Return the answer to a call: an image, unless the data still has a known version, or an error."""
    if isinstance(result, KernelUnavailable) or not isinstance(result, (Unavailable, TooManyRequests)):
        return make_frame(*make_kernel_answer(result, known))
    kind = next(name for name, one in reversed(_TEMPORARY.items()) if isinstance(result, one))
    row = {"type": kind, "message": result.message, "code": result.code, "retry_after": result.retry_after}
    return make_frame({"temporary": row}, b"")


def _parse_temporary(row: dict[str, Any]) -> FigServeError:
    kind = _TEMPORARY.get(str(row.get("type")), Unavailable)
    retry_after = row.get("retry_after")
    return kind(
        str(row.get("message")),
        code=str(row.get("code")),
        retry_after=retry_after if isinstance(retry_after, int) else 1,
    )
