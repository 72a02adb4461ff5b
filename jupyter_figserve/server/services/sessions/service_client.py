"""Registers the kernels of a user's server with the JupyterHub's service. The user's server process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.ioloop import IOLoop, PeriodicCallback

from ....model.audiences import parse_audience
from ..events.service_events import ServiceEvents

_log = logging.getLogger("jupyter_figserve")
REGISTER_SECONDS = 2.0
"""How long the start of a kernel waits for the service."""
_RENEW_MILLISECONDS = 30_000
_MAX_SAID = 300
_MAX_MOVES = 1_000
_STATUS_SECONDS = 600.0
"""How long what the service allows is remembered."""


@dataclass(frozen=True)
class ServicePair:
    """The address and the key with which a kernel publishes to the service."""

    url: str
    key: str


class ServiceClient:
    """Registers kernels, renews and follows them, and ends them.

    Whether a kernel publishes to the service is decided once, before it starts.

    Parameters
    ----------
    url
        Address of the service, as this server and its kernels reach it.
    token
        The Hub's token of this server.
    scope
        Scope of this server's notebooks.
    ca_file
        Certificates to trust, for a service behind https; None for the system's.
    """

    name = "The JupyterHub's figserve service"

    def __init__(self, url: str, token: str, scope: str, ca_file: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._scope = scope
        self.ca_file = ca_file
        self._pairs: dict[str, ServicePair] = {}
        self._notebooks: dict[str, str] = {}
        self._renamed_from: dict[str, str] = {}
        """Paths that the service still knows notebooks by."""
        self._moves: deque[tuple[str, str]] = deque(maxlen=_MAX_MOVES)
        """Old and new paths that the service does not know yet, the oldest first."""
        self._is_moving = asyncio.Lock()
        self._problem: str | None = None
        self.max_audience: str | None = None
        """The widest audience of its links; None while it has not said."""
        self._status_until = 0.0
        self.events = ServiceEvents(self.url, self.headers, ca_file)
        self._changes: set[asyncio.Task[None]] = set()
        self._http: AsyncHTTPClient | None = None
        self._timer = PeriodicCallback(self.renew_all, _RENEW_MILLISECONDS)

    @property
    def headers(self) -> dict[str, str]:
        """What identifies this server's user there."""
        return {"Authorization": f"token {self._token}"}

    @property
    def path(self) -> str:
        """The path of its gallery, which is on the same host as this server for a browser."""
        return f"{urlsplit(self.url).path}/"

    def open(self) -> None:
        self._timer.start()
        self._later(self.read_status())

    async def close(self) -> None:
        """End all kernels, which stop with this server; the service ends those that nobody reports any more."""
        self._timer.stop()
        self.events.close()
        kernels = list(self._pairs)
        self._pairs.clear()
        # The ends and moves of a moment ago may be on their way.
        work = asyncio.gather(*map(self._end, kernels), *self._changes, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(work, REGISTER_SECONDS)
        if self._http is not None:
            self._http.close()

    def has(self, kernel: str) -> bool:
        """Whether a kernel publishes to the service."""
        return kernel in self._pairs

    async def register_new(self, manager: Any, kwargs: dict[str, Any]) -> ServicePair | None:
        """Choose the id of the kernel that is about to start with these arguments, and register it.

        None for a kernel that runs already, and whenever this fails: the kernel starts in any case.
        """
        given = kwargs.get("kernel_id")
        if given is not None and given in manager:
            return None
        try:
            kernel = str(given or manager.new_kernel_id(**kwargs))
        except Exception as error:
            self._warn(error)
            return None
        kwargs["kernel_id"] = kernel
        return await self.register(kernel)

    async def register(self, kernel: str) -> ServicePair | None:
        """Register a kernel that is about to start; None if it has to publish to its own server."""
        try:
            found = await asyncio.wait_for(self._put(kernel, ""), REGISTER_SECONDS)
            pair = ServicePair(self.url, str(found["key"]))
        except Exception as error:
            self._warn(error)
            return None
        self._pairs[kernel] = pair
        self._notebooks[kernel] = ""
        self._problem = None
        return pair

    def follow(self, kernel: str, notebook: str, renamed_from: str = "") -> None:
        """Tell the service the path of a kernel's notebook."""
        if kernel in self._pairs and self._notebooks.get(kernel) != notebook:
            self._notebooks[kernel] = notebook
            if renamed_from:
                self._renamed_from.setdefault(kernel, renamed_from)
            self._later(self._renew(kernel))

    def move(self, old: str, new: str) -> None:
        """Tell the service that a notebook or directory has a new path; again until it knows, in the same order."""
        self._moves.append((old, new))
        self._later(self._send_moves())

    def end(self, kernel: str) -> None:
        """Tell the service that a kernel has ended."""
        if self._pairs.pop(kernel, None) is not None:
            self._notebooks.pop(kernel, None)
            self._renamed_from.pop(kernel, None)
            self._later(self._end(kernel))

    async def renew_all(self) -> None:
        """Renew all leases, and what is known of the service."""
        await asyncio.gather(
            self.read_status(), self._send_moves(), *(self._renew(kernel) for kernel in list(self._pairs))
        )

    def watch_sessions(self, manager: Any, on_update: Callable[[], Any]) -> Callable[[], None]:
        """Call ``on_update`` when a front end changes a session, such as its path; return what ends this."""
        original = getattr(manager, "update_session", None)
        if original is None:
            return lambda: None

        async def update_session(*args: Any, **kwargs: Any) -> None:
            await original(*args, **kwargs)
            IOLoop.current().spawn_callback(on_update)

        manager.update_session = update_session
        return lambda: setattr(manager, "update_session", original)

    async def read_status(self) -> None:
        """Ask the service for whom links may be, where that is unknown or was asked long ago."""
        now = time.monotonic()
        if now < self._status_until:
            return
        # Without an answer, this is asked again with the next renewal; a kernel's registration logs the problem.
        with contextlib.suppress(Exception):
            widest = json.loads(await self._send("GET", "status"))["limits"]["max_audience"]
            self.max_audience = parse_audience(widest)
            self._status_until = now + _STATUS_SECONDS

    async def _renew(self, kernel: str) -> None:
        renamed_from = self._renamed_from.get(kernel, "")
        try:
            await self._put(kernel, self._notebooks.get(kernel, ""), renamed_from)
            self._problem = None
            if self._renamed_from.get(kernel) == renamed_from:
                self._renamed_from.pop(kernel, None)
        except Exception as error:
            self._warn(error)

    async def _send_moves(self) -> None:
        async with self._is_moving:
            while self._moves:
                old, new = self._moves[0]
                body = json.dumps({"scope": self._scope, "from": old, "to": new})
                try:
                    await self._send("POST", "notebooks/move", body)
                except Exception as error:
                    if not (isinstance(error, HTTPClientError) and error.code in (400, 404)):
                        self._warn(error)
                        return
                if self._moves and self._moves[0] == (old, new):
                    self._moves.popleft()

    async def _put(self, kernel: str, notebook: str, renamed_from: str = "") -> Mapping[str, Any]:
        body = {"scope": self._scope, "notebook": notebook, "renamed_from": renamed_from}
        if kernel in self._pairs:
            body["key"] = self._pairs[kernel].key
        found: dict[str, Any] = json.loads(await self._send("PUT", f"kernels/{kernel}", json.dumps(body)))
        return found

    async def _end(self, kernel: str) -> None:
        # The service ends the kernel by itself when its lease is over.
        with contextlib.suppress(Exception):
            await self._send("DELETE", f"kernels/{kernel}")

    async def _send(self, method: str, path: str, body: str | None = None) -> bytes:
        if self._http is None:
            self._http = AsyncHTTPClient(force_instance=True, max_clients=20)
        request = HTTPRequest(
            f"{self.url}/api/{path}",
            method,
            {**self.headers, "Content-Type": "application/json"},
            body,
            connect_timeout=REGISTER_SECONDS,
            request_timeout=10.0,
            follow_redirects=False,
            ca_certs=self.ca_file,
        )
        return (await self._http.fetch(request)).body

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    def _warn(self, error: Exception) -> None:
        """Log a problem once, until it is over."""
        said = _describe(error)
        if said != self._problem:
            self._problem = said
            _log.warning(
                "The figserve service at %s cannot be used: %s Kernels that start now publish to this server.",
                self.url,
                said,
            )


def _describe(error: Exception) -> str:
    """Return the service's own message, else what went wrong."""
    if isinstance(error, HTTPClientError) and error.response is not None:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(json.loads(error.response.body)["error"])[: 3 * _MAX_SAID]
    if isinstance(error, TimeoutError):
        return f"it does not answer within {REGISTER_SECONDS:.0f} s."
    return f"{type(error).__name__}: {error}"[:_MAX_SAID] + "."
