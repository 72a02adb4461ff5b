"""Registry of live figures: which kernel offers which, and what answers when none does. Server process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ....model.figures import Identity, new_id
from ....model.live import LiveDeclaration, LiveFigureRecord
from ....store.store import Store
from .backend import LiveBackend

OFFERED, CHANGED, GONE = "live.offered", "live.changed", "live.gone"
REFRESHED, PROGRESS = "live.refreshed", "live.progress"
"""The data has changed, so that open pages ask again; a running call reports its progress."""
LiveEventListener = Callable[[str, str, dict[str, Any]], None]
"""Takes the owner, the kind of the event and its data."""


@dataclass(frozen=True)
class LiveTarget:
    """A live figure with what answers for it.

    Parameters
    ----------
    kernel
        Id of the kernel that offers it; None when none does.
    declaration
        As this kernel declared it; the record has the newest of all kernels.
    backend
        Calls the kernel, or else the detached function; None when there is neither.
    """

    record: LiveFigureRecord
    declaration: LiveDeclaration
    kernel: str | None = None
    backend: LiveBackend | None = None

    @property
    def queue_key(self) -> str:
        """Names the queue of its calls: one for each kernel and each detached function."""
        return self.kernel or f"detached {self.record.id}"


class LiveRegistry:
    """Live figures by the kernel that offers them.

    Parameters
    ----------
    scope
        Scope of this server's notebooks.
    follow_notebook
        Returns the path of a kernel's notebook, "" when it has none.
    find_detached
        Returns the target of a detached function, for a live figure that no kernel offers.
    listener
        Called when a live figure is offered, changed or gone.
    """

    def __init__(
        self,
        store: Store,
        scope: str,
        follow_notebook: Callable[[str], Awaitable[str]],
        find_detached: Callable[[LiveFigureRecord], Awaitable[LiveTarget | None]],
        listener: LiveEventListener,
    ) -> None:
        self._store = store
        self._scope = scope
        self._follow_notebook = follow_notebook
        self._find_detached = find_detached
        self._listener = listener
        self._offered: dict[str, dict[str, LiveTarget]] = {}

    async def register(
        self, owner: str, kernel: str, backend: LiveBackend, declarations: Sequence[LiveDeclaration]
    ) -> list[LiveFigureRecord]:
        """Replace what a kernel offers."""
        before = self._offered.get(kernel, {})
        notebook = await self._find_notebook(kernel)
        declared = {self._identity(owner, kernel, notebook, one.name): one for one in declarations}
        records = await self._record(kernel, declared, before)
        self._offered[kernel] = {
            record.name: LiveTarget(record, declaration, kernel, backend)
            for record, declaration in zip(records, declared.values(), strict=True)
        }
        for name, target in self._offered[kernel].items():
            known = before.get(name)
            if known is None or known.declaration.revision != target.declaration.revision:
                self.notify(OFFERED if known is None else CHANGED, kernel, target.record)
            elif known.declaration.refreshed != target.declaration.refreshed:
                self.notify(REFRESHED, kernel, target.record)
        for name in before.keys() - self._offered[kernel].keys():
            self.notify(GONE, kernel, before[name].record)
        return records

    def unregister(self, kernel: str, backend: LiveBackend) -> bool:
        """Remove what a kernel offers through a backend that is closed; False when it has another one already."""
        if any(target.backend is not backend for target in self._offered.get(kernel, {}).values()):
            return False
        for target in self._offered.pop(kernel, {}).values():
            self.notify(GONE, kernel, target.record)
        return True

    async def find(self, kernel: str, name: str) -> LiveTarget | None:
        """Return the live figure that a kernel offers, or once offered."""
        target = self._offered.get(kernel, {}).get(name)
        if target is not None:
            return target
        record = await self._store.live.find_in_session(kernel, name)
        if record is None or await self._find_detached(record) is None:
            return None if record is None else LiveTarget(record, record.declaration)
        # Another kernel may offer it meanwhile.
        return await self.get_by_id(record.id)

    async def get_by_id(self, live_id: str) -> LiveTarget | None:
        """Return the live figure as the newest kernel offers it, else as it is detached."""
        offered = next((target for target in self.list_offered() if target.record.id == live_id), None)
        if offered is not None:
            return offered
        record = await self._store.live.find(live_id)
        return None if record is None else await self._find_detached(record) or LiveTarget(record, record.declaration)

    def rename_notebook(self, old: str, new: str) -> None:
        """Note that the notebook of some kernels has another path; the store has moved their records."""
        for offered in self._offered.values():
            for name, target in offered.items():
                identity = target.record.identity
                if identity.notebook == old:
                    record = replace(target.record, identity=replace(identity, notebook=new))
                    offered[name] = replace(target, record=record)

    def list_offered(self) -> list[LiveTarget]:
        """Return what kernels offer, the newest kernel's first."""
        return [target for offered in reversed(self._offered.values()) for target in offered.values()]

    def notify(self, kind: str, kernel: str | None, record: LiveFigureRecord, **details: Any) -> None:
        """Report an event of a live figure to the listener."""
        data = {"live": record.id, "session": kernel, "name": record.name, **details}
        self._listener(record.owner, kind, data | {"notebook": record.identity.notebook or None})

    async def _find_notebook(self, kernel: str) -> str:
        notebook = await self._follow_notebook(kernel)
        if notebook:
            return notebook
        # A kernel that outlived its server is no longer a session of Jupyter's, but is one of ours.
        session = await self._store.sessions.find(kernel)
        return session.notebook if session else ""

    def _identity(self, owner: str, kernel: str, notebook: str, name: str) -> Identity:
        return Identity(owner, self._scope, notebook, "", name) if notebook else Identity(owner, "", "", kernel, name)

    async def _record(
        self, kernel: str, declared: Mapping[Identity, LiveDeclaration], before: Mapping[str, LiveTarget]
    ) -> list[LiveFigureRecord]:
        """Return the records; only new and changed declarations are written."""
        known = {target.record.identity: target for target in before.values()}
        # A refresh is no change: it may come many times in a second, and need not be stored.
        unchanged = {
            one
            for one in declared
            if one in known and replace(known[one].declaration, refreshed="") == replace(declared[one], refreshed="")
        }
        new = {one: declaration for one, declaration in declared.items() if one not in unchanged}
        recorded: Mapping[Identity, LiveFigureRecord] = {}
        if new and self._store.read_only_because is None:
            recorded = await self._store.live.record_offers(kernel, new)
        elif new:
            # Until the store is writable again, their ids last as long as this server.
            now = self._store.clock()
            recorded = {one: LiveFigureRecord(new_id(), one, declaration, now, now) for one, declaration in new.items()}
        return [recorded[one] if one in recorded else known[one].record for one in declared]
