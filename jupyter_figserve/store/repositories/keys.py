"""API keys. Server process."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.keys import Key
from ...model.queries import DEFAULT_LIMIT
from ..catalog import keys
from .repository import Repository


class KeyRepository(Repository):
    """Finds, adds and revokes keys."""

    async def find(self, key_id: str) -> Key | None:
        return await self._read(keys.find, key_id)

    async def list(self, owner: str | None = None, limit: int = DEFAULT_LIMIT) -> Sequence[Key]:
        """Return keys, newest first, without those of kernels; of one owner, or of all for None."""
        return await self._read(keys.list_all, owner, limit)

    async def add(self, key: Key) -> None:
        await self._write(keys.add, key)

    async def remove(self, key_id: str) -> bool:
        """Revoke a key; return False when it is gone already."""
        return await self._write(keys.remove, key_id)

    def discard(self, key_id: str) -> None:
        """Revoke a key without waiting for the disk."""
        self._write_later(keys.remove, key_id)

    def record_use(self, key_id: str, now: float) -> None:
        """Record when a key was last used, without waiting for the disk."""
        self._write_later(keys.record_use, key_id, now)
