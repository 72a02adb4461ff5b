"""What administrators see of all owners, and the transfer of ownership, over HTTP."""

from __future__ import annotations

import pytest

from jupyter_figserve.server.services.auth.owner_guard import OwnerGuard

from ...making import FakeDirectory
from ...sample_images import png
from ..dashboards.test_page_handlers import PAGE


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


async def ask_to_publish(client, name: str, data: bytes | None = None):
    """Publish a figure that may be refused."""
    return await client.ask("POST", "/api/figures", data or png(), {"Content-Type": "image/png"}, name=name)


class TestQuotas:
    """The quota of one owner replaces that of all."""

    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"owner_quota": {"figures": 1}}

    async def test_owner_may_have_more_or_less(self, owner, make_key):
        """The next publish obeys it, in both directions, and 507 names the limit; null is the quota of all again."""
        ann, admin = [owner.with_key(await make_key(*scopes, owner="ann")) for scopes in (("publish",), ("admin",))]
        await ann.publish("one")
        assert (await ask_to_publish(ann, "two")).code == "quota_exceeded"
        path = "/api/admin/owners/ann"
        changed = (await admin.patch(path, {"quota": {"figures": 0, "bytes": 100_000}})).json()
        assert (changed["quota"], changed["own_quota"]) == (
            {"figures": None, "bytes": 100_000},
            {"figures": 0, "bytes": 100_000},
        )
        await ann.publish("two")
        await admin.patch(path, {"quota": {"bytes": 1}})
        refused = await ask_to_publish(ann, "two", png(2, 2))
        assert (refused.status, refused.code) == (507, "quota_exceeded")
        assert (await admin.patch(path, {"quota": None})).json()["own_quota"] is None
        assert (await ask_to_publish(ann, "three")).status == 507

    @pytest.mark.parametrize("quota", [1, [], {"figures": -1}, {"bytes": "1"}, {"bytes": True}, {"views": 1}])
    async def test_invalid_quota(self, owner, quota):
        """400, and nothing is set."""
        assert (await owner.patch("/api/admin/owners/ann", {"quota": quota})).status == 400
        assert (await owner.get("/api/admin/owners/ann")).json()["own_quota"] is None


async def test_owners_are_found_and_paged(owner, make_key):
    """By a part of the name, in any case; each once, with a cursor; names of any characters."""
    names = ["ann", "Annabel", "a b%", "zoe"]
    for name in names:
        await owner.with_key(await make_key("publish", owner=name)).publish()
    found, cursor = [], {}
    while cursor is not None:
        page = (await owner.get("/api/admin/owners", limit=2, **cursor)).json()
        found += [one["owner"] for one in page["owners"]]
        cursor = page["next"] and {"cursor": page["next"]}
    assert sorted(found) == sorted(names)
    matching = (await owner.get("/api/admin/owners", q="ANN")).json()["owners"]
    assert [one["owner"] for one in matching] == ["Annabel", "ann"]
    assert matching[0]["updated"] is not None
    odd = (await owner.get("/api/admin/owners/a%20b%25")).json()
    assert (odd["owner"], odd["figures"]) == ("a b%", 1)
    assert (await owner.get("/api/admin/owners", cursor="x")).code == "invalid_cursor"


async def test_links_by_views(owner, stranger, make_key):
    """The most viewed first, of all owners or of one, without addresses; they can be revoked, which is logged."""
    ann, bob = [owner.with_key(await make_key("publish", "read", owner=name)) for name in ("ann", "bob")]
    quiet = await ann.share(await ann.publish(title="Quiet"))
    busy = await bob.share(await bob.publish(title="Busy"))
    await stranger.get(busy["image_url"])
    listed = (await owner.get("/api/admin/links")).json()["links"]
    assert [(one["title"], one["owner"], one["seen"]) for one in listed] == [("Busy", "bob", 1), ("Quiet", "ann", 0)]
    assert busy["url"].rpartition("/")[2] not in str(listed)
    (one,) = (await owner.get("/api/admin/links", owner="ann", order="newest")).json()["links"]
    assert one["id"] == quiet["id"]
    first = (await owner.get("/api/admin/links", limit=1)).json()
    (second,) = (await owner.get("/api/admin/links", limit=1, cursor=first["next"])).json()["links"]
    assert (first["links"][0]["id"], second["id"]) == (busy["id"], quiet["id"])
    assert (await owner.get("/api/admin/links", order="oldest")).status == 400


async def test_changes_of_others_links_are_logged(owner, stranger, make_key, caplog):
    """Who did what to whose link; in changes of one's own, nobody else is named."""
    caplog.set_level("INFO")
    ann = owner.with_key(await make_key("publish", "read", owner="ann"))
    link = await ann.share(await ann.publish())
    await ann.patch(f"/api/links/{link['id']}", {"label": "mine"})
    assert f"Audit: link.changed {link['id']} by ann" in caplog.text
    await owner.patch(f"/api/links/{link['id']}", {"paused": True})
    assert (await owner.delete(f"/api/links/{link['id']}")).status == 204
    assert f"Audit: link.paused {link['id']} of ann by local (login)" in caplog.text
    assert f"Audit: link.revoked {link['id']} of ann by local (login)" in caplog.text
    assert (await stranger.get(link["image_url"])).status == 404


async def test_name_that_was_given_anew(stranger, viewers, make_key, context, monkeypatch, caplog):
    """Whoever has it now is told whom to ask; an administrator sees it and decides."""
    caplog.set_level("INFO")
    people, directory = await viewers(), FakeDirectory({"bob": "first", "root": "0"})
    guard = OwnerGuard(context.store, directory)
    monkeypatch.setattr(context.authenticator, "guard", guard)
    admin = stranger.with_key(await make_key("admin", owner="root"))
    bob, by_key = people["named"], stranger.with_key(await make_key("publish", "read", owner="bob"))
    assert (await bob.get("/api/figures")).status == 200
    figure = await by_key.publish()
    directory.users["bob"] = "second"
    guard.forget("bob")
    refused = await bob.get(f"/api/figures/{figure['id']}")
    assert (refused.status, refused.code) == (403, "name_reused")
    assert (await by_key.get("/api/figures")).code == "owner_gone"
    found = (await admin.get("/api/admin/owners/bob")).json()
    assert (found["standing"], found["renamed_to"]) == ("replaced", None)
    assert "It is the same person" in (await admin.get("/admin", PAGE, owner="bob")).text
    assert (await admin.patch("/api/admin/owners/bob", {"same_person": False})).status == 400
    assert (await admin.patch("/api/admin/owners/bob", {"same_person": True})).json()["standing"] == "same"
    assert "Audit: owner.confirmed bob by root" in caplog.text
    assert (await bob.get(f"/api/figures/{figure['id']}")).status == 200
