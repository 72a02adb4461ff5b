"""HTML of live figures on dashboards: frames, limited by what the link allows and by its expiry."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin

import pytest

from jupyter_figserve.model.live import LiveDeclaration

from ..live.test_responder import JSON, PAGE, HtmlKernel
from .test_handlers import ANIMAL, TEXT, publish

HTML = {"Accept": "text/html"}


class OddKernel(HtmlKernel):
    """A kernel whose HTML has the arguments of the call."""

    async def call(self, name, request, known, on_progress):
        drawn = await super().call(name, request, known, on_progress)
        values = "&".join(f"{name}={value}" for name, value in sorted(request.arguments.items()))
        content = drawn.content.__class__("text/html", PAGE + values.encode())
        return replace(drawn, content=content)


@pytest.fixture
def kernel(context, jp_asyncio_loop):
    """A kernel that offers ``animal`` with the parameters type and since."""
    link, declared = OddKernel(), [LiveDeclaration("animal", ANIMAL, revision="r")]
    jp_asyncio_loop.run_until_complete(context.live.registry.register(context.config.owner, "k1", link, declared))
    return link


@pytest.fixture
def animal(owner, kernel, jp_asyncio_loop) -> str:
    """Its permanent id."""
    record = jp_asyncio_loop.run_until_complete(owner.get("/live/k1/animal.json", _record=1)).json()
    return record["id"]


async def share(owner, animal: str, **fields) -> tuple[dict, dict]:
    """Publish a dashboard with the live figure, and return a link to it."""
    dashboard = await publish(owner, [{"kind": "live", "live": animal}, TEXT])
    return dashboard, (await owner.post(f"/api/dashboards/{dashboard['id']}/links", fields)).json()


async def shown(client, asked: str, **query) -> str:
    """Return the content of a URL's frame."""
    answer = await client.get(asked, JSON, _frame=1, **query)
    assert answer.status == 200, answer.text
    frame = await client.get(urljoin(asked, answer.json()["frame"]), {"Sec-Fetch-Dest": "iframe"})
    assert "sandbox allow-scripts" in frame.headers["Content-Security-Policy"]
    # The script that reports the height of the content is at the end.
    return frame.text.removeprefix(PAGE.decode()).partition("\n<script>")[0]


async def test_page_has_a_frame_once_it_is_known_to_work(owner, stranger, animal, kernel):
    """Before, a browser without scripts is sent to a page that makes the call; the policy allows frames on all."""
    dashboard, link = await share(owner, animal, allow=["since"])
    own, theirs = f"/dashboards/{dashboard['id']}", link["url"]
    for client, path, folder in ((owner, own, "live/f/"), (stranger, theirs, "f/")):
        page = await client.get(path, HTML)
        assert "<iframe" not in page.text
        assert 'class="figure-image"' not in page.text
        assert '<noscript><meta http-equiv="refresh"' in page.text
        assert f"/figserve/{folder}" in page.headers["Content-Security-Policy"]
        assert "/figserve/frame/" in page.headers["Content-Security-Policy"]
    assert kernel.asked == []
    drawn = await stranger.get(theirs, HTML, **{"1-1.since": 2015}, _draw=1)
    assert "1-1.html?since=2015&amp;_frame=1&amp;_last=1" in drawn.text
    assert "http-equiv" not in drawn.text
    for client, path, frame in (
        (owner, own, f"../live/f/{animal}.html?since=2015&amp;_frame=1"),
        (stranger, theirs, f"../f/{theirs.rpartition('/')[2]}/1-1.html?since=2015&amp;_frame=1"),
    ):
        page = await client.get(path, HTML, **{"1-1.since": 2015})
        assert f'<noscript><iframe class="image-frame" src="{frame}"' in page.text
        assert 'class="figure-image"' not in page.text


async def test_page_is_cached_once_its_functions_have_results(owner, stranger, animal):
    """Until then, a cached page would show later visitors no images, and reserve no space for them."""
    _, link = await share(owner, animal)
    for query, expected in (({}, "no-cache"), ({"_draw": 1}, "max-age=60"), ({}, "max-age=60")):
        assert (await stranger.get(link["url"], HTML, **query)).headers["Cache-Control"] == f"public, {expected}"


async def test_frames_come_only_from_where_a_page_has_some(owner):
    """The policy of a page without live figures and HTML allows no frames."""
    dashboard = await publish(owner, [TEXT])
    policy = (await owner.get(f"/dashboards/{dashboard['id']}", HTML)).headers["Content-Security-Policy"]
    assert "frame-src 'none'" in policy


