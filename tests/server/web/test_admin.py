"""What administrators see of all owners, and the transfer of ownership, over HTTP."""

from __future__ import annotations

import pytest


async def test_only_administrators(owner, stranger, make_key):
    """Neither strangers nor keys of owners without the scope."""
    publisher = owner.with_key(await make_key("publish", "read"))
    for client, status in ((stranger, 401), (publisher, 403)):
        assert (await client.get("/api/admin/owners")).status == status
        assert (await client.post("/api/admin/transfer", {"from": "ann", "to": "bob"})).status == status


async def test_transfer(owner, stranger, make_key):
    """The link works on; the new owner has the figure, the old one nothing."""
    ann, bob = [owner.with_key(await make_key("publish", "read", owner=name)) for name in ("ann", "bob")]
    figure = await ann.publish()
    link = await ann.share(figure)
    admin = owner.with_key(await make_key("admin"))
    (listed,) = (await admin.get("/api/admin/owners")).json()["owners"]
    assert (listed["owner"], listed["figures"], listed["links"]) == ("ann", 1, 1)
    done = await admin.post("/api/admin/transfer", {"from": "ann", "to": "bob"})
    assert done.json() == {"moved": {"figure": 1, "live": 0, "dashboard": 0}, "kept": []}
    assert (await bob.get(f"/api/figures/{figure['id']}")).json()["owner"] == "bob"
    assert (await ann.get("/api/figures")).status == 401
    assert (await stranger.get(link["image_url"])).status == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"from": "ann"}, {"from": "ann", "to": "ann"}, {"from": 1, "to": "x"}, {"from": "a", "to": "b", "renamed": 1}],
)
async def test_invalid_transfer(owner, body):
    """400, and nothing moves."""
    await owner.publish()
    assert (await owner.post("/api/admin/transfer", body)).status == 400
    assert len((await owner.get("/api/figures")).json()["figures"]) == 1
