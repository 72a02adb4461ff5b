"""Pages, previews and event streams of dashboards."""

from __future__ import annotations

import contextlib
import html
import json
import re
from collections.abc import AsyncIterator
from urllib.parse import urljoin

import pytest

from jupyter_figserve.model.figures import EncodedImage, Identity
from jupyter_figserve.model.live import LiveRequest
from jupyter_figserve.model.new_version import NewVersion
from jupyter_figserve.server.services.live.image_cache import CachedImage

from ....waiting import until
from ...conftest import Client
from ...raw import Connection, connect
from ...sample_images import HTML, apng, multipart, png
from .test_handlers import TEXT, figure_panel, offer, publish

PAGE = {"Accept": "text/html"}
DEER = {"type": "Deer", "since": 2010}


async def share(owner, dashboard, **wishes) -> dict:
    answer = await owner.post(f"/api/dashboards/{dashboard['id']}/links", wishes)
    assert answer.status == 201, answer.text
    return answer.json()


def keep(context, animal: str, data: bytes | None = None, **values) -> bytes:
    """Store an image of the live figure, so that no kernel is needed."""
    data = data or png(3, 3)
    image = CachedImage(EncodedImage("image/png", data, 30, 20))
    context.live.images.put(animal, LiveRequest(DEER | values), image)
    return data


def images(text: str) -> list[str]:
    return re.findall(r'<img class="figure-image" src="([^"]*)"', text)


class TestPage:
    async def test_an_animation_stands_still_for_those_who_prefer_it(self, owner, stranger):
        """Its panel has the first frame for them, on the page and by a link; others see it move."""
        body, headers = multipart({"name": "moving"}, ("image/apng", apng()), ("image/png", png()))
        figure = (await owner.ask("POST", "/api/figures", body, headers)).json()
        dashboard = await publish(owner, [figure_panel(figure)])
        link = await share(owner, dashboard)
        for get, page in ((owner.get, f"/dashboards/{dashboard['id']}"), (stranger.get, link["url"])):
            text = (await get(page, PAGE)).text
            (moving,) = images(text)
            still = re.search(r'<source media="\(prefers-reduced-motion: reduce\)" srcset="([^"]*)">', text)
            assert still is not None
            assert (".apng?" in moving, still[1]) == (True, moving.replace(".apng", ".png"))
            root = page if page.startswith("http") else owner.prefix + page
            for url, mimetype in ((moving, "image/apng"), (still[1], "image/png")):
                assert (await get(urljoin(root, html.unescape(url)))).mimetype == mimetype

    async def test_owner_sees_each_panel(self, owner, context):
        """Images with size and alt text, fixed values of live figures, rendered text; the first row loads eagerly."""
        figure, animal = await owner.publish(alt="Bears"), await offer(context)
        keep(context, animal, type="Wolf")
        moving = {"kind": "live", "live": animal, "values": {"type": "Wolf"}}
        dashboard = await publish(owner, [figure_panel(figure, caption="Sales"), TEXT], [moving])
        answer = await owner.get(f"/dashboards/{dashboard['id']}", PAGE)
        assert answer.status == 200
        first, second = images(answer.text)
        assert first.endswith(f"figures/{figure['id']}.png?version=1")
        assert second.endswith(f"live/f/{animal}.png?type=Wolf")
        assert "<h2>Notes</h2>" in answer.text
        assert 'loading="eager"' in answer.text
        assert 'loading="lazy" decoding="async" width="30" height="20"' in answer.text
        names = re.findall(r'name="([^"]*)"', answer.text)
        assert "2-1.since" in names
        assert "2-1.type" not in names

    async def test_shared_control_drives_all_panels(self, owner, context):
        """A shared control is named after its parameter; a panel's own has the panel as its prefix."""
        first, second = await offer(context), await offer(context, name="second")
        dashboard = await publish(owner, [{"kind": "live", "live": one} for one in (first, second)], controls=["since"])
        keep(context, first, since=2015)
        keep(context, second, since=2015, type="Wolf")
        answer = await owner.get(f"/dashboards/{dashboard['id']}?since=2015&1-2.type=Wolf", PAGE)
        one, two = images(answer.text)
        assert one.endswith(f"{first}.png?since=2015")
        assert two.endswith(f"{second}.png?type=Wolf&amp;since=2015")
        assert len(re.findall(r'name="since"', answer.text)) == 1

    async def test_invalid_value_is_an_error_of_its_panel(self, owner, context):
        """The message is in the panel that it concerns."""
        dashboard = await publish(owner, [{"kind": "live", "live": await offer(context)}, TEXT])
        answer = await owner.get(f"/dashboards/{dashboard['id']}?1-1.since=1066", PAGE)
        assert "since=&#39;1066&#39; is not allowed" in answer.text
        assert "<h2>Notes</h2>" in answer.text

    async def test_unknown_control_is_an_error(self, owner):
        """With 400, as for a live figure."""
        dashboard = await publish(owner, [TEXT])
        answer = await owner.get(f"/dashboards/{dashboard['id']}?month=3", PAGE)
        assert (answer.status, "There is no control" in answer.text) == (400, True)

    async def test_html_figure_is_in_a_frame(self, owner, stranger):
        """In a sandboxed frame, the only one that the policy allows."""
        figure = await owner.publish("page", HTML, "text/html")
        dashboard = await publish(owner, [figure_panel(figure)])
        url = (await share(owner, dashboard))["url"]
        for client, path in ((owner, f"/dashboards/{dashboard['id']}"), (stranger, url)):
            answer = await client.get(path, PAGE)
            assert 'sandbox="allow-scripts"' in answer.text
            assert "/frame/" in answer.headers["Content-Security-Policy"]

    async def test_deleted_figure_is_an_error(self, owner):
        """Its panel shows a message."""
        figure = await owner.publish()
        dashboard = await publish(owner, [figure_panel(figure), TEXT])
        await owner.delete(f"/api/figures/{figure['id']}")
        assert "has been deleted" in (await owner.get(f"/dashboards/{dashboard['id']}", PAGE)).text

    async def test_columns_are_by_share(self, owner):
        """The columns have the ratio two to one."""
        dashboard = await publish(owner, [TEXT | {"share": 2}, TEXT])
        answer = await owner.get(f"/dashboards/{dashboard['id']}", PAGE)
        assert re.findall(r'class="panel (w\d+)', answer.text) == ["w40", "w20"]


