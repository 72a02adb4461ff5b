"""Public links to figures: images, page, embedding and JSON; caching, ranges and views."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urljoin

import pytest

from ....png_header import png_size
from ...conftest import Client
from ...pages import Page
from ...sample_images import HTML, PDF, SAMPLES, SVG, multipart, png
from .conftest import token_of

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PATHS = ("/f/{}", "/f/{}.png", "/f/{}.json", "/f/{}/embed", "/f/{}.html", "/f/{}.nope")


class TestImage:
    async def test_bytes_are_those_that_were_published(self, stranger, publish_and_share):
        """Every format is sent unchanged, with its media type."""
        for type in (name for name in SAMPLES if name != "html"):
            link = await publish_and_share(type)
            answer = await stranger.get(link["image_url"])
            assert (answer.status, answer.body) == (200, SAMPLES[type][1]), type
            expected = "image/svg+xml" if type == "svgz" else SAMPLES[type][0]
            assert answer.mimetype == expected
            assert answer.headers.get("Content-Encoding") == ("gzip" if type == "svgz" else None)

    async def test_head_has_the_headers_of_get(self, stranger, publish_and_share):
        """HEAD sends the same headers, with Content-Length, and no body."""
        link = await publish_and_share()
        get, head = await stranger.get(link["image_url"]), await stranger.head(link["image_url"])
        assert head.status == 200
        skipped = {"Date"}
        assert {k: v for k, v in head.headers.items() if k not in skipped} == {
            k: v for k, v in get.headers.items() if k not in skipped
        }
        assert int(head.headers["Content-Length"]) == len(get.body)

    async def test_known_bytes_are_not_sent_again(self, stranger, publish_and_share):
        """Each form of If-None-Match gets a 304 with the ETag and Cache-Control, without headers of the content."""
        link = await publish_and_share()
        etag = (await stranger.get(link["image_url"])).headers["ETag"]
        for form in ("{}", "W/{}", '"other", {}', "{} , W/x", "*"):
            answer = await stranger.get(link["image_url"], {"If-None-Match": form.format(etag)})
            assert (answer.status, answer.headers["ETag"]) == (304, etag), form
            assert answer.headers["Cache-Control"] == "public, max-age=60"
            assert "Content-Type" not in answer.headers

    async def test_other_bytes_are_sent(self, stranger, publish_and_share):
        """Another ETag does not match."""
        link = await publish_and_share()
        assert (await stranger.get(link["image_url"], {"If-None-Match": '"' + "0" * 64 + '"'})).status == 200

    RANGES = (
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=5-", 206, slice(5, None)),
        ("bytes=-4", 206, slice(-4, None)),
        ("bytes=0-99999", 206, slice(0, None)),
        ("bytes=-99999", 206, slice(0, None)),
        ("bytes=99999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=9-2", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("bytes=0-1,4-5", 200, slice(None)),
        ("bytes=" + ",".join(["0-0"] * 100), 200, slice(None)),
        ("bytes=a-b", 200, slice(None)),
        ("pages=1-2", 200, slice(None)),
    )

    async def test_ranges(self, stranger, publish_and_share):
        """One range of bytes is sent as RFC 9110 says; for a malformed or a multiple range, the whole body is."""
        link, data = await publish_and_share(), SAMPLES["png"][1]
        for asked, status, part in self.RANGES:
            answer = await stranger.get(link["image_url"], {"Range": asked})
            assert answer.status == status, asked
            if part is None:
                assert answer.headers["Content-Range"] == f"bytes */{len(data)}"
                assert answer.code == "range_not_satisfiable"
            else:
                assert answer.body == data[part]
            if status == 206:
                first = range(len(data))[part][0]
                assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(answer.body) - 1}/{len(data)}"

    async def test_range_of_a_changed_figure_gets_all(self, stranger, publish_and_share):
        """If-Range with another ETag sends the whole of the new bytes."""
        link = await publish_and_share()
        etag = (await stranger.get(link["image_url"])).headers["ETag"]
        for condition, status in ((etag, 206), ('"old"', 200)):
            headers = {"Range": "bytes=0-3", "If-Range": condition}
            assert (await stranger.get(link["image_url"], headers)).status == status

    async def test_stored_sizes_are_served_and_others_are_rendered(self, stranger, owner, publish_and_share):
        """A stored size is sent; another is 409 without a source, and rendered from the source if the list has it."""
        link = await publish_and_share()
        assert (await stranger.get(link["image_url"], width=4, height=3)).status == 200
        assert (await stranger.get(link["image_url"], width=400)).code == "not_redrawable"
        figure = link["figure"]
        await owner.ask("PUT", f"/api/figures/{figure}/versions/1/source", b"pickle", kind="figure")
        answer = await stranger.get(link["image_url"], width=400)
        assert (answer.status, answer.code) == (403, "size_not_allowed")
        assert png_size((await stranger.get(link["image_url"], width=640)).body) == (640, 480)

    async def test_malformed_size_is_rejected(self, stranger, publish_and_share):
        """Sizes are positive whole numbers."""
        link = await publish_and_share()
        for query in ({"width": "0"}, {"width": "-1"}, {"height": "x"}, {"dpi": "1e3"}):
            assert (await stranger.get(link["image_url"], **query)).status == 400, query

    async def test_unknown_format_is_rejected(self, stranger, publish_and_share):
        """415 for a suffix that is no format, 409 for a format that is neither stored nor can be rendered."""
        link = await publish_and_share()
        assert (await stranger.get(link["url"] + ".exe")).status == 415
        assert (await stranger.get(link["url"] + ".svg")).code == "not_redrawable"
        assert (await stranger.get(link["url"] + ".html")).code == "not_redrawable"

    async def test_link_follows_the_newest_version(self, owner, stranger, publish_and_share):
        """A new version is visible through the same link at once; a link to one version keeps showing that."""
        link = await publish_and_share()
        pinned = await owner.share({"id": link["figure"]}, version=1)
        await owner.publish("sales", png(grey=200))
        assert (await stranger.get(link["image_url"])).body == png(grey=200)
        assert (await stranger.get(pinned["image_url"])).body == png()


class TestCaching:
    async def test_public_image_is_cacheable(self, stranger, publish_and_share):
        """For a minute by default, in any cache, from any origin, and never with a cookie."""
        link = await publish_and_share()
        for path in (link["image_url"], link["url"], link["url"] + ".json", link["url"] + "/embed"):
            answer = await stranger.get(path)
            assert answer.headers["Cache-Control"] == "public, max-age=60", path
            assert "Set-Cookie" not in answer.headers
        assert (await stranger.get(link["image_url"])).headers["Access-Control-Allow-Origin"] == "*"

    async def test_login_makes_no_difference(self, owner, browser, publish_and_share):
        """Tokens and cookies of the request are ignored, and none is set."""
        link = await publish_and_share()
        for client in (owner, browser):
            for path in (link["image_url"], link["url"]):
                answer = await client.get(path)
                assert answer.headers["Cache-Control"] == "public, max-age=60"
                assert "Set-Cookie" not in answer.headers

    async def test_caches_never_outlive_the_link(self, stranger, clock, publish_and_share):
        """20 seconds before it expires, its image, page, JSON and oEmbed may be cached for 20 seconds."""
        link = await publish_and_share(expires="1h")
        clock.advance(3580)
        for path in (link["image_url"], link["url"], link["url"] + ".json"):
            assert (await stranger.get(path)).headers["Cache-Control"] == "public, max-age=20"
        oembed = await stranger.get("/oembed", url=link["url"])
        assert oembed.headers["Cache-Control"] == "public, max-age=20"
        assert oembed.json()["cache_age"] == 20
        answer = await stranger.get(link["image_url"], {"If-None-Match": "*"})
        assert (answer.status, answer.headers["Cache-Control"]) == (304, "public, max-age=20")

    async def test_link_with_a_view_limit_is_not_cached(self, stranger, publish_and_share):
        """No cache may store what may be viewed three times."""
        link = await publish_and_share(views=3)
        for path in (link["image_url"], link["url"], link["url"] + ".json", link["url"] + "/embed"):
            assert (await stranger.get(path)).headers["Cache-Control"] == "private, no-store"
        assert (await stranger.get("/oembed", url=link["url"])).headers["Cache-Control"] == "private, no-store"

    async def test_missing_link_is_not_cached(self, stranger):
        """A 404 is not cached, because the link may be resumed."""
        assert (await stranger.get("/f/" + "x" * 32)).headers["Cache-Control"] == "private, no-store"

    async def test_link_without_expiry_is_cached_for_a_minute(self, stranger, publish_and_share):
        """A link that never expires can still be revoked."""
        link = await publish_and_share(expires="never")
        assert (await stranger.get(link["image_url"])).headers["Cache-Control"] == "public, max-age=60"


class TestViews:
    async def seen(self, owner: Client, link: dict) -> int:
        return (await owner.get(f"/api/links/{link['id']}")).json()["seen"]

    async def test_parallel_clients_share_the_limit(self, owner, stranger, publish_and_share):
        """Of twenty concurrent clients of a link with three views, three see it."""
        link = await publish_and_share(views=3)
        clients = [stranger.with_headers(User_Agent=f"client {n}") for n in range(20)]
        answers = await asyncio.gather(*(client.get(link["image_url"]) for client in clients))
        assert sorted(answer.status for answer in answers) == [200] * 3 + [404] * 17
        assert await self.seen(owner, link) == 3

    async def test_one_client_is_one_view_for_ten_minutes(self, owner, stranger, clock, publish_and_share):
        """Requests for page and image are one view, until ten minutes have passed."""
        link = await publish_and_share(views=2)
        for path in (link["url"], link["image_url"], link["image_url"]):
            assert (await stranger.get(path)).status == 200
        assert await self.seen(owner, link) == 1
        clock.advance(601)
        assert (await stranger.get(link["image_url"])).status == 200
        assert await self.seen(owner, link) == 2
        clock.advance(601)
        assert (await stranger.get(link["image_url"])).status == 404

    async def test_head_range_304_and_robots_are_no_view(self, owner, stranger, publish_and_share):
        """A chat's preview, a HEAD, a range and a 304 do not use up the one view."""
        link = await publish_and_share(views=1)
        etag = '"' + (await owner.get(f"/api/figures/{link['figure']}")).json()["representations"][0]["digest"] + '"'
        robot = stranger.with_headers(User_Agent="Slackbot-LinkExpanding 1.0")
        assert (await stranger.head(link["url"])).status == 200
        assert (await stranger.head(link["image_url"])).status == 200
        assert (await stranger.get(link["image_url"], {"Range": "bytes=0-3"})).status == 206
        assert (await stranger.get(link["image_url"], {"Range": "bytes=99999-"})).status == 416
        assert (await stranger.get(link["image_url"], {"If-None-Match": etag})).status == 304
        assert (await robot.get(link["url"])).status == 200
        assert (await robot.get(link["image_url"])).status == 200
        assert (await stranger.get("/oembed", url=link["url"])).status == 200
        assert await self.seen(owner, link) == 0
        assert (await stranger.get(link["url"])).status == 200
        assert await self.seen(owner, link) == 1

    async def test_range_of_all_bytes_is_a_view(self, owner, stranger, publish_and_share):
        """A malformed Range header, or one for a page, counts as a view."""
        for path in ("url", "image_url"):
            link = await publish_and_share(views=1)
            assert (await stranger.get(link[path], {"Range": "bytes=0-1,3-4"})).status == 200
            assert await self.seen(owner, link) == 1

    async def test_views_without_a_limit_are_counted_too(self, owner, stranger, clock, publish_and_share):
        """Once per client in ten minutes; robots and ranges are not counted."""
        link = await publish_and_share()
        for client in (
            stranger,
            stranger,
            stranger.with_headers(User_Agent="other"),
            stranger.with_headers(User_Agent="Googlebot"),
        ):
            await client.get(link["url"])
            await client.get(link["image_url"])
            await client.get(link["image_url"], {"Range": "bytes=0-3"})
        await stranger.with_headers(User_Agent="third").head(link["url"])
        assert await self.seen(owner, link) == 2
        clock.advance(601)
        await stranger.get(link["url"])
        assert await self.seen(owner, link) == 3


