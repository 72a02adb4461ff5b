"""Live figures that their owner deletes and restores, with an agent that is driven by hand."""

from __future__ import annotations

import asyncio

from ...sample_images import png
from .conftest import HELLO
from .test_following import ask

OTHER = {**HELLO, "name": "other"}


async def test_deleted_figure_is_gone_with_its_links_while_its_kernel_runs(dial, owner, stranger):
    """Its addresses, the lists and the gallery; then it can be restored, and all answers again."""
    async with dial() as connection:
        live = (await connection.offer(HELLO, OTHER))["animal"]["id"]
        link = (await owner.post(f"/api/live/{live}/links", {})).json()
        assert (await owner.delete(f"/api/live/{live}")).status == 204
        assert (await stranger.get(link["url"])).status == 404
        for path in ("/live/k1/animal.png", f"/live/f/{live}.png"):
            answer = await owner.get(path)
            assert (answer.status, answer.json()["code"]) == (404, "live_figure_not_found")
            assert "in the trash" in answer.json()["error"]
        assert [one["name"] for one in (await owner.get("/api/live")).json()["live"]] == ["other"]
        assert live not in (await owner.get("/", show="live")).text
        refused = await owner.post(f"/api/live/{live}/links", {})
        assert (refused.status, refused.json()["error"]) == (
            404,
            "This live figure is in the trash. Restore it first.",
        )
        # The kernel announces all its functions when any changes.
        await connection.offer(HELLO, OTHER)
        assert (await owner.get(f"/api/live/{live}")).status == 404
        (entry,) = (await owner.get("/api/trash")).json()["trash"]
        assert (entry["kind"], entry["id"], entry["name"]) == ("live", live, "animal")
        restored = await owner.post(f"/api/live/{live}/restore")
        assert (restored.status, restored.json()["session"]) == (200, "k1")
        assert (await stranger.get(link["url"])).status == 200
        _, answer = await ask(connection, owner.get, "/live/k1/animal.png", png(grey=1))
        assert answer.status == 200


async def test_page_of_a_deleted_figure_offers_to_restore_it(dial, owner):
    """At both of its addresses, as figures and dashboards do; the trash names it a live figure."""
    html = {"Accept": "text/html"}
    async with dial() as connection:
        live = (await connection.offer(HELLO))["animal"]["id"]
        await owner.delete(f"/api/live/{live}")
        for path in ("/live/k1/animal", f"/live/f/{live}"):
            page = await owner.get(path, html)
            assert page.status == 404
            assert f'data-path="api/live/{live}"' in page.text
            assert "You deleted the live figure" in page.text
        assert f'data-path="api/live/{live}"' in (await owner.get("/trash", html)).text


async def test_deletion_is_for_the_owner_alone(dial, owner, stranger, make_key):
    """Another owner, or a key that may only read, changes nothing, and learns nothing of the trash."""
    other = stranger.with_key(await make_key("read", "publish", owner="eve"))
    reader = stranger.with_key(await make_key("read"))
    async with dial() as connection:
        live = (await connection.offer(HELLO))["animal"]["id"]
        refused = [await one.delete(f"/api/live/{live}") for one in (other, reader, stranger)]
        assert [one.status for one in refused] == [404, 403, 401]
        assert (await owner.get(f"/api/live/{live}")).json()["name"] == "animal"
        await owner.delete(f"/api/live/{live}")
        hidden = await asyncio.gather(other.get(f"/api/live/{live}"), other.post(f"/api/live/{live}/restore"))
        assert [one.status for one in hidden] == [404, 404]
        assert "trash" not in hidden[0].text
        assert (await owner.get("/api/trash")).json()["trash"]
