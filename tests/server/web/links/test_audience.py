"""Who sees what by a link: every audience, viewer and surface, and what a refusal tells and keeps."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from jupyter_figserve.model.audiences import AUDIENCES
from jupyter_figserve.model.keys import split_key

from ....waiting import until
from ...conftest import Answer, Client
from ...sample_images import png
from ..dashboards.test_handlers import figure_panel, offer, publish
from ..dashboards.test_page_handlers import PAGE, keep

NAVIGATION = {**PAGE, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
PEOPLE = {"users": ["bob"], "groups": ["lab"]}
INSIDERS = {
    "owner": AUDIENCES,
    "key of the owner": AUDIENCES,
    "named": ("people", "hub", "link"),
    "member": ("people", "hub", "link"),
    "key of the named": ("people", "hub", "link"),
    "other": ("hub", "link"),
    "admin": ("hub", "link"),
    "key of another": ("hub", "link"),
    "key of a member": ("hub", "link"),
    "stranger": ("link",),
    "wrong login": ("link",),
}
"""The audiences that each viewer belongs to; a key has no groups."""


async def make_links(owner: Client, context: Any, audience: str) -> dict[str, str]:
    """Return the URLs of every surface of links with this audience, to a figure, a live figure and a dashboard."""
    wishes = {"audience": audience, **(PEOPLE if audience == "people" else {})}
    figure, animal = await owner.publish(title="Secret sales"), await offer(context)
    keep(context, animal)
    board = await publish(owner, [figure_panel(figure), {"kind": "live", "live": animal}], title="Secret board")
    urls = []
    for path in (f"figures/{figure['id']}", f"live/{animal}", f"dashboards/{board['id']}"):
        answer = await owner.post(f"/api/{path}/links", wishes)
        assert answer.status == 201, answer.text
        assert answer.json()["audience"] == audience
        urls.append(answer.json()["url"])
    one, live, dashboard = urls
    return {
        "page": one,
        "image": f"{one}.png",
        "named image": f"{one}/sales.png",
        "record": f"{one}.json",
        "embed": f"{one}/embed",
        "oembed": f"{owner.prefix}/oembed?url={quote(one)}",
        "live page": live,
        "live image": f"{live}.png",
        "live events": f"{live}/events",
        "live oembed": f"{owner.prefix}/oembed?url={quote(live)}",
        "dashboard": dashboard,
        "dashboard embed": f"{dashboard}/embed",
        "panel": f"{dashboard}/1-1.png",
        "live panel": f"{dashboard}/1-2.png",
        "dashboard events": f"{dashboard}/events",
        "dashboard record": f"{dashboard}.json",
    }


def check_private(answer: Answer) -> None:
    """No cache stores the answer, and no page of another site can read it."""
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers.get("Cross-Origin-Resource-Policy", "same-origin") == "same-origin"


def check_silent(answer: Answer) -> None:
    """A refusal tells nothing of what the link shows."""
    assert re.search(r"Secret|sales|board|\b(local|lab)\b", answer.text) is None, answer.text


@pytest.mark.parametrize("audience", AUDIENCES)
async def test_matrix(audience: str, viewers, publisher, context):
    """The owner always passes; an outsider who is logged in gets 403, a stranger the login form or 401."""
    surfaces, people = await make_links(await publisher(), context, audience), await viewers()
    for viewer, client in people.items():
        for surface, url in surfaces.items():
            # An event stream is endless; its headers are enough.
            method = "HEAD" if surface.endswith("events") else "GET"
            for headers in (NAVIGATION, {}):
                answer = await client.ask(method, url, headers=headers)
                found, where = answer.status, (audience, viewer, surface, headers, answer.body[:200])
                if audience in INSIDERS[viewer]:
                    assert found == 200, where
                    if audience != "link":
                        check_private(answer)
                elif viewer in ("stranger", "wrong login"):
                    navigates = headers is NAVIGATION and viewer == "stranger" and "oembed" not in surface
                    assert found == (302 if navigates else 401), where
                    check_private(answer)
                    check_silent(answer)
                else:
                    assert found == 403, where
                    check_private(answer)
                    check_silent(answer)


async def test_login_leads_back(publisher, stranger, context):
    """To the page or the image that was asked for; no cookie is set on the way by Jupyter's own login."""
    surfaces = await make_links(await publisher(), context, "hub")
    for surface in ("page", "image", "panel", "embed"):
        answer = await stranger.get(f"{surfaces[surface]}?x=1", NAVIGATION)
        assert answer.status == 302
        path = surfaces[surface].removeprefix(stranger.prefix)
        assert answer.headers["Location"].endswith(quote(f"/figserve{path}?x=1", safe=""))
        assert answer.headers.get_list("Set-Cookie") == []


async def test_refusal_is_a_page_for_people(viewers, publisher, context):
    """With what to do; the name is that of the person who is logged in."""
    surfaces, people = await make_links(await publisher(), context, "people"), await viewers()
    page = await people["other"].get(surfaces["page"], NAVIGATION)
    assert page.mimetype == "text/html"
    assert "You are logged in as eve" in page.text
    assert "Ask the person who sent it" in page.text
    refused = await people["other"].get(surfaces["image"])
    assert (refused.mimetype, refused.code) == ("application/json", "not_in_audience")
    assert (await people["stranger"].get(surfaces["image"])).code == "login_required"


async def test_wrong_key_is_named(publisher, stranger, context, make_key):
    """A key that is wrong, or that may not read, is told so, also where the browser navigates."""
    surfaces = await make_links(await publisher(), context, "hub")
    assert (await stranger.with_key("fsk_no_key").get(surfaces["image"], NAVIGATION)).status == 401
    answer = await stranger.with_key(await make_key("render", owner="eve")).get(surfaces["image"])
    assert (answer.status, answer.code) == (403, "scope_missing")
    assert (await stranger.with_key("fsk_no_key").get(f"{surfaces['image'][:-36]}{'x' * 32}.png")).status == 404


