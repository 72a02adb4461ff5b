"""Resolution of link tokens: what is found, what is cached, and what is rejected."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_figserve.model.figures import EncodedImage, FigureRecord, Identity
from jupyter_figserve.model.links import FIGURE, Link, Target, hash_secret, new_link_id
from jupyter_figserve.model.new_version import NewVersion
from jupyter_figserve.server.services.links.resolver import LinkNotFound, LinkResolver
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.store import Store

from ....tokens import new_token
from ...conftest import Clock

START = 1_800_000_000.0


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def store(tmp_path, clock) -> Iterator[Store]:
    store = open_store(tmp_path / "figures", clock=clock)
    yield store
    store.close()


@pytest.fixture
def reads(store, monkeypatch) -> list[str]:
    """Tokens that were looked up in the catalog."""
    found: list[str] = []
    find = store.links.find_shown

    async def counted(token: str) -> tuple[Link | None, FigureRecord | None]:
        found.append(token)
        return await find(token)

    monkeypatch.setattr(store.links, "find_shown", counted)
    return found


@pytest.fixture
def resolver(store) -> LinkResolver:
    return LinkResolver(store)


async def publish(store, data: bytes = b"one"):
    identity = Identity("ann", "", "a.ipynb", "", "sales")
    return await store.figures.publish(NewVersion(identity, (EncodedImage("image/png", data, 1, 1, 100.0),), "", ""))


async def share(store, figure, **fields) -> tuple[str, Link]:
    token = new_token()
    link = Link(
        id=new_link_id(), token_hash=hash_secret(token), target=Target(FIGURE, figure.id), created=START, **fields
    )
    await store.links.add(link)
    return token, link


async def test_figure_of_a_link(store, resolver):
    """The newest version, or the one that the link is limited to."""
    figure = await publish(store)
    (newest, _), (pinned, _) = await share(store, figure), await share(store, figure, version=1)
    await publish(store, b"two")
    assert (await resolver.find(newest)).figure.version.number == 2
    assert (await resolver.find(pinned)).figure.version.number == 1


async def test_result_is_cached_until_the_catalog_changes(store, resolver, reads):
    """Also that a token is unknown; any write, such as a new version, makes the cache stale."""
    figure = await publish(store)
    token, _ = await share(store, figure)
    for _ in range(3):
        first = await resolver.find(token)
        with pytest.raises(LinkNotFound):
            await resolver.find("x" * 32)
    assert reads == [token, "x" * 32]
    await publish(store, b"two")
    assert (await resolver.find(token)).figure.version.number == first.figure.version.number + 1


async def test_cached_link_expires(store, resolver, clock):
    """Expiry is checked on every request, not only when the link is read."""
    token, link = await share(store, await publish(store), expires=START + 10)
    assert (await resolver.find(token)).link.id == link.id
    clock.now = START + 10
    with pytest.raises(LinkNotFound):
        await resolver.find(token)
    with pytest.raises(LinkNotFound):
        await resolver.check_id(link.id)


async def test_revoked_and_paused_links_are_not_found(store, resolver):
    """By token and by id, at the next request."""
    figure = await publish(store)
    (paused, one), (revoked, other) = await share(store, figure), await share(store, figure)
    for token, link in ((paused, one), (revoked, other)):
        await resolver.find(token)
        await resolver.check_id(link.id)
    await store.links.change(one, {"paused": True})
    await store.links.revoke(other)
    for token, link in ((paused, one), (revoked, other)):
        with pytest.raises(LinkNotFound):
            await resolver.find(token)
        with pytest.raises(LinkNotFound):
            await resolver.check_id(link.id)


async def test_cache_is_limited(store, monkeypatch):
    """Guessed tokens do not fill the memory."""
    monkeypatch.setattr("jupyter_figserve.server.services.links.resolver._MAX_CACHED", 3)
    resolver = LinkResolver(store)
    for number in range(20):
        with pytest.raises(LinkNotFound):
            await resolver.find(f"{number:032}")
    assert len(resolver._cached) == 3
