"""The kernels that users' servers have registered with a JupyterHub's service. Server process.

A registration is a session in the catalog with its kernel's key. It is a lease: the user's server renews it, and the
key ends with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tornado.ioloop import IOLoop, PeriodicCallback

from ....errors import Unavailable
from ....model.keys import KERNEL_SCOPES, Key, new_key, split_key
from ....model.links import hash_secret
from ....model.sessions import Session
from ....store.store import Store

LEASE_SECONDS = 90.0
_SWEEP_MILLISECONDS = 15_000
_MAX_ENDED = 1_000
"""Leases that one sweep ends."""
_MAX_EXTENDED = 10_000


@dataclass(frozen=True)
class KernelReport:
    """What a user's server says about a kernel.

    Parameters
    ----------
    scope
        Distinguishes the notebooks of the user's servers.
    renamed_from
        Path that the notebook had before it was renamed, "" when it was not.
    key
        The key that the kernel has already; "" asks for a new one.
    """

    kernel: str
    scope: str
    notebook: str = ""
    renamed_from: str = ""
    key: str = ""


class RegisteredKernels:
    """Registers kernels, and ends those that are not renewed.

    Parameters
    ----------
    max_kernels
        Maximum number of registered kernels of one owner.
    """

    def __init__(self, store: Store, max_kernels: int) -> None:
        self.on_start: list[Callable[[Session], None]] = []
        """Called with the session of a kernel that was not registered before."""
        self.on_rename: list[Callable[[Session, str], None]] = []
        """Called with a session, and the path that its notebook had before."""
        self.on_end: list[Callable[[Session], None]] = []
        """Called with a session that has ended."""
        self._store = store
        self._max_kernels = max_kernels
        self._is_cut_off = False
        """Whether nobody could renew a lease since the last sweep: the service or its database was down."""
        self._timer = PeriodicCallback(self.sweep, _SWEEP_MILLISECONDS)

    def open(self) -> None:
        self._is_cut_off = True
        self._timer.start()
        IOLoop.current().add_callback(self.sweep)

    def close(self) -> None:
        self._timer.stop()

    def has(self, kernel: str) -> bool:
        return False

    async def follow_all(self) -> None:
        """Do nothing: the users' servers report each change."""

    async def follow_notebook(self, kernel: str) -> str:
        session = await self._store.sessions.find(kernel)
        return session.notebook if session else ""

    async def find_scope(self, kernel: str) -> str:
        session = await self._store.sessions.find(kernel)
        return session.scope if session else ""

    async def register(self, owner: str, report: KernelReport) -> str:
        """Register a kernel of an owner, or renew its lease; return the text of its new key, "" if it keeps one.

        Raises
        ------
        Conflict
            When the kernel or the key is another owner's.
        TooManyRequests
            When the owner has too many kernels.
        """
        now = self._store.clock()
        given = split_key(report.key)
        key_id, secret, text = (*given, "") if given is not None else new_key()
        key = Key(
            key_id, hash_secret(secret), owner, KERNEL_SCOPES, now, now + LEASE_SECONDS, "kernel", kernel=report.kernel
        )
        session = Session(report.kernel, owner, report.scope, report.notebook, now, now)
        known = await self._store.sessions.register(session, key, self._max_kernels)
        is_running = known is not None and known.ended is None
        if report.renamed_from and report.notebook:
            await self._store.rename_notebook(owner, report.scope, report.renamed_from, report.notebook)
            for listener in self.on_rename:
                listener(session, report.renamed_from)
        if not is_running:
            for starts in self.on_start:
                starts(session)
        return text

    async def end(self, owner: str, kernel: str) -> bool:
        """End a kernel of an owner; False when there is none."""
        session = await self._store.sessions.find(kernel)
        if session is None or session.owner != owner or session.ended is not None:
            return False
        await self._end(session)
        return True

    async def sweep(self) -> None:
        """End the kernels whose lease is over; after an outage of the database, all leases start anew instead."""
        if self._store.read_only_because is not None:
            return
        try:
            if self._is_cut_off:
                await self._extend_all()
                self._is_cut_off = False
            else:
                await self._end_silent()
        except Unavailable:
            self._is_cut_off = True

    async def _end_silent(self) -> None:
        for session in await self._store.sessions.list_silent(self._store.clock() - LEASE_SECONDS, _MAX_ENDED):
            await self._end(session)

    async def _extend_all(self) -> None:
        """Start all leases anew: nobody could renew them while this service was down."""
        now = self._store.clock()
        running = await self._store.sessions.list_silent(now, _MAX_EXTENDED)
        await self._store.sessions.keep_alive([one.id for one in running], now, LEASE_SECONDS)

    async def _end(self, session: Session) -> None:
        await self._store.sessions.end(session.id, self._store.clock())
        for listener in self.on_end:
            listener(session)
