"""Figure pages for the owner."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from jupyter_figserve.model.figures import Version
from jupyter_figserve.server.web.figures.page_handlers import _facts

from ...pages import Page
from ...sample_images import HTML, PDF, SAMPLES, SVG, multipart, png

BROWSER = {"Accept": "text/html"}


def text_of(page: str) -> str:
    """Return the text without tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


class TestFigurePage:
    async def test_page_shows_the_newest_version_with_everything(self, owner):
        """Image, texts, files, versions and links; all URLs work."""
        await owner.publish(title="Old")
        figure = await owner.publish(data=png(8, 6), title="Sales <b>", alt="A line & more")
        await owner.share(figure, label="for <Ann>")
        text = (await owner.get(figure["url"])).text
        page = Page(text)
        (image,) = page.of_class("img", "figure-image")
        assert (image["width"], image["alt"]) == ("8", "A line & more")
        assert "Sales &lt;b&gt;" in text
        assert "for &lt;Ann&gt;" in text
        assert "<b>" not in text
        addresses = [image["src"], *(tag["href"] for tag in page.links)]
        assert len(addresses) >= 5
        for address in addresses:
            assert (await owner.get(urljoin(figure["url"], address))).status == 200, address

    async def test_page_of_an_older_version(self, owner):
        """It shows that version's image and links to the newest."""
        for grey in (0, 9):
            figure = await owner.publish(data=png(grey=grey))
        answer = await owner.get(figure["url"], version=1)
        (image,) = Page(answer.text).of_class("img", "figure-image")
        assert (await owner.get(urljoin(figure["url"], image["src"]))).body == png()
        assert "show the latest" in answer.text

    async def test_two_versions_beside_each_other(self, owner):
        """Each with its image; the form offers all versions and has these two selected."""
        for grey in (0, 9, 20):
            figure = await owner.publish(data=png(grey=grey))
        page = Page((await owner.get(figure["url"], **{"version": 3, "with": 1})).text)
        images = [
            (await owner.get(urljoin(figure["url"], i["src"]))).body for i in page.of_class("img", "figure-image")
        ]
        assert images == [png(grey=20), png(grey=0)]
        assert [option["value"] for option in page["option"] if "selected" in option][:2] == ["3", "1"]
        assert (await owner.get(figure["url"], **{"with": 9})).status == 404

    async def test_two_html_versions_have_a_frame_each(self, owner):
        """The policy allows both."""
        await owner.publish("page", HTML, "text/html")
        figure = await owner.publish("page", HTML + b" ", "text/html")
        answer = await owner.get(figure["url"], **{"with": 1})
        frames = Page(answer.text)["iframe"]
        assert len({frame["src"] for frame in frames}) == 2
        for frame in frames:
            assert (await owner.get(urljoin(figure["url"], frame["src"]), {"Sec-Fetch-Dest": "iframe"})).status == 200

    async def test_provenance_is_shown(self, owner):
        """Cell, libraries and other values of a program, as text."""
        recorded = {"libraries": {"matplotlib": "3.11.2", "<i>": "1"}, "commit": "<script>", "odd": [1, 2]}
        words = {"name": "sales", "cell": {"execution_count": 7, "id": "abc"}, "provenance": recorded}
        figure = (await owner.ask("POST", "/api/figures", *multipart(words, ("image/png", png())))).json()
        text = (await owner.get(figure["url"])).text
        assert "[7] abc" in text
        assert "matplotlib 3.11.2, &lt;i&gt; 1" in text
        assert "&lt;script&gt;" in text
        assert "<script>" not in text

    @pytest.mark.parametrize(
        "recorded", [{"cell": "x", "libraries": "y"}, {"cell": None, "libraries": ["z"]}, {"cell": 5}]
    )
    async def test_odd_provenance_breaks_nothing(self, recorded):
        """Any program may publish values of any type."""
        version = Version(1, 0.0, None, "", "", (), provenance=recorded)
        assert all(isinstance(name, str) and isinstance(fact, str) for name, fact in _facts(version))

    async def test_neighbours_lead_through_all_figures(self, owner):
        """From the newest by Older to the oldest, and back by Newer."""
        figures = [await owner.publish(f"f{n}", png(grey=n)) for n in range(3)]
        steps = []
        for figure in figures:
            page = Page((await owner.get(figure["url"])).text)
            steps.append({tag["rel"]: urljoin(figure["url"], tag["href"]) for tag in page.links if "rel" in tag})
        urls = [figure["url"] for figure in figures]
        assert steps == [{"prev": urls[1]}, {"prev": urls[2], "next": urls[0]}, {"next": urls[1]}]

    async def test_page_gives_the_cookie_that_its_scripts_need(self, owner, browser):
        """The _xsrf cookie may be gone while the login is still valid."""
        figure = await owner.publish()
        cookies = [c for c in browser.headers["Cookie"].split("; ") if not c.startswith("_xsrf=")]
        answer = await browser.with_headers(Cookie="; ".join(cookies)).get(figure["url"])
        assert any(c.startswith("_xsrf=") for c in answer.headers.get_list("Set-Cookie"))

    async def test_states_of_links_are_listed(self, owner, clock):
        """When each expires, or why it is closed."""
        figure = await owner.publish()
        await owner.share(figure, expires="never")
        await owner.share(figure, expires="1h")
        paused = await owner.share(figure)
        await owner.patch(f"/api/links/{paused['id']}", {"paused": True})
        await owner.share(figure, expires="3d")
        clock.advance(3601)
        states = text_of((await owner.get(figure["url"])).text)
        for words in ("never expires", "expired", "paused", "18 Jan 2027"):
            assert words in states, words

    async def test_views_are_listed(self, owner, stranger):
        """Including those not yet written to the catalog."""
        figure = await owner.publish()
        link = await owner.share(figure)
        before = text_of((await owner.get(figure["url"])).text)
        await stranger.get(link["url"])
        after = text_of((await owner.get(figure["url"])).text)
        assert ("1 view" in before, "1 view" in after) == (False, True)

    async def test_document_without_an_image(self, owner):
        """It is offered as a file."""
        figure = await owner.publish("doc", PDF, "application/pdf")
        page = Page((await owner.get(figure["url"])).text)
        assert page.of_class("img", "figure-image") == []
        (address,) = [tag["href"] for tag in page.links if ".pdf" in tag["href"] and "download" not in tag]
        assert (await owner.get(urljoin(figure["url"], address))).body == PDF

    async def test_html_is_framed(self, owner):
        """In the same sandbox as on public pages."""
        figure = await owner.publish("page", HTML, "text/html")
        answer = await owner.get(figure["url"])
        (frame,) = Page(answer.text)["iframe"]
        assert frame["sandbox"] == "allow-scripts"
        assert "/frame/" in answer.headers["Content-Security-Policy"]
        inner = await owner.get(urljoin(figure["url"], frame["src"]), {"Sec-Fetch-Dest": "iframe"})
        assert inner.body.startswith(HTML)

    @pytest.mark.parametrize("type", SAMPLES)
    async def test_every_format_has_a_page(self, owner, type):
        """For each type of the main representation."""
        mimetype, data = SAMPLES[type]
        assert (await owner.get((await owner.publish("f", data, mimetype))["url"])).status == 200

    async def test_missing_figure_leads_back_to_the_others(self, owner, stranger):
        """Only its owner: a visitor of a link that does not open has no figures here."""
        own = await owner.ask("GET", "/figures/missing", headers=BROWSER)
        foreign = await stranger.ask("GET", f"/f/{'x' * 32}", headers=BROWSER)
        assert (own.status, foreign.status) == (404, 404)
        assert ("All figures" in own.text, "All figures" in foreign.text) == (True, False)
        assert ("ask them for a new one" in own.text, "ask them for a new one" in foreign.text) == (False, True)

    async def test_deleted_figure_is_restored_from_its_page(self, owner, make_key):
        """The page offers it to its owner only; programs get the usual error."""
        record = await owner.publish("gone", title="Gone & forgotten")
        await owner.delete(f"/api/figures/{record['id']}")
        page = await owner.ask("GET", f"/figures/{record['id']}", headers=BROWSER)
        assert page.status == 404
        assert "Gone &amp; forgotten" in page.text
        assert f'data-path="api/figures/{record["id"]}"' in page.text
        assert (await owner.get(f"/api/figures/{record['id']}")).status == 404
        other = owner.with_key(await make_key("read", owner="bob"))
        assert "forgotten" not in (await other.ask("GET", f"/figures/{record['id']}", headers=BROWSER)).text

    async def test_page_is_not_cached(self, owner):
        """It is private."""
        assert (await owner.get((await owner.publish())["url"])).headers["Cache-Control"] == "private, no-store"

    async def test_browser_without_login_is_redirected_to_the_form(self, owner, stranger):
        """The form leads back to the page; a program, and an invalid key, get 401."""
        figure = await owner.publish()
        answer = await stranger.get(figure["url"], BROWSER)
        location = urlsplit(answer.headers["Location"])
        assert (answer.status, location.path) == (302, "/a%40b/login")
        assert parse_qs(location.query)["next"] == [urlsplit(figure["url"]).path]
        assert (await stranger.get(figure["url"])).status == 401
        bad = await stranger.with_headers(X_API_Key="x").get(figure["url"], BROWSER)
        assert (bad.status, bad.mimetype) == (401, "text/html")


