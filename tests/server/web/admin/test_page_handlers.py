"""The pages of administrators."""

from __future__ import annotations

from ..dashboards.test_handlers import TEXT, publish
from ..dashboards.test_page_handlers import PAGE


async def test_owners_and_top_links(owner, make_key):
    """Every owner leads to the owner's page; names and titles are text, not markup."""
    ann = owner.with_key(await make_key("publish", "read", owner="ann <i>"))
    figure = await ann.publish(title="Sales <b>")
    await ann.share(figure)
    page = (await owner.get("/admin", PAGE)).text
    assert "?owner=ann%20%3Ci%3E" in page
    assert "Sales &lt;b&gt;" in page
    assert "<i>" not in page
    assert "No owner" in (await owner.get("/admin", PAGE, q="zzz")).text


async def test_one_owner(owner, make_key):
    """Figures, dashboards and links lead to their pages; the quota in force is shown."""
    ann = owner.with_key(await make_key("publish", "read", owner="ann"))
    figure, board = await ann.publish(title="Sales"), await publish(ann, [TEXT], title="Board")
    link = await ann.share(figure, label="for bob")
    await owner.patch("/api/admin/owners/ann", {"quota": {"bytes": 2_500_000}})
    await ann.share(figure, audience="me")
    page = (await owner.get("/admin", PAGE, owner="ann")).text
    assert "the owner only" in page
    for part in (f"figures/{figure['id']}", f"dashboards/{board['id']}", f'data-link="{link["id"]}"', "of 2.5 MB"):
        assert part in page
    assert 'value="2.5"' in page
    assert link["url"].rpartition("/")[2] not in page
    assert (await owner.get("/admin", PAGE, owner="nobody")).status == 200


async def test_only_administrators(viewers):
    """Others get 403, and their gallery does not mention it."""
    people = await viewers()
    assert (await people["named"].get("/admin", PAGE)).status == 403
    assert (await people["admin"].get("/admin", PAGE)).status == 200
    assert "Administration" not in (await people["named"].get("/", PAGE)).text