class TestPage:
    async def test_one_download_is_primary(self, owner, stranger):
        """That of the image on the page; other formats are below it, each once."""
        body, headers = multipart({"name": "sales"}, ("image/svg+xml", SVG), ("image/png", png()))
        record = (await owner.ask("POST", "/api/figures", body, headers)).json()
        link = await owner.share(record)
        text = (await stranger.get(link["url"], BROWSER)).text
        primary, others = text.partition('class="button"')[2].split('<details class="downloads">')
        assert "Download SVG</a>" in primary
        assert (others.count("download>PNG</a>"), others.count("download>SVG</a>")) == (1, 0)

    async def test_caption_is_shown_and_alternative_text_is_not(self, owner, stranger):
        """The author's caption stands below the figure; the alternative text is for screen readers alone."""
        link = await owner.share(await owner.publish(alt="A line.", caption="As of <May>"))
        page = (await stranger.get(link["url"], BROWSER)).text
        assert '<figcaption dir="auto">As of &lt;May&gt;</figcaption>' in page
        assert page.count("<figcaption") == 1
        assert (await stranger.get(link["url"] + ".json")).json()["caption"] == "As of <May>"

    async def test_page_shows_the_figure(self, stranger, publish_and_share):
        """Title, image with its size and alternative text, all escaped, and noindex for search engines."""
        link = await publish_and_share()
        answer = await stranger.get(link["url"], BROWSER)
        page = Page(answer.text)
        (image,) = page["img"]
        assert (image["alt"], image["width"], image["height"]) == ('A "line" & more', "4", "3")
        assert "<b>" not in answer.text
        assert "Sales &lt;b&gt;" in answer.text
        assert page.meta("robots") == "noindex"
        assert answer.headers["X-Robots-Tag"] == "noindex"

    async def test_image_of_the_page_loads(self, stranger, publish_and_share):
        """The page's relative URLs lead to its image, style sheet and script under any base URL."""
        link = await publish_and_share()
        for url in (link["url"], link["url"] + "/embed"):
            page = Page((await stranger.get(url)).text)
            found = [
                page["img"][0]["src"],
                *(tag["href"] for tag in page["link"] if tag["rel"] in ("icon", "stylesheet")),
            ]
            found += [tag["src"] for tag in page["script"]]
            assert len(found) >= 3
            for address in found:
                assert (await stranger.get(urljoin(url, address))).status == 200, address

    async def test_preview_tags_have_absolute_urls(self, stranger, publish_and_share):
        """OpenGraph, Twitter and oEmbed discovery have absolute URLs that work."""
        link = await publish_and_share()
        page = Page((await stranger.get(link["url"])).text)
        assert page.meta("og:url") == link["url"]
        assert page.meta("og:image") == page.meta("twitter:image") == link["image_url"]
        assert page.meta("og:title") == page.meta("twitter:title") == "Sales <b>"
        assert page.meta("og:image:alt") == 'A "line" & more'
        assert (page.meta("og:image:width"), page.meta("twitter:card")) == ("4", "summary_large_image")
        (discovery,) = [tag for tag in page["link"] if tag.get("type") == "application/json+oembed"]
        assert (await stranger.get(discovery["href"])).json()["type"] == "photo"

    async def test_page_with_a_view_limit_has_no_preview_image(self, stranger, publish_and_share):
        """A robot would store the image where the limit has no effect."""
        page = Page((await stranger.get((await publish_and_share(views=5))["url"])).text)
        assert page.meta("og:image") is None
        assert page.meta("twitter:image") is None

    async def test_page_of_a_document_has_a_download(self, stranger, publish_and_share):
        """A PDF without a thumbnail has a link to its file instead of a broken image."""
        link = await publish_and_share("pdf")
        page = Page((await stranger.get(link["url"])).text)
        assert page["img"] == []
        (download,) = [tag for tag in page["a"] if "download" in tag]
        assert (await stranger.get(urljoin(link["url"], download["href"]))).body == PDF

    async def test_page_loads_nothing_from_other_sites(self, stranger, publish_and_share):
        """The policy allows the page's own origin and no inline script."""
        policy = (await stranger.get((await publish_and_share())["url"])).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy

    async def test_error_is_a_page_only_for_browsers(self, stranger):
        """A browser gets a page and a program gets JSON; neither contains the path."""
        token = "y" * 32
        page, json = await stranger.get(f"/f/{token}", BROWSER), await stranger.get(f"/f/{token}")
        assert (page.mimetype, json.mimetype) == ("text/html", "application/json")
        assert "Not found" in page.text
        assert token not in page.text + json.text
        assert Page(page.text)["script"] == []


