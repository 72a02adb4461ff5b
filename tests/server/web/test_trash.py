"""What an owner has deleted and can restore, over HTTP."""

from __future__ import annotations


async def test_deleted_figures_and_dashboards_are_listed(owner, clock):
    """The newest deletion first, with what it was and until when it can be restored; restored ones are gone."""
    figure = await owner.publish("sales", collection="nightly")
    board = (
        await owner.post("/api/dashboards", {"title": "Board", "rows": [[{"kind": "text", "markdown": "# Hi"}]]})
    ).json()
    await owner.delete(f"/api/figures/{figure['id']}")
    clock.advance(60)
    await owner.delete(f"/api/dashboards/{board['id']}")
    found = (await owner.get("/api/trash")).json()["trash"]
    assert [(one["kind"], one["id"], one["name"], one["collection"]) for one in found] == [
        ("dashboard", board["id"], board["name"], board["collection"]),
        ("figure", figure["id"], "sales", "nightly"),
    ]
    assert found[1]["deleted"] < found[0]["deleted"] < found[1]["expires"]
    assert len((await owner.get("/api/trash", limit=1)).json()["trash"]) == 1
    assert (await owner.post(f"/api/dashboards/{board['id']}/restore")).status == 200
    assert [one["id"] for one in (await owner.get("/api/trash")).json()["trash"]] == [figure["id"]]


async def test_only_the_owners_own(owner, stranger, make_key):
    """Not those of others, nor anything without a login."""
    figure = await owner.publish()
    await owner.delete(f"/api/figures/{figure['id']}")
    other = stranger.with_key(await make_key("read", "publish", owner="eve"))
    assert (await other.get("/api/trash")).json() == {"trash": []}
    assert (await stranger.get("/api/trash")).status == 401
    assert (await stranger.with_key(await make_key("render")).get("/api/trash")).status == 403
