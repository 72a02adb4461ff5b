"""What others share with a person: the list as JSON and as a page."""

from __future__ import annotations

from jupyter_figserve.server.services.links.tokens import LinkTokens

from ..dashboards.test_handlers import TEXT, publish
from ..dashboards.test_page_handlers import PAGE


async def test_list_has_what_is_for_the_person(viewers, publisher, clock):
    """By name, by group and for the Hub, newest first; never links for anyone, one's own, or closed ones."""
    owner, people = await publisher(), await viewers()
    figure, board = await owner.publish(title="Sales <b>"), await publish(owner, [TEXT], title="Board")
    wishes = [
        {"audience": "link"},
        {"audience": "me"},
        {"users": ["bob"], "label": "private note"},
        {"groups": ["lab"]},
        {"audience": "hub"},
        {"audience": "hub", "expires": "1h"},
        {"audience": "hub"},
    ]
    made = []
    for wish in wishes:
        clock.advance(1)
        made.append(await owner.share(figure, **wish))
    clock.advance(1)
    shared_board = (await owner.post(f"/api/dashboards/{board['id']}/links", {"users": ["bob", "eve"]})).json()
    clock.advance(4_000)
    await owner.patch(f"/api/links/{made[6]['id']}", {"paused": True})
    expected = {
        "named": [shared_board, made[4], made[2]],
        "member": [made[4], made[3]],
        "other": [shared_board, made[4]],
        "admin": [made[4]],
        "owner": [],
        "key of the named": [shared_board, made[4], made[2]],
        "key of a member": [made[4]],
    }
    for viewer, links in expected.items():
        found = (await people[viewer].get("/api/shared")).json()
        assert [item["url"] for item in found["shared"]] == [link["url"] for link in links], viewer
        assert found["next"] is None
    first = (await people["named"].get("/api/shared")).json()["shared"][0]
    assert (first["kind"], first["title"], first["owner"]) == ("dashboard", "Board", "local")
    assert "private note" not in (await people["named"].get("/api/shared")).text
    page = await people["member"].get("/shared", PAGE)
    assert page.text.count("Sales &lt;b&gt;") == 2
    assert made[3]["url"].rpartition("/")[2] in page.text
    assert page.headers["Cache-Control"] == "private, no-store"
    for path in ("/api/shared", "/shared"):
        assert (await people["stranger"].get(path)).status == 401


async def test_pages_follow(viewers, publisher, clock):
    """Each link once; the page has a link to older ones."""
    owner, people = await publisher(), await viewers()
    figure = await owner.publish()
    made = [(await owner.share(figure, audience="hub"))["id"] for _ in range(5)]
    found, cursor = [], {}
    while cursor is not None:
        page = (await people["other"].get("/api/shared", limit=2, **cursor)).json()
        found += [item["id"] for item in page["shared"]]
        cursor = page["next"] and {"cursor": page["next"]}
    assert sorted(found) == sorted(made)
    assert len(found) == 5
    assert "?cursor=" in (await people["other"].get("/shared", PAGE, limit=2)).text
    assert (await people["other"].get("/api/shared", cursor="x")).code == "invalid_cursor"


async def test_address_that_is_lost(viewers, publisher, context):
    """The link is listed without an address, and the page says what to do."""
    owner, people = await publisher(), await viewers()
    await owner.share(await owner.publish(), audience="hub")
    object.__setattr__(context, "link_tokens", LinkTokens(["another secret"]))
    (item,) = (await people["other"].get("/api/shared")).json()["shared"]
    assert item["url"] is None
    assert "ask its owner for a new link" in (await people["other"].get("/shared", PAGE)).text


async def test_gallery_leads_there_under_a_hub_only(viewers):
    """In the sidebar."""
    people = await viewers()
    assert "Shared with me" in (await people["owner"].get("/", PAGE)).text


async def test_without_a_hub(owner):
    """404 with the reason; the gallery does not mention it."""
    assert "Shared with me" not in (await owner.get("/", PAGE)).text
    answer = await owner.get("/api/shared")
    assert (answer.status, answer.code) == (404, "no_hub")
    assert (await owner.get("/shared", PAGE)).status == 404