async def test_pages_of_other_sites_lead_here_and_load_nothing(viewers, publisher, context):
    """A link in a chat opens for who is logged in; an image on another site's page does not load by the cookie."""
    surfaces, people = await make_links(await publisher(), context, "hub"), await viewers()
    other_site = {"Sec-Fetch-Site": "cross-site"}
    assert (await people["other"].get(surfaces["page"], {**NAVIGATION, **other_site})).status == 200
    image = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", **other_site}
    for viewer in ("other", "owner"):
        assert (await people[viewer].get(surfaces["image"], image)).status == 401


async def test_closed_links_look_the_same_to_everybody(viewers, publisher, context):
    """Revoked, paused and unknown: one 404 with one text, for insiders, outsiders and strangers."""
    owner, people = await publisher(), await viewers()
    figure, bodies = await owner.publish(), set()
    paused, revoked = [await owner.share(figure, **PEOPLE) for _ in range(2)]
    await owner.patch(f"/api/links/{paused['id']}", {"paused": True})
    await owner.delete(f"/api/links/{revoked['id']}")
    unknown = paused["url"][:-32] + "x" * 32
    for client in people.values():
        for url in (paused["url"], revoked["url"], unknown):
            answer = await client.get(url)
            bodies.add((answer.status, answer.body))
    assert len(bodies) == 1
    assert next(iter(bodies))[0] == 404


async def test_change_counts_at_once(viewers, publisher):
    """Somebody who is added passes and somebody who is removed does not, under the same URL."""
    owner, people = await publisher(), await viewers()
    link = await owner.share(await owner.publish(), users=["bob"])
    path, image = f"/api/links/{link['id']}", link["image_url"]
    assert (link["audience"], link["users"], link["groups"]) == ("people", ["bob"], [])

    async def statuses() -> list[int]:
        return [(await people[name].get(image)).status for name in ("named", "other", "stranger")]

    assert await statuses() == [200, 403, 401]
    changed = (await owner.patch(path, {"users": ["eve"]})).json()
    assert (changed["users"], changed["groups"]) == (["eve"], [])
    assert await statuses() == [403, 200, 401]
    assert (await owner.patch(path, {"audience": "link"})).json()["users"] == []
    assert await statuses() == [200, 200, 200]
    await owner.patch(path, {"audience": "me"})
    assert await statuses() == [403, 403, 401]
    assert (await owner.get("/api/links")).json()["links"][0]["audience"] == "me"


async def test_refused_viewers_use_up_no_view(viewers, publisher):
    """A limit of one view is there for the one person who may open it."""
    owner, people = await publisher(), await viewers()
    link = await owner.share(await owner.publish(), users=["bob"], views=1)
    for name in ("other", "stranger", "admin"):
        assert (await people[name].get(link["image_url"])).status in (401, 403)
    assert (await people["named"].get(link["image_url"])).body == png()


async def test_stream_ends_for_who_is_removed(viewers, publisher, context):
    """An open stream asks again; a login that is still in the audience goes on."""
    owner, people = await publisher(), await viewers()
    surfaces = await make_links(owner, context, "people")
    link = (await owner.get("/api/links")).json()["links"][0]
    assert "dashboard" in link
    stream = asyncio.ensure_future(people["named"].get(surfaces["dashboard events"]))
    await until(lambda: context.dashboards._watchers)
    await owner.patch(f"/api/links/{link['id']}", {"audience": "me"})
    answer = await asyncio.wait_for(stream, 20)
    assert "event: gone" in answer.text


async def test_L6_stream_ends_with_the_viewers_key(viewers, publisher, context):
    """A key that is revoked, of somebody who stays in the audience; other viewers go on."""
    owner, people = await publisher(), await viewers()
    surfaces = await make_links(owner, context, "people")
    key, _ = split_key(people["key of the named"].headers["X-API-Key"])
    names = ("key of the named", "named")
    ending, going_on = (asyncio.ensure_future(people[name].get(surfaces["dashboard events"])) for name in names)
    await until(lambda: sum(map(len, context.dashboards._watchers.values())) == len(names))
    await context.store.keys.remove(key)
    assert "event: gone" in (await asyncio.wait_for(ending, 20)).text
    assert not going_on.done()
    context.dashboards.close()
    await going_on


class TestNarrowedServer:
    async def test_wider_links_are_narrowed(self, viewers, publisher, context, monkeypatch):
        """A public link from before the administrator narrowed the audiences is for the Hub's users."""
        owner, people = await publisher(), await viewers()
        link = await owner.share(await owner.publish(), audience="link")
        monkeypatch.setattr(context.links, "_max_audience", "hub")
        await owner.patch(f"/api/links/{link['id']}", {"label": "x"})
        answer = await people["other"].get(link["image_url"])
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, no-store")
        assert (await people["stranger"].get(link["image_url"])).status == 401


async def test_without_a_hub_the_owner_logs_in(owner: Client, browser: Client, stranger: Client):
    """A link for its owner opens with a login or the server's token, and nothing logs in on the way."""
    link = await owner.share(await owner.publish(), audience="me")
    assert (await stranger.get(link["url"], NAVIGATION)).status == 302
    assert (await stranger.get(link["image_url"])).status == 401
    for client in (owner, browser):
        answer = await client.get(link["url"], NAVIGATION if client is browser else None)
        assert answer.status == 200
        assert answer.headers.get_list("Set-Cookie") == []
    assert (await replace(browser, headers={}).get(link["url"])).status == 401