class TestHtml:
    async def test_html_is_shown_in_a_sandboxed_frame(self, stranger, publish_and_share):
        """The page shows it in a frame without our origin; the frame's URL works, and the page is not cached."""
        link = await publish_and_share("html")
        for url in (link["url"], link["url"] + "/embed", link["url"] + ".html"):
            answer = await stranger.get(url)
            (frame,) = Page(answer.text)["iframe"]
            assert frame["sandbox"] == "allow-scripts"
            assert answer.headers["Cache-Control"] == "private, no-store"
            inner = await stranger.get(urljoin(url, frame["src"]), {"Sec-Fetch-Dest": "iframe"})
            assert inner.body.startswith(HTML)

    async def test_html_with_an_image_has_its_own_url(self, owner, stranger):
        """When an image is the main representation, the page shows that, and ``.html`` the interactive one."""
        form = multipart({"name": "both"}, ("image/png", png()), ("text/html", HTML))
        figure = (await owner.ask("POST", "/api/figures", *form)).json()
        link = await owner.share(figure)
        assert len(Page((await stranger.get(link["url"])).text)["img"]) == 1
        assert len(Page((await stranger.get(link["url"] + ".html")).text)["iframe"]) == 1

    async def test_link_never_sends_raw_html(self, stranger, publish_and_share):
        """No URL of the link sends the HTML itself."""
        link = await publish_and_share("html")
        for path in PATHS[:-1]:
            assert HTML not in (await stranger.get(path.format(token_of(link)))).body


