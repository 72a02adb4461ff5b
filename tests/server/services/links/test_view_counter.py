"""Counting views of links: clients, robots, and when the counts are written."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from tornado.httputil import HTTPHeaders

from jupyter_figserve.errors import QuotaExceeded, ReadOnly, Unavailable
from jupyter_figserve.model.links import VIEW_SECONDS
from jupyter_figserve.server.services.links.view_counter import is_robot
from jupyter_figserve.store.catalog import links

from ...conftest import DEADLINE


def request(agent: str = "Mozilla/5.0", address: str = "192.0.2.1"):
    return SimpleNamespace(remote_ip=address, headers=HTTPHeaders({"User-Agent": agent}))


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Slack-ImgProxy (+https://api.slack.com/robots)",
        "facebookexternalhit/1.1",
        "WhatsApp/2.23",
        "TelegramBot (like TwitterBot)",
        "Twitterbot/1.0",
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
        "Mattermost-Bot/1.1",
        "Mastodon/4.2 (http.rb/5.1; +https://example.social/)",
        "SkypeUriPreview Preview/0.5",
        "Iframely/1.3.1",
        "Mozilla/5.0 (compatible; Discourse Forum Onebox v3.2.0)",
        "Bluesky Cardyb/1.1; +mailto:support@bsky.app",
        "Mozilla/5.0 AppleWebKit/537.36 (compatible; Google-PageRenderer Google (+https://developers.google.com/+/web))",
        "FeedFetcher-Google; (+http://www.google.com/feedfetcher.html)",
        "Mozilla/5.0 (compatible; FlipboardProxy/1.2; +http://flipboard.com/browserproxy)",
        "Asana/1.4.0 WebsiteMetadataRetriever",
        "facebookexternalhit/1.1; kakaotalk-scrap/1.0; +https://devtalk.kakao.com/",
        "Akkoma 3.10; https://social.example <admin@social.example>",
        "Lemmy/0.19.3; +https://lemmy.example",
        "Mozilla/5.0 (compatible) Rocket.Chat/6.5",
        "ZulipURLPreview/8.0",
        "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
        "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro)",
    ],
)
def test_preview_robots_are_known(agent):
    """Programs that fetch a link to preview it in a chat or a document."""
    assert is_robot(request(agent))


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
        "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19 Safari/605.1.15",
        "curl/8.0",
        "GoogleImageProxy",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0",
        "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131 Mobile Safari/537.36",
        "python-requests/2.32",
        "Bottle/1.0",
        "",
    ],
)
def test_people_and_programs_are_not_robots(agent):
    """Even if its name contains such a word."""
    assert not is_robot(request(agent))


class TestCounting:
    """Counts in the catalog after a flush."""

    @pytest.fixture
    def seen(self, owner, context, clock):
        """Share a figure, count views of it (seconds later, request) and return the number in the catalog."""

        async def count(*noted) -> int:
            made = await owner.share(await owner.publish())
            link = links.find(context.store.catalog.reader, made["id"])
            for moment, who in noted:
                clock.advance(moment)
                context.view_counter.count(link, who)
            await context.view_counter.flush()
            return links.find(context.store.catalog.reader, made["id"]).seen

        return count

    async def test_one_client_counts_once_in_ten_minutes(self, seen):
        """A later request counts again, even if others came in between."""
        assert await seen((0, request()), (599, request())) == 1
        assert await seen((0, request()), (600, request())) == 2
        assert await seen((0, request()), (400, request()), (400, request())) == 2

    async def test_clients_are_told_apart(self, seen):
        """Clients are distinguished by address and browser."""
        assert await seen((0, request("a")), (0, request("b")), (0, request("a", "192.0.2.2"))) == 3

    async def test_clock_that_jumps_back_counts(self, seen):
        """Views count although the clock has gone back."""
        assert await seen((0, request()), (-3600, request())) == 2

    async def test_robots_do_not_count(self, seen):
        """Robots are not counted."""
        assert await seen((0, request("Googlebot"))) == 0


async def test_kind_C3_long_names_of_browsers_are_not_kept(owner, context, clock):
    """Of each client a short hash is in memory, and for as long as it is one view only."""
    made = await owner.share(await owner.publish())
    link = links.find(context.store.catalog.reader, made["id"])
    for number in range(200):
        context.view_counter.count(link, request(f"{number}" + "x" * 60_000))
    kept = context.view_counter._recent
    assert len(kept) == len(context.view_counter._pending) == 200
    assert {type(client) for client in kept} == {int}
    assert {len(client) for _, client, _ in context.view_counter._pending} == {32}
    await context.view_counter.flush()
    clock.advance(VIEW_SECONDS + 1)
    assert (len(kept), context.view_counter._pending) == (0, [])


async def test_views_are_written_by_themselves(owner, stranger, context, monkeypatch):
    """Shortly after they happened, without a flush."""
    monkeypatch.setattr("jupyter_figserve.server.services.links.view_counter._FLUSH_SECONDS", 0.0)
    made = await owner.share(await owner.publish())
    stamp = await context.store.data_version()
    await stranger.get(made["url"])
    async with asyncio.timeout(DEADLINE):
        while await context.store.data_version() == stamp:
            await stranger.get("/api/status")
    assert links.find(context.store.catalog.reader, made["id"]).seen == 1


async def test_clients_are_stored_as_hashes(owner, stranger, context):
    """The catalog keeps only a hash of a client, a different one for each link."""
    figure = await owner.publish()
    client = stranger.with_headers(User_Agent="Unmistakable/1.0")
    for _ in range(2):
        assert (await client.get((await owner.share(figure, views=5))["url"])).status == 200
    rows = context.store.catalog.reader.exec_driver_sql("select client from viewers").scalars().all()
    assert len(set(rows)) == 2
    for file in context.store.directory.rglob("*"):
        assert not file.is_file() or b"Unmistakable" not in file.read_bytes()


@pytest.mark.parametrize("error", [Unavailable("down"), QuotaExceeded("full"), ReadOnly("locked")])
async def test_views_that_cannot_be_written_are_written_later(owner, context, monkeypatch, error):
    """The page that shows their number is sent nevertheless."""
    made = await owner.share(await owner.publish())
    find = lambda: links.find(context.store.catalog.reader, made["id"])  # noqa: E731

    async def fail(_: object) -> None:
        raise error

    context.view_counter.count(find(), request())
    with monkeypatch.context() as failing:
        failing.setattr(context.store.links, "add_views", fail)
        assert (await owner.get("/api/links")).json()["links"][0]["id"] == made["id"]
    await context.view_counter.flush()
    assert find().seen == 1