async def test_form_is_in_the_record(owner, stranger, animal):
    """The records of the dashboard and of the panel have it, for the owner and, without ids, for others."""
    dashboard, link = await share(owner, animal, allow=["since"])
    first = (await stranger.get(f"{link['url']}/1-1.json")).json()
    assert (first["place"], first["form"], list(first["schema"]["properties"])) == ("1-1", None, ["since"])
    assert animal not in str(first)
    await owner.get(f"/live/f/{animal}.png")
    assert (await stranger.get(f"{link['url']}/1-1.json")).json()["form"] == "html"
    for described in (await stranger.get(f"{link['url']}.json"), await owner.get(f"/api/dashboards/{dashboard['id']}")):
        assert [panel["form"] for panel in described.json()["rows"][0]] == ["html", None]


async def test_frame_applies_the_grant_of_the_link(owner, stranger, animal, kernel):
    """Allowed parameters change it; changing a locked one is refused without a call."""
    _, link = await share(owner, animal, lock={"type": "Bear"}, allow=["since"])
    asked = f"{link['url']}/1-1.html"
    assert await shown(stranger, asked) == "since=2010&type=Bear"
    assert await shown(stranger, asked, since=2015) == "since=2015&type=Bear"
    calls = len(kernel.asked)
    for query in ({"type": "Wolf"}, {"type": "Bear"}, {"since": 1066}):
        for framed in ({}, {"_frame": 1}):
            assert (await stranger.get(asked, JSON, **query, **framed)).status == 400
    assert len(kernel.asked) == calls


async def test_fixed_value_of_a_panel_is_fixed_in_its_frame(owner, stranger, animal):
    """Even if the link allows the parameter."""
    dashboard = await publish(owner, [{"kind": "live", "live": animal, "values": {"type": "Wolf"}}])
    link = (await owner.post(f"/api/dashboards/{dashboard['id']}/links", {"allow": ["since"]})).json()
    assert await shown(stranger, f"{link['url']}/1-1.html") == "since=2010&type=Wolf"
    assert (await stranger.get(f"{link['url']}/1-1.html", JSON, _frame=1, type="Bear")).status == 400
    page = await owner.get(f"/dashboards/{dashboard['id']}", HTML)
    assert f'data-address="../live/f/{animal}" data-form="html" data-alt="animal" data-fixed="type=Wolf"' in page.text


@pytest.mark.parametrize("how", ["revoke", "pause", "delete"])
async def test_frame_ends_with_its_link(owner, stranger, animal, how):
    """Its URL becomes 404, and no new one is signed."""
    dashboard, link = await share(owner, animal)
    asked = f"{link['url']}/1-1.html"
    frame = urljoin(asked, (await stranger.get(asked, JSON, _frame=1)).json()["frame"])
    assert (await stranger.get(frame)).status == 200
    if how == "revoke":
        await owner.delete(f"/api/links/{link['id']}")
    elif how == "pause":
        await owner.patch(f"/api/links/{link['id']}", {"paused": True})
    else:
        await owner.delete(f"/api/dashboards/{dashboard['id']}")
    assert (await stranger.get(frame)).status == 404
    assert (await stranger.get(asked, JSON, _frame=1)).status == 404


async def test_preview_contains_the_name_of_an_html_panel(owner, stranger, animal, renderer):
    """The preview names a panel that has no image."""
    _, link = await share(owner, animal)
    assert (await stranger.get(f"{link['url']}.png")).status == 200
    (job,) = renderer.jobs
    assert rb'"data": null, "text": "animal"' in job.source


class TestRate:
    @pytest.fixture
    def figserve_config(self):
        return {"live_link_rate": "2/minute"}

    async def test_frames_count_like_images(self, owner, stranger, animal, kernel):
        """Each call counts once for the link; loading the frame does not."""
        _, link = await share(owner, animal, allow=["since"])
        asked = f"{link['url']}/1-1.html"
        assert await shown(stranger, asked, since=2001) == "since=2001&type=Deer"
        assert (await stranger.get(asked, since=2002)).status == 200
        assert (await stranger.get(asked, JSON, _frame=1, since=2003)).status == 429
        assert len(kernel.asked) == 2
        stale = await stranger.get(asked, JSON, _frame=1, since=2001)
        assert (stale.status, stale.headers["Cache-Status"]) == (200, "figserve; hit; detail=stale")
        assert (await stranger.get(urljoin(asked, stale.json()["frame"]))).status == 200
