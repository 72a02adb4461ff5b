"""Kernels that are registered with a Hub's service."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import Conflict, TooManyRequests
from jupyter_figserve.model.keys import split_key
from jupyter_figserve.server.services.sessions.registered_kernels import LEASE_SECONDS, KernelReport, RegisteredKernels


@pytest.fixture
def kernels(context, clock) -> RegisteredKernels:
    """At most two of each owner."""
    return RegisteredKernels(context.store, 2)


async def is_valid(context, key: str) -> bool:
    found = await context.store.keys.find(split_key(key)[0])
    return found is not None and found.is_good(split_key(key)[1], context.store.clock())


async def test_key_ends_with_the_lease(kernels, context, clock):
    """A renewal extends it; without one, the session ends and its listeners hear of it."""
    ended = []
    kernels.on_end.append(lambda session: ended.append(session.id))
    key = await kernels.register("ann", KernelReport("k", "hub", "a.ipynb"))
    clock.advance(LEASE_SECONDS - 1)
    assert await kernels.register("ann", KernelReport("k", "hub", "a.ipynb", key=key)) == ""
    clock.advance(LEASE_SECONDS - 1)
    await kernels.sweep()
    assert await is_valid(context, key)
    clock.advance(2)
    assert not await is_valid(context, key)
    await kernels.sweep()
    assert ended == ["k"]
    await kernels.sweep()
    assert ended == ["k"]
    assert (await context.store.sessions.find("k")).ended is not None


async def test_kernel_comes_back_with_its_key(kernels, context, clock):
    """After a time in which its server could not reach the service, also when the key was collected."""
    key = await kernels.register("ann", KernelReport("k", "hub"))
    clock.advance(10 * LEASE_SECONDS)
    await kernels.sweep()
    assert not await is_valid(context, key)
    started = []
    kernels.on_start.append(lambda session: started.append(session.id))
    assert await kernels.register("ann", KernelReport("k", "hub", key=key)) == ""
    assert started == ["k"]
    assert await is_valid(context, key)
    assert (await context.store.sessions.find("k")).ended is None


async def test_leases_outlive_a_pause_of_the_service(kernels, context, clock):
    """Nobody could renew them meanwhile."""
    key = await kernels.register("ann", KernelReport("k", "hub"))
    clock.advance(10 * LEASE_SECONDS)
    kernels.open()
    await kernels.sweep()
    await kernels.sweep()
    assert await is_valid(context, key)
    clock.advance(LEASE_SECONDS + 1)
    await kernels.sweep()
    assert not await is_valid(context, key)
    kernels.close()


async def test_new_registration_replaces_the_key(kernels, context):
    """When the first response was lost."""
    first = await kernels.register("ann", KernelReport("k", "hub"))
    second = await kernels.register("ann", KernelReport("k", "hub"))
    assert (await is_valid(context, first), await is_valid(context, second)) == (False, True)


async def test_others_kernels_and_keys_are_refused(kernels, context):
    """And stay what they are."""
    key = await kernels.register("ann", KernelReport("k", "hub", "a.ipynb"))
    for report in (KernelReport("k", "hub"), KernelReport("other", "hub", key=key)):
        with pytest.raises(Conflict):
            await kernels.register("bob", report)
    assert not await kernels.end("bob", "k")
    found = await context.store.sessions.find("k")
    assert (found.owner, found.notebook, found.ended) == ("ann", "a.ipynb", None)
    assert await is_valid(context, key)


async def test_kernels_of_an_owner_are_bounded(kernels):
    """Renewals and other owners are not; an ended one makes room."""
    for name in ("a", "b"):
        await kernels.register("ann", KernelReport(name, "hub"))
    with pytest.raises(TooManyRequests, match="registered_kernels"):
        await kernels.register("ann", KernelReport("c", "hub"))
    await kernels.register("ann", KernelReport("a", "hub"))
    await kernels.register("bob", KernelReport("d", "hub"))
    assert await kernels.end("ann", "a")
    await kernels.register("ann", KernelReport("c", "hub"))


async def test_rename_moves_what_is_the_owners(kernels, context):
    """Its sessions, and those of nobody else; listeners hear the old path."""
    notified = []
    kernels.on_rename.append(lambda session, old: notified.append((session.id, old, session.notebook)))
    for owner, kernel in (("ann", "a"), ("ann", "other"), ("bob", "b")):
        await kernels.register(owner, KernelReport(kernel, "hub", "old.ipynb"))
    await kernels.register("ann", KernelReport("a", "hub", "new.ipynb", "old.ipynb"))
    assert notified == [("a", "old.ipynb", "new.ipynb")]
    for kernel, notebook in (("a", "new.ipynb"), ("other", "new.ipynb"), ("b", "old.ipynb")):
        assert (await context.store.sessions.find(kernel)).notebook == notebook
