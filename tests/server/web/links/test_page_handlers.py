"""The page of all links of an owner; tests/browser has its buttons."""

from __future__ import annotations

HTML = {"Accept": "text/html"}


async def test_without_links_the_page_says_how_to_make_one(owner):
    """There is nothing to filter or to select."""
    page = await owner.get("/links", HTML)
    assert page.status == 200
    assert "No links yet" in page.text
    assert 'id="filter"' not in page.text
    assert 'id="all"' not in page.text


async def test_links_with_what_they_show_and_their_state(owner, stranger, make_key):
    """Never their addresses, and nobody else's."""
    link = await owner.share(await owner.publish("sales", title="Sales <2026>"))
    await owner.patch(f"/api/links/{link['id']}", {"paused": True})
    text = (await owner.get("/links", HTML)).text
    assert "Sales &lt;2026&gt;" in text
    assert 'data-state="paused"' in text
    assert 'id="filter"' in text
    assert link["url"].rpartition("/")[2] not in text
    other = stranger.with_key(await make_key("read", owner="eve"))
    assert "No links yet" in (await other.get("/links", HTML)).text
