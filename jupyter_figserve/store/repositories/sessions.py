"""Sessions, and the keys of their kernels. Server process."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy.engine import Connection

from ...errors import Conflict, TooManyRequests
from ...model.keys import Key
from ...model.queries import DEFAULT_LIMIT
from ...model.sessions import Session
from ..catalog import keys, sessions
from ..catalog.dialects import lock_owners
from .repository import Repository


class SessionRepository(Repository):
    """Finds, lists, starts and ends sessions."""

    async def find(self, session_id: str) -> Session | None:
        return await self._read(sessions.find, session_id)

    async def find_many(self, session_ids: Collection[str]) -> dict[str, Session]:
        """Return the known ones of these sessions, by id."""
        return await self._read(sessions.find_many, session_ids)

    async def list_page(
        self,
        owner: str | None,
        *,
        notebook: str | None = None,
        alive: bool = False,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
    ) -> tuple[Sequence[Session], str | None]:
        """Return one page of sessions, newest first, and the cursor of the next (None at the end).

        Raises
        ------
        InvalidInput
            When the cursor is not valid.
        """
        return await self._read(sessions.list_page, owner, notebook=notebook, alive=alive, limit=limit, cursor=cursor)

    async def list_running(self, owner: str, limit: int) -> Sequence[Session]:
        """Return sessions that are alive, latest start first."""
        return await self._read(sessions.list_running, owner, limit)

    async def list_ended(self, owner: str, limit: int) -> Sequence[Session]:
        """Return sessions that have ended, latest end first."""
        return await self._read(sessions.list_ended, owner, limit)

    async def count_figures(self, session_ids: Sequence[str]) -> dict[str, int]:
        """Return how many figures each session made, without those that made none."""
        return await self._read(sessions.count_figures, list(session_ids))

    async def count_alive(self, owner: str) -> int:
        return await self._read(sessions.count_alive, owner)

    async def find_versions(self, session_id: str) -> dict[str, int]:
        """Return the newest version that a session made of each of its figures, by figure id."""
        return await self._read(sessions.find_versions, session_id)

    async def record(self, session: Session, key_id: str | None = None) -> None:
        """Add a session, or record that it was seen again and with which notebook.

        Parameters
        ----------
        key_id
            The key of its kernel, made before the kernel had an id; it is bound to the kernel.
        """

        def change(connection: Connection) -> None:
            if key_id is not None:
                keys.bind(connection, key_id, session.id)
            sessions.record(connection, session)

        await self._write(change)

    async def register(self, session: Session, key: Key, max_alive: int) -> Session | None:
        """Record a kernel that another server reports, with its key; return what was known of it.

        Raises
        ------
        Conflict
            When the kernel or the key is another owner's.
        TooManyRequests
            When the owner has ``max_alive`` running kernels already.
        """

        def change(connection: Connection) -> Session | None:
            lock_owners(connection, session.owner)
            known = sessions.find(connection, session.id)
            if known is not None and known.owner != session.owner:
                raise Conflict("Another owner has a kernel of this id. Use a new id.", code="kernel_taken")
            is_new = known is None or known.ended is not None
            if is_new and sessions.count_alive(connection, session.owner) >= max_alive:
                raise TooManyRequests(
                    f"You have {max_alive} kernels registered already (FigServe.registered_kernels). Shut some down.",
                    code="too_many_kernels",
                    retry_after=60,
                )
            keys.renew_for_kernel(connection, key)
            sessions.record(connection, session)
            return known

        return await self._write(change)

    async def list_silent(self, before: float, limit: int) -> Sequence[Session]:
        """Return running sessions that no server has reported since a time."""
        return await self._read(sessions.list_silent, before, limit)

    async def keep_alive(self, session_ids: Sequence[str], now: float, key_ttl: float) -> None:
        """Record that sessions are alive, and extend the keys of their kernels by ``key_ttl`` seconds."""

        def change(connection: Connection) -> None:
            sessions.keep_alive(connection, list(session_ids), now)
            for kernel in session_ids:
                keys.extend(connection, kernel, now + key_ttl)

        await self._write(change)

    def record_end(self, session_id: str, now: float) -> None:
        """End a session and revoke its kernel's key, without waiting for the disk."""
        self._write_later(_end, session_id, now)

    async def end(self, session_id: str, now: float) -> None:
        """End a session and revoke its kernel's key."""
        await self._write(_end, session_id, now)


def _end(connection: Connection, session_id: str, now: float) -> None:
    keys.remove_for_kernel(connection, session_id)
    sessions.end(connection, session_id, now)