class TestAccept:
    """The address without a suffix, for clients that prefer another format to the page."""

    @pytest.mark.parametrize(
        ("accept", "mimetype"),
        [
            ("text/html", "text/html"),
            ("*/*", "text/html"),
            ("image/*", "image/png"),
            ("image/svg+xml", "image/svg+xml"),
            ("image/jpeg;q=0.5,image/svg+xml;q=0.1", "image/svg+xml"),
            ("application/json", "application/json"),
        ],
    )
    async def test_format_follows_accept(self, owner, stranger, accept, mimetype):
        """For the owner and by a link; caches keep the answers apart."""
        form = multipart({"name": "both"}, ("image/png", png()), ("image/svg+xml", SVG))
        figure = (await owner.ask("POST", "/api/figures", *form)).json()
        link = await owner.share(figure)
        for client, url in ((owner, figure["url"]), (stranger, link["url"])):
            for method in ("GET", "HEAD"):
                answer = await client.ask(method, url, None, {"Accept": accept})
                assert (answer.status, answer.mimetype, answer.headers["Vary"]) == (200, mimetype, "Accept")
        if mimetype == "image/png":
            assert (await stranger.get(link["url"], {"Accept": accept})).body == png()

    async def test_record_is_that_of_the_suffix(self, owner):
        """``application/json`` and ``.json`` are the same."""
        figure = await owner.publish()
        assert (await owner.get(figure["url"], {"Accept": "application/json"})).json() == figure

    async def test_version_and_login_count_as_for_the_page(self, owner, stranger):
        """A pinned version is that version's image; without a login there is nothing."""
        figure = await owner.publish()
        await owner.publish(data=png(grey=9))
        accept = {"Accept": "image/png"}
        assert (await owner.get(f"/figures/{figure['id']}?version=1", accept)).body == png()
        assert (await stranger.get(figure["url"], accept)).status == 401
