"""The page of all links of an owner; tests/browser has its buttons."""

from __future__ import annotations

import re

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


async def test_views_are_told_as_on_the_page_of_the_figure(owner):
    """In the same words, with the limit."""
    figure = await owner.publish("sales")
    await owner.share(figure)
    await owner.share(figure, views=1, data=True)
    pages = [(await owner.get(path, HTML)).text for path in ("/links", f"/figures/{figure['id']}")]
    for text in pages:
        assert text.count("not viewed yet") == 1
        assert text.count("0 of 1 view ·") == 1
        assert text.count("· with data") == 1


async def test_an_expired_link_can_be_changed_on_both_pages(owner, clock):
    """A new expiry opens the same URL again; it cannot be copied, paused or resumed before."""
    figure = await owner.publish("sales")
    await owner.share(figure, expires="1h")
    clock.advance(3601)
    for path in ("/links", f"/figures/{figure['id']}"):
        text = (await owner.get(path, HTML)).text
        row = text.partition("<li data-link=")[2].partition("</li>")[0]
        assert "expired" in row
        assert re.findall(r"<button type=\"button\" data-(\w+)", row) == ["change", "revoke"]