class TestEmbed:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"embed_origins": ["https://wiki.example.org", "https://blog.example.org"]}

    async def test_allowed_origins_may_frame_the_embedding_only(self, stranger, publish_and_share):
        """The policy of /embed names them; no site may frame the page itself."""
        link = await publish_and_share()
        embed, page = await stranger.get(link["url"] + "/embed"), await stranger.get(link["url"])
        allowed = "frame-ancestors https://wiki.example.org https://blog.example.org"
        assert allowed in embed.headers["Content-Security-Policy"]
        assert "X-Frame-Options" not in embed.headers
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Frame-Options"] == "DENY"

    async def test_page_offers_the_iframe(self, stranger, publish_and_share):
        """The link's page has the snippet when embedding is allowed."""
        assert "&lt;iframe" in (await stranger.get((await publish_and_share())["url"])).text


class TestEmbedDisabled:
    async def test_no_site_may_frame_by_default(self, stranger, publish_and_share):
        """Without ``embed_origins``, no site may frame /embed either, and the page has no snippet."""
        link = await publish_and_share()
        embed = await stranger.get(link["url"] + "/embed")
        assert "frame-ancestors 'none'" in embed.headers["Content-Security-Policy"]
        assert "&lt;iframe" not in (await stranger.get(link["url"])).text


class TestJson:
    async def test_record_is_public_metadata_only(self, stranger, publish_and_share):
        """No owner, notebook, session or id; representations have URLs of the link."""
        link = await publish_and_share()
        answer = await stranger.get(link["url"] + ".json")
        record = answer.json()
        assert record["url"] == link["url"]
        assert [part["url"] for part in record["representations"]] == [link["image_url"]]
        assert link["figure"] not in answer.text


async def test_svg_is_served_inert(stranger, publish_and_share):
    """An SVG has its own sandboxing policy wherever it is opened."""
    link = await publish_and_share("svg")
    answer = await stranger.get(link["image_url"])
    policy = answer.headers["Content-Security-Policy"]
    assert answer.body == SVG
    assert re.search(r"default-src 'none'.*; sandbox;", policy)
    assert "script-src" not in policy