class TestWhole:
    async def test_kind_C5_preview_is_rendered_from_the_panels_and_cached(self, owner, stranger, renderer):
        """One job in the sandbox, shared until a panel changes."""
        figure = await owner.publish()
        dashboard = await publish(owner, [figure_panel(figure, caption="Sales"), TEXT])
        url = (await share(owner, dashboard))["url"]
        first = await stranger.get(f"{url}.png")
        assert (first.status, first.mimetype) == (200, "image/png")
        again = await stranger.get(f"{url}.png", {"If-None-Match": first.headers["ETag"]})
        assert again.status == 304
        assert (await owner.get(f"/dashboards/{dashboard['id']}.png")).body == first.body
        assert len(renderer.jobs) == 1
        assert (await stranger.get(f"{url}.svg")).status == 400
        page = await stranger.get(url, PAGE)
        assert f'property="og:image" content="{url}.png"' in page.text

    async def test_another_site_cannot_render_it(self, owner, browser):
        """A login's cookie does not suffice."""
        dashboard = await publish(owner, [TEXT])
        for path in (".png", "/events"):
            answer = await browser.with_headers(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").get(
                f"/dashboards/{dashboard['id']}{path}"
            )
            assert answer.status == 403

    async def test_page_opened_from_another_site_runs_nothing(self, owner, browser, context):
        """Live panels load only after the user agrees; stored images are shown."""
        live_id = await offer(context)
        keep(context, live_id)
        figure = await owner.publish("picture", png())
        dashboard = await publish(owner, [figure_panel(figure), {"kind": "live", "live": live_id}])
        for site, asks in (("cross-site", 0), ("same-site", 0), ("none", 2), ("same-origin", 2)):
            led = browser.with_headers(Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")
            page = (await led.get(f"/dashboards/{dashboard['id']}", PAGE)).text
            assert len(re.findall(rf'(?:src|srcset)="[^"]*/live/f/{live_id}\.', page)) == asks, site
            assert ("You followed a link from another site." in page) == (not asks)
            assert f"/figures/{figure['id']}.png" in page


class Stream:
    """An open event stream, read event by event."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._text = ""

    async def next(self) -> tuple[str, dict] | None:
        """Return the next event's kind and data; None at the end of the stream."""
        while True:
            while "\n\n" not in self._text:
                chunk = await self._connection.receive_chunk()
                if not chunk:
                    return None
                self._text += chunk.decode()
            block, _, self._text = self._text.partition("\n\n")
            lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "event" in lines:
                return lines["event"], json.loads(lines["data"])


@contextlib.asynccontextmanager
async def listen(client: Client, path: str) -> AsyncIterator[Stream]:
    """Open a stream at a path below our prefix, or at an absolute URL."""
    async with connect(client.prefix) as connection:
        await connection.send_head("GET", path.removeprefix(client.prefix), client.headers)
        status, answered = await connection.receive_head()
        assert status == 200
        assert answered["Content-Type"] == "text/event-stream; charset=utf-8"
        assert (answered["X-Accel-Buffering"], answered["Cache-Control"]) == ("no", "private, no-store")
        assert client.headers or "Set-Cookie" not in answered
        yield Stream(connection)


class TestStream:
    async def test_a_new_image_is_sent_with_its_panel(self, owner, stranger):
        """Owner and viewers each get a URL that they may load; pinned panels get no event."""
        figure = await owner.publish()
        dashboard = await publish(owner, [figure_panel(figure), TEXT, figure_panel(figure, version=1)])
        url = (await share(owner, dashboard))["url"]
        path = f"/dashboards/{dashboard['id']}/events"
        async with listen(owner, path) as own, listen(stranger, f"{url}/events") as theirs:
            assert [(await stream.next())[1]["version"] for stream in (own, theirs)] == [1, 1]
            await owner.publish(data=png(7, 7))
            kind, mine = await own.next()
            assert (kind, mine["place"], mine["version"], mine["width"]) == ("panel", "1-1", 2, 7)
            kind, other = await theirs.next()
            assert (kind, other["place"], other["version"]) == ("panel", "1-1", 2)
            assert figure["id"] not in other["src"]
        assert (await owner.get(urljoin(f"{dashboard['url']}/events", mine["src"]))).body == png(7, 7)
        assert (await stranger.get(urljoin(f"{url}/events", other["src"]))).body == png(7, 7)

    async def test_other_figures_are_not_sent(self, owner, stranger):
        """Nor are their names."""
        dashboard = await publish(owner, [figure_panel(await owner.publish())])
        url = (await share(owner, dashboard))["url"]
        async with listen(stranger, f"{url}/events") as stream:
            await stream.next()
            await owner.publish("secret")
            await owner.publish(data=png(8, 8))
            assert (await stream.next())[1]["width"] == 8

    async def test_a_new_layout_is_sent_also_when_it_was_missed(self, owner, stranger):
        """At once to open streams, and at the start of a stream with an older version."""
        dashboard = await publish(owner, [TEXT])
        url = (await share(owner, dashboard))["url"]
        async with listen(stranger, f"{url}/events?version=1") as stream:
            await publish(owner, [TEXT, TEXT])
            assert await stream.next() == ("dashboard", {"version": 2})
        async with listen(stranger, f"{url}/events?version=1") as stream:
            assert await stream.next() == ("dashboard", {"version": 2})

    @pytest.mark.parametrize("how", ["revoke", "pause", "delete"])
    async def test_closed_link_closes_its_streams(self, owner, stranger, how):
        """After an event."""
        dashboard = await publish(owner, [TEXT])
        link = await share(owner, dashboard)
        async with listen(stranger, f"{link['url']}/events") as stream:
            if how == "revoke":
                await owner.delete(f"/api/links/{link['id']}")
            elif how == "pause":
                await owner.patch(f"/api/links/{link['id']}", {"paused": True})
            else:
                await owner.delete(f"/api/dashboards/{dashboard['id']}")
            assert await stream.next() == ("gone", {})
            assert await stream.next() is None

    async def test_an_expired_link_tells_nothing_more(self, owner, stranger, clock):
        """A figure that is published afterwards is not seen: the stream ends before."""
        figure = await owner.publish()
        dashboard = await publish(owner, [figure_panel(figure)])
        link = await share(owner, dashboard, expires="1h")
        async with listen(stranger, f"{link['url']}/events?version=1") as stream:
            assert (await stream.next())[1]["version"] == 1
            clock.advance(3_601)
            await owner.publish(data=png(7, 7), alt="Confidential")
            assert await stream.next() == ("gone", {})
            assert await stream.next() is None

    async def test_a_closed_stream_is_forgotten(self, owner, stranger, context):
        """Without watchers, the dashboard is no longer watched."""
        dashboard = await publish(owner, [TEXT])
        url = (await share(owner, dashboard))["url"]
        async with listen(stranger, f"{url}/events"):
            await until(lambda: context.dashboards._watchers)
        await until(lambda: not context.dashboards._watchers)
        assert context.dashboards._dashboards == {}


class TestHidpi:
    async def test_hidpi_screens_get_twice_the_pixels(self, owner, stranger, context):
        """In the image that the kernel stored, never in one rendered later; other sizes are refused."""
        identity = Identity(context.config.owner, "", "", "login", "dense")
        drawn = (EncodedImage("image/png", png(), 4, 3, 100.0), EncodedImage("image/png", png(8, 6), 8, 6, 200.0))
        figure = await context.store.figures.publish(NewVersion(identity, drawn, source=("figure", b"pickle", {})))
        dashboard = await publish(owner, [{"kind": "figure", "figure": figure.id}])
        url = (await share(owner, dashboard))["url"]
        page = (await stranger.get(url, PAGE)).text
        dense = html.unescape(re.search(r'srcset="[^"]* 1x, ([^ ]*) 2x"', page)[1])
        assert (await stranger.get(urljoin(url, dense))).body == png(8, 6)
        assert (await stranger.get(f"{url}/1-1.png", dpi=777)).status == 403
