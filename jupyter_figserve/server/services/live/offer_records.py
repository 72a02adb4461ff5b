"""Records of what kernels offer, and which of it was deleted. Server process.

A kernel goes on to declare a function whose live figure was deleted. It stays deleted until its cell runs again, which
makes a new live figure, or until the deletion is undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ....model.figures import Identity, new_id
from ....model.live import LiveDeclaration, LiveFigureRecord
from ....store.store import Store

Offer = tuple[LiveFigureRecord, LiveDeclaration]


class OfferRecords:
    """Records the live figures that kernels declare, and remembers those that were deleted meanwhile."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._deleted: dict[str, LiveFigureRecord] = {}

    def is_deleted(self, live_id: str) -> bool:
        return live_id in self._deleted

    def delete(self, record: LiveFigureRecord) -> None:
        self._deleted[record.id] = record

    def restore(self, live_id: str) -> bool:
        """Note that a deletion was undone; return False if it was not noted."""
        return self._deleted.pop(live_id, None) is not None

    async def record(
        self, kernel: str, declared: Mapping[Identity, LiveDeclaration], before: Iterable[Offer]
    ) -> list[LiveFigureRecord]:
        """Return the record of each declaration, in order; only new and changed ones are written.

        Parameters
        ----------
        before
            What the kernel offered until now.
        """
        deleted = ((record, record.declaration) for record in self._deleted.values())
        known = {offer[0].identity: offer for offer in (*deleted, *before)}
        unchanged = {
            identity: known[identity][0]
            for identity, declaration in declared.items()
            if identity in known and _is_same(known[identity], declaration, self.is_deleted(known[identity][0].id))
        }
        new = {identity: declaration for identity, declaration in declared.items() if identity not in unchanged}
        recorded: Mapping[Identity, LiveFigureRecord] = {}
        if new and self._store.read_only_because is None:
            recorded, deleted_ids = await self._store.live.record_offers(kernel, new)
            self._deleted |= {record.id: record for record in recorded.values() if record.id in deleted_ids}
        elif new:
            # Until the store is writable again, their ids last as long as this server.
            now = self._store.clock()
            recorded = {one: LiveFigureRecord(new_id(), one, declaration, now, now) for one, declaration in new.items()}
        return [recorded[one] if one in recorded else unchanged[one] for one in declared]


def make_identity(owner: str, scope: str, notebook: str, kernel: str, name: str) -> Identity:
    """Return the identity of a kernel's live figure; without a notebook, it is the kernel's alone."""
    return Identity(owner, scope, notebook, "", name) if notebook else Identity(owner, "", "", kernel, name)


def _is_same(offer: Offer, declaration: LiveDeclaration, is_deleted: bool) -> bool:
    """Whether a declaration need not be recorded again.

    A refresh is no change: there may be many in a second, and it need not be stored. Of a deleted live figure, only
    another revision counts.
    """
    if is_deleted:
        return offer[1].revision == declaration.revision
    return replace(offer[1], refreshed="") == replace(declaration, refreshed="")
