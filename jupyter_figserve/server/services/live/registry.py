"""Registry of live figures: which kernel offers which, and what renders them when none does. Server process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ....model.live import LiveDeclaration, LiveFigureRecord
from ....store.store import Store
from ..sessions.kernel_registry import KernelRegistry
from .backends.backend import KernelBackend, KernelUnavailable, LiveBackend, is_superseded
from .offer_records import OfferRecords, make_identity

T = TypeVar("T")
OFFERED, CHANGED, GONE = "live.offered", "live.changed", "live.gone"
REFRESHED = "live.refreshed"
"""The data has changed, so that open pages refresh."""
LiveEventListener = Callable[[str, str, dict[str, Any]], None]
"""Takes the owner, the kind of the event and its data."""


@dataclass(frozen=True)
class LiveTarget:
    """A live figure with the backend that renders it.

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
    """Live figures by the kernel that offers them, each kernel with one backend.

    A newer backend of a kernel replaces the older one, and a stand-in never replaces another; what loses is closed. A
    closed backend is never found.

    Parameters
    ----------
    kernels
        Knows the notebooks of the kernels.
    find_detached
        Returns the target of a detached function, for a live figure that no kernel offers.
    listener
        Called when a live figure is offered, changed or gone.
    """

    def __init__(
        self,
        store: Store,
        kernels: KernelRegistry,
        find_detached: Callable[[LiveFigureRecord], Awaitable[LiveTarget | None]],
        listener: LiveEventListener,
    ) -> None:
        self._store = store
        self._kernels = kernels
        self._find_detached = find_detached
        self._listener = listener
        self.on_change: list[Callable[[str], None]] = []
        """Called with a kernel whose backend, or what it offers, has changed."""
        self._backends: dict[str, KernelBackend] = {}
        self._offered: dict[str, dict[str, LiveTarget]] = {}
        self._records = OfferRecords(store)

    async def register(
        self, owner: str, kernel: str, backend: KernelBackend, declarations: Sequence[LiveDeclaration]
    ) -> list[LiveFigureRecord]:
        """Replace the live figures that a kernel offers, and its backend.

        Raises
        ------
        KernelUnavailable
            When the backend was closed, or the kernel has a newer one, whose declarations stay.
        """
        self._install(kernel, backend)
        notebook = await self._find_notebook(kernel)
        scope = await self._kernels.find_scope(kernel)
        declared = {make_identity(owner, scope, notebook, kernel, one.name): one for one in declarations}
        before = [(target.record, target.declaration) for target in self._offered.get(kernel, {}).values()]
        records = await self._records.record(kernel, declared, before)
        if backend.is_closed or self._backends.get(kernel) is not backend:
            raise KernelUnavailable
        self._offer(kernel, backend, zip(records, declared.values(), strict=True))
        self.report_change(kernel)
        return records

    def adopt(
        self, kernel: str, backend: KernelBackend, offers: Iterable[tuple[LiveFigureRecord, LiveDeclaration]]
    ) -> None:
        """Take over what another server has recorded of a kernel that is connected to it.

        Raises
        ------
        KernelUnavailable
            When the kernel has a newer backend here.
        """
        self._install(kernel, backend)
        self._offer(kernel, backend, offers)

    def unregister(self, kernel: str, backend: KernelBackend | None = None) -> bool:
        """Close a kernel's backend and remove what it offers; False when the kernel has another backend already.

        Parameters
        ----------
        backend
            None for the one that the kernel has.
        """
        current = self._backends.get(kernel)
        if current is None or backend not in (None, current):
            return False
        del self._backends[kernel]
        current.close()
        for target in self._offered.pop(kernel, {}).values():
            self.notify(GONE, kernel, target.record)
        self.report_change(kernel)
        return True

    @property
    def connected(self) -> int:
        """Number of kernels that are reached by their agents."""
        return sum(not backend.is_closed and not backend.is_stand_in for backend in self._backends.values())

    def list_backends(self) -> Sequence[tuple[str, KernelBackend]]:
        """Return all kernels with their backends, the newest connection first."""
        return list(reversed(self._backends.items()))

    def find_backend(self, kernel: str) -> KernelBackend | None:
        """Return the open backend of a kernel."""
        backend = self._backends.get(kernel)
        if backend is not None and backend.is_closed:
            self.unregister(kernel, backend)
            return None
        return backend

    def runs(self, kernel: str | None) -> bool:
        """Whether this server runs the kernel, connected or not."""
        return kernel is not None and self._kernels.has(kernel)

    def list_of(self, kernel: str) -> Sequence[LiveTarget]:
        """Return the live figures that a kernel offers."""
        return [
            target
            for target in self._offered.get(kernel, {}).values()
            if not self._records.is_deleted(target.record.id)
        ]

    async def find(self, kernel: str, name: str) -> LiveTarget | None:
        """Return the live figure that a kernel offers, or once offered."""
        offered = self._offered.get(kernel, {}).get(name) if self.find_backend(kernel) is not None else None
        if offered is not None and not self._records.is_deleted(offered.record.id):
            return offered
        record = await self._store.live.find_in_session(kernel, name)
        if record is None or await self._find_detached(record) is None:
            return None if record is None else LiveTarget(record, record.declaration)
        # Another kernel may offer it meanwhile.
        return await self.find_by_id(record.id)

    async def find_by_id(self, live_id: str) -> LiveTarget | None:
        """Return the live figure as the newest kernel offers it, else as it is detached."""
        offered = next((target for target in self.list_offered() if target.record.id == live_id), None)
        if offered is not None:
            return offered
        record = await self._store.live.find(live_id)
        return None if record is None else await self._find_detached(record) or LiveTarget(record, record.declaration)

    async def call_current(self, target: LiveTarget, call: Callable[[LiveBackend], Awaitable[T]]) -> T:
        """Call the backend that the kernel has now; when another one replaces it meanwhile, call that one once.

        Raises
        ------
        KernelUnavailable
            When the kernel has none any more.
        """
        backend = self._find_current(target)
        try:
            return await call(backend)
        except KernelUnavailable:
            replacement = self._find_current(target)
            if replacement is backend:
                raise
            return await call(replacement)

    def rename_notebook(self, owner: str, old: str, new: str) -> None:
        """Record the new path of a notebook; the store has moved the records already."""
        for offered in self._offered.values():
            for name, target in offered.items():
                identity = target.record.identity
                if (identity.owner, identity.notebook) == (owner, old):
                    record = replace(target.record, identity=replace(identity, notebook=new))
                    offered[name] = replace(target, record=record)

    async def reload_owner(self, owner: str) -> None:
        """Read an owner's live figures again, which the store has transferred to another owner.

        Their links are answered by the same kernels, which offer them as the old owner's when they declare them again.
        """
        for offered in self._offered.values():
            for name, target in list(offered.items()):
                record = await self._store.live.find(target.record.id) if target.record.owner == owner else None
                if record is not None and offered.get(name) is target:
                    offered[name] = replace(target, record=record)

    def list_offered(self) -> list[LiveTarget]:
        """Return the live figures that kernels offer, the newest kernel's first."""
        open_ones = [kernel for kernel in reversed(list(self._offered)) if self.find_backend(kernel) is not None]
        return [target for kernel in open_ones for target in self.list_of(kernel)]

    def hide(self, record: LiveFigureRecord) -> None:
        """Note that a live figure was deleted: no kernel offers it, until its cell runs again or it is restored."""
        self._records.delete(record)
        self._report_change_of(record, GONE)

    def show(self, record: LiveFigureRecord) -> None:
        """Note that the deletion of a live figure was undone: the kernels that declared it offer it again."""
        if self._records.restore(record.id):
            self._report_change_of(record, OFFERED)

    def notify(self, kind: str, kernel: str | None, record: LiveFigureRecord, **details: Any) -> None:
        """Report an event of a live figure to the listener."""
        data = {"live": record.id, "session": kernel, "name": record.name, **details}
        self._listener(record.owner, kind, data | {"notebook": record.identity.notebook or None})

    def report_change(self, kernel: str) -> None:
        """Tell the listeners that something of a kernel has changed."""
        for listener in self.on_change:
            listener(kernel)

    def _report_change_of(self, record: LiveFigureRecord, kind: str) -> None:
        for kernel, offered in list(self._offered.items()):
            if any(target.record.id == record.id for target in offered.values()):
                self.notify(kind, kernel, record)
                self.report_change(kernel)

    def _offer(
        self, kernel: str, backend: KernelBackend, offers: Iterable[tuple[LiveFigureRecord, LiveDeclaration]]
    ) -> None:
        """Replace what a kernel offers, with an event for each change."""
        before = self._offered.get(kernel, {})
        self._offered[kernel] = {
            record.name: LiveTarget(record, declaration, kernel, backend) for record, declaration in offers
        }
        for name, target in self._offered[kernel].items():
            known = before.get(name)
            if self._records.is_deleted(target.record.id):
                continue
            if known is None or known.declaration.revision != target.declaration.revision:
                self.notify(OFFERED if known is None else CHANGED, kernel, target.record)
            elif known.declaration.refreshed != target.declaration.refreshed:
                self.notify(REFRESHED, kernel, target.record)
        for name in before.keys() - self._offered[kernel].keys():
            self.notify(GONE, kernel, before[name].record)

    def _find_current(self, target: LiveTarget) -> LiveBackend:
        """Return the backend for a target, which was found before its call waited for its turn."""
        backend = target.backend if target.kernel is None else self.find_backend(target.kernel)
        if backend is None:
            raise KernelUnavailable
        return backend

    def _install(self, kernel: str, backend: KernelBackend) -> None:
        """Make this the backend of a kernel's calls; the previous one is closed.

        What the kernel offered is offered still: after a dropped connection it declares the same again.
        """
        current = self._backends.get(kernel)
        if is_superseded(backend, current):
            raise KernelUnavailable
        if current is backend:
            return
        self._backends[kernel] = backend
        self._offered[kernel] = {
            name: replace(target, backend=backend) for name, target in self._offered.get(kernel, {}).items()
        }
        if current is not None:
            current.close()

    async def _find_notebook(self, kernel: str) -> str:
        notebook = await self._kernels.follow_notebook(kernel)
        if notebook:
            return notebook
        # A kernel that outlived its server is no longer one of Jupyter's sessions, but is one of ours.
        session = await self._store.sessions.find(kernel)
        return session.notebook if session else ""
