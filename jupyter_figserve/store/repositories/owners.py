"""Owners, for administrators: who has how much, and moving everything of one to another. Server process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from ...model.links import DASHBOARD, FIGURE, LIVE, Target
from ...model.owners import OwnerPerson, OwnerUsage, OwnQuota
from ...model.queries import DEFAULT_LIMIT
from ..catalog import owner_usage, owners, transfers
from ..catalog.database import Catalog
from .repository import Repository

_BATCH = 100
_KINDS = (FIGURE, LIVE, DASHBOARD)


@dataclass(frozen=True)
class Transfer:
    """Counts of what moved, by kind, and the ids of what stayed: its name was taken."""

    moved: Mapping[str, int]
    kept: tuple[str, ...]


class OwnerRepository(Repository):
    """Lists owners and transfers what they have.

    Parameters
    ----------
    write_manifest
        Brings the manifest of a record up to date, in a write transaction.
    """

    def __init__(self, catalog: Catalog, write_manifest: Callable[[Connection, Target], None]) -> None:
        super().__init__(catalog)
        self._write_manifest = write_manifest

    async def list_page(
        self, limit: int = DEFAULT_LIMIT, cursor: str | None = None, text: str | None = None
    ) -> tuple[Sequence[OwnerUsage], str | None]:
        """Return one page of owners with anything stored or set, and the cursor of the next (None at the end).

        Those with the most bytes are first.

        Parameters
        ----------
        text
            Part of their names; None for all.

        Raises
        ------
        InvalidInput
            When the cursor is not valid.
        """
        return await self._read_in_thread(owner_usage.list_page, limit, cursor, text)

    async def describe(self, owner: str) -> OwnerUsage:
        """Return what one owner has, who may have nothing."""
        return await self._read_in_thread(owner_usage.describe, owner)

    async def set_quota(self, owner: str, quota: OwnQuota) -> None:
        """Set the quota of one owner, which the next publish obeys."""
        await self._write(owners.set_quota, owner, quota)

    async def find_person(self, owner: str) -> OwnerPerson:
        """Return what is known of the person who has this name."""
        return await self._read(owners.find_person, owner)

    async def find_namesake(self, owner: str) -> str | None:
        """Return another name that the same person has now, None when none is known."""
        return await self._read(owners.find_namesake, owner)

    async def has_anything(self, owner: str) -> bool:
        """Whether anything is stored under an owner's name, or for the person of this name."""
        return await self._read(owners.has_anything, owner)

    async def adopt(self, owner: str, created: str) -> None:
        """Remember whom the name means now."""
        await self._write(owners.put, owner, hub_created=created, departed=None)

    async def mark_departed(self, owner: str, now: float) -> None:
        """Remember that nobody has the name any more."""
        await self._write(owners.put, owner, departed=now)

    async def transfer(self, old: str, new: str, *, is_renamed: bool) -> Transfer:
        """Move everything of one owner to another, with links and versions; links keep their addresses.

        It works in batches and can be repeated after a kill.

        Parameters
        ----------
        is_renamed
            Whether both are the same person: keys stay valid, and links of others for the old name are for the new one.
            Else the keys of the old owner are revoked, but for those of running kernels, which publish on as theirs.
        """
        moved = dict.fromkeys(_KINDS, 0)
        kept: tuple[str, ...] = ()
        for kind in _KINDS:
            last: str | None = None
            while True:
                done, stayed, last = await self._write(self._transfer_batch, kind, old, new, last)
                moved[kind] += len(done)
                kept += tuple(stayed)
                if last is None:
                    break
        await self._write(self._transfer_rest, old, new, is_renamed=is_renamed)
        return Transfer(moved, kept)

    def _transfer_batch(
        self, connection: Connection, kind: str, old: str, new: str, after: str | None
    ) -> tuple[Sequence[str], Sequence[str], str | None]:
        moved, stayed, last = transfers.transfer_batch(connection, kind, old, new, after, _BATCH)
        for record_id in moved:
            self._write_manifest(connection, Target(kind, record_id))
        return moved, stayed, last

    def _transfer_rest(self, connection: Connection, old: str, new: str, *, is_renamed: bool) -> None:
        targets = transfers.find_targets_for(connection, old) if is_renamed else []
        transfers.transfer_rest(connection, old, new, is_renamed=is_renamed)
        for kind, target in targets:
            self._write_manifest(connection, Target(kind, target))
