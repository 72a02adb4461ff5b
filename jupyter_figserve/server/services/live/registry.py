"""Which kernel offers which live figures, now: entered in the catalog, told to open pages. Server process."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ....model.figures import Identity, new_id
from ....model.live import LiveDeclaration, LiveFigureRecord
from ....store.store import Store
from .call_queue import LiveBackend

logger = logging.getLogger("jupyter_figserve")
OFFERED, CHANGED, GONE = "live.offered", "live.changed", "live.gone"
Tell = Callable[[str, str, LiveFigureRecord], None]
"""Takes what happened, the kernel, and the live figure."""


@dataclass(frozen=True)
class LiveTarget:
    """A live figure that may be asked for.

    Parameters
    ----------
    kernel
        Which offers it; None when none does.
    declaration
        As this kernel declared it; the record has the newest of all kernels.
    link
        The way to the kernel, else to the detached function; None when there is neither.
    """

    record: LiveFigureRecord
    declaration: LiveDeclaration
    kernel: str | None = None
    link: LiveBackend | None = None

    @property
    def place(self) -> str:
        """Where it is drawn: calls of one place wait for each other."""
        return self.kernel or f"detached {self.record.id}"


async def _find_nothing(record: LiveFigureRecord) -> LiveTarget | None:
    """Find nothing, where no detached functions are kept."""
    return None


class LiveRegistry:
    """What each kernel offers.

    Parameters
    ----------
    scope
        Of the notebooks of this server.
    follow_notebook
        The path of a kernel's notebook, "" when it has none.
    """

    def __init__(self, store: Store, scope: str, follow_notebook: Callable[[str], Awaitable[str]]) -> None:
        self.tell: Tell = lambda *_: None
        """Hears of what comes, changes and goes."""
        self.find_detached: Callable[[LiveFigureRecord], Awaitable[LiveTarget | None]] = _find_nothing
        """Gives what answers when no kernel does."""
        self._store = store
        self._scope = scope
        self._follow_notebook = follow_notebook
        self._offered: dict[str, dict[str, LiveTarget]] = {}

    async def take(
        self, owner: str, kernel: str, link: LiveBackend, declared: Sequence[LiveDeclaration]
    ) -> list[LiveFigureRecord]:
        """What a kernel offers now, in the place of what it offered before."""
        before = self._offered.get(kernel, {})
        notebook = await self._find_notebook(kernel)
        identities = [self._identity(owner, kernel, notebook, one.name) for one in declared]
        records = await self._enter(kernel, identities, declared, before)
        self._offered[kernel] = {
            record.name: LiveTarget(record, declaration, kernel, link)
            for record, declaration in zip(records, declared, strict=True)
        }
        for record, declaration in zip(records, declared, strict=True):
            known = before.get(record.name)
            if known is None or known.declaration.revision != declaration.revision:
                self.tell(OFFERED if known is None else CHANGED, kernel, record)
        for name in before.keys() - self._offered[kernel].keys():
            self.tell(GONE, kernel, before[name].record)
        return records

    def lose(self, kernel: str, link: LiveBackend) -> bool:
        """Forget what a kernel offered by a link that is closed; False when it has another one already."""
        offered = self._offered.get(kernel, {})
        if any(target.link is not link for target in offered.values()):
            return False
        for target in self._offered.pop(kernel, {}).values():
            self.tell(GONE, kernel, target.record)
        return True

    async def find(self, kernel: str, name: str) -> LiveTarget | None:
        """Offered by this kernel now; or once, in which case only what is detached has a link."""
        target = self._offered.get(kernel, {}).get(name)
        if target is not None:
            return target
        record = await self._store.live.find_in_session(kernel, name)
        if record is None or await self.find_detached(record) is None:
            return None if record is None else LiveTarget(record, record.declaration)
        return await self.get_by_id(record.id)

    async def get_by_id(self, live_id: str) -> LiveTarget | None:
        """By the newest kernel that offers it, else detached."""
        for offered in reversed(list(self._offered.values())):
            for target in offered.values():
                if target.record.id == live_id:
                    return target
        record = await self._store.live.find(live_id)
        return None if record is None else await self.find_detached(record) or LiveTarget(record, record.declaration)

    def all(self) -> list[LiveTarget]:
        """What is offered, by the newest kernel first."""
        return [target for offered in reversed(list(self._offered.values())) for target in offered.values()]

    async def _find_notebook(self, kernel: str) -> str:
        notebook = await self._follow_notebook(kernel)
        if notebook:
            return notebook
        # A kernel that outlived its server is no session of Jupyter's any more, but was one of ours.
        session = await self._store.sessions.find(kernel)
        return session.notebook if session else ""

    def _identity(self, owner: str, kernel: str, notebook: str, name: str) -> Identity:
        return Identity(owner, self._scope, notebook, "", name) if notebook else Identity(owner, "", "", kernel, name)

    async def _enter(
        self,
        kernel: str,
        identities: Sequence[Identity],
        declared: Sequence[LiveDeclaration],
        before: dict[str, LiveTarget],
    ) -> list[LiveFigureRecord]:
        """The records; only what is new is written."""
        known = {target.record.identity: target for target in before.values()}
        now = self._store.clock()

        def is_same(identity: Identity, declaration: LiveDeclaration) -> bool:
            return identity in known and known[identity].declaration == declaration

        new = [pair for pair in zip(identities, declared, strict=True) if not is_same(*pair)]

        entered: dict[Identity, LiveFigureRecord] = {}
        if new and self._store.read_only_because is None:
            entered = await self._store.live.record_offers(kernel, dict(new))
        elif new:
            # Until the store can be written again, they have an id of this server's life.
            entered = {one: LiveFigureRecord(new_id(), one, declaration, now, now) for one, declaration in new}
        return [entered[one] if one in entered else known[one].record for one in identities]
