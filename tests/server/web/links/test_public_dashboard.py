"""Public links to dashboards: page, panels, record, embedding and how a link closes them."""

from __future__ import annotations

import gc
import re

import pytest

from jupyter_figserve.server.web.links.public_dashboard import DashboardRenderer

from ...sample_images import png
from ..dashboards.test_handlers import TEXT, figure_panel, offer, publish
from ..dashboards.test_page_handlers import PAGE, images, keep, listen, share


class TestShared:
    async def test_stranger_sees_page_panels_and_record(self, owner, stranger, context):
        """Without login, ids and the owner's name; images have URLs of the link."""
        figure, animal = await owner.publish(), await offer(context)
        picture = keep(context, animal)
        dashboard = await publish(owner, [figure_panel(figure), TEXT, {"kind": "live", "live": animal}])
        url = (await share(owner, dashboard))["url"]
        page = await stranger.get(url, PAGE)
        assert page.status == 200
        assert figure["id"] not in page.text
        assert animal not in page.text
        assert [src.rpartition("/")[2] for src in images(page.text)] == ["1-1.png?_v=1", "1-3.png"]
        shown = await stranger.get(f"{url}/1-1.png")
        assert (shown.status, shown.body) == (200, png())
        assert shown.headers["Cache-Control"] == "public, max-age=60"
        assert (await stranger.get(f"{url}/1-3.png")).body == picture
        record = (await stranger.get(f"{url}.json")).json()
        assert [place["place"] for place in record["rows"][0]] == ["1-1", "1-2", "1-3"]
        assert (await stranger.get(f"{url}/embed", PAGE)).status == 200

    @pytest.mark.parametrize("place", ["1-2.png", "2-1.png", "0-0.png", "1-1.json", "1-1"])
    async def test_unknown_panels_are_not_found(self, owner, stranger, place):
        """The same 404 for text panels, panels of other dashboards, and malformed panels."""
        dashboard = await publish(owner, [figure_panel(await owner.publish()), TEXT])
        url = (await share(owner, dashboard))["url"]
        answer = await stranger.get(f"{url}/{place}")
        assert (answer.status, "mistyped, expired or revoked" in answer.json()["error"]) == (404, True)

    async def test_figure_links_have_no_panels(self, owner, stranger):
        """A link to a figure has no stream, and what would be a panel is a name that somebody gave its image."""
        url = (await owner.share(await owner.publish()))["url"]
        assert (await stranger.get(f"{url}/events")).status == 404
        assert (await stranger.get(f"{url}/1-1.png")).body == png()

    async def test_only_allowed_parameters_can_be_changed(self, owner, stranger, context):
        """Within bounds; locked and fixed values stay."""
        animal = await offer(context)
        bear, wolf = png(4, 4), png(5, 5)
        keep(context, animal, bear, type="Bear", since=2015)
        keep(context, animal, wolf, type="Wolf", since=2015)
        rows = [{"kind": "live", "live": animal}, {"kind": "live", "live": animal, "values": {"type": "Wolf"}}]
        dashboard = await publish(owner, rows)
        url = (await share(owner, dashboard, lock={"type": "Bear"}, allow=["since"]))["url"]
        assert (await stranger.get(f"{url}/1-1.png", since=2015)).body == bear
        assert (await stranger.get(f"{url}/1-2.png", since=2015)).body == wolf
        for query in ({"type": "Wolf"}, {"since": "1066"}, {"height": "9"}):
            assert (await stranger.get(f"{url}/1-1.png", **query)).status == 400
        assert re.findall(r'<input type="number"[^>]*name="([^"]*)"', (await stranger.get(url, PAGE)).text) == ["since"]

    async def test_closed_link_is_not_found_at_any_url(self, owner, stranger, clock):
        """Deleted, revoked, paused, expired and unknown links get the same response everywhere."""
        figure = await owner.publish()
        dashboards = [await publish(owner, [figure_panel(figure)], name=f"b{n}") for n in range(4)]
        links = [await share(owner, dashboard, expires="1h") for dashboard in dashboards]
        await owner.delete(f"/api/dashboards/{dashboards[0]['id']}")
        await owner.delete(f"/api/links/{links[1]['id']}")
        await owner.patch(f"/api/links/{links[2]['id']}", {"paused": True})
        clock.advance(3_601)
        urls = [link["url"] for link in links] + [links[0]["url"][:-32] + "x" * 32]
        answers = set()
        for url in urls:
            for path in ("", ".png", ".json", "/embed", "/1-1.png", "/events"):
                answer = await stranger.get(url + path)
                answers.add((answer.status, answer.body))
        assert len(answers) == 1
        assert {status for status, _ in answers} == {404}

    async def test_one_view_for_all_panels(self, owner, stranger):
        """A client's page and images count as one view."""
        dashboard = await publish(owner, [figure_panel(await owner.publish())])
        link = await share(owner, dashboard)
        await stranger.get(link["url"], PAGE)
        await stranger.get(f"{link['url']}/1-1.png")
        assert (await owner.get(f"/api/links/{link['id']}")).json()["seen"] == 1


class TestEmbedding:
    async def test_oembed_is_a_frame(self, owner, stranger):
        """Within the requested size; a closed link is 404."""
        link = await share(owner, await publish(owner, [TEXT], title="Sightings"))
        described = (await stranger.get("/oembed", url=link["url"], maxwidth=500)).json()
        assert (described["type"], described["title"], described["width"], described["height"]) == (
            "rich",
            "Sightings",
            500,
            375,
        )
        assert f'src="{link["url"]}/embed"' in described["html"]
        await owner.delete(f"/api/links/{link['id']}")
        assert (await stranger.get("/oembed", url=link["url"])).status == 404

    @pytest.mark.parametrize("figserve_config", [{"embed_origins": ["https://wiki.example"]}])
    async def test_allowed_sites_may_frame_it(self, owner, stranger):
        """Its embed page only."""
        url = (await share(owner, await publish(owner, [TEXT])))["url"]
        framed, page = await stranger.get(f"{url}/embed", PAGE), await stranger.get(url, PAGE)
        assert "frame-ancestors https://wiki.example" in framed.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]

    async def test_head_of_a_stream_ends(self, owner, stranger, context):
        """And leaves no watcher behind."""
        url = (await share(owner, await publish(owner, [TEXT])))["url"]
        assert (await stranger.head(f"{url}/events")).status == 200
        assert context.dashboards._watchers == {}

    async def test_an_idle_stream_does_not_hold_what_its_page_shows(self, owner, stranger):
        """It would be most of the memory of a thousand streams."""
        url = (await share(owner, await publish(owner, [figure_panel(await owner.publish())])))["url"]
        async with listen(stranger, f"{url}/events") as stream:
            await stream.next()
            gc.collect()
            assert not [one for one in gc.get_objects() if type(one) is DashboardRenderer]
