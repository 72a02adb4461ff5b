"""Pages for the owner, and the files that pages load."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from jupyter_figserve.server.assets import static_files, static_url

from .pages import Page
from .pictures import HTML, PDF, PICTURES, png

BROWSER = {"Accept": "text/html"}


def text_of(page: str) -> str:
    """Its words alone."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


class TestFigurePage:
    async def test_page_shows_the_newest_version_with_everything(self, owner):
        """Picture, words, files, versions and links; all addresses lead somewhere."""
        await owner.publish(title="Old")
        figure = await owner.publish(data=png(8, 6), title="Sales <b>", alt="A line & more")
        await owner.share(figure, label="for <Ann>")
        text = (await owner.get(figure["url"])).text
        page = Page(text)
        (image,) = page["img"]
        assert (image["width"], image["alt"]) == ("8", "A line & more")
        assert "Sales &lt;b&gt;" in text
        assert "for &lt;Ann&gt;" in text
        assert "<b>" not in text
        addresses = [image["src"], *(tag["href"] for tag in page["a"])]
        assert len(addresses) >= 4
        for address in addresses:
            assert (await owner.get(urljoin(figure["url"], address))).status == 200, address

    async def test_page_of_an_older_version(self, owner):
        """Its picture is that version's."""
        for grey in (0, 9):
            figure = await owner.publish(data=png(grey=grey))
        (image,) = Page((await owner.get(figure["url"], version=1)).text)["img"]
        assert (await owner.get(urljoin(figure["url"], image["src"]))).body == png()

    async def test_states_of_links_are_told(self, owner, clock):
        """Until when each is open, or why it is not."""
        figure = await owner.publish()
        await owner.share(figure, expires="never")
        await owner.share(figure, expires="1h")
        paused = await owner.share(figure)
        await owner.patch(f"/api/links/{paused['id']}", {"paused": True})
        await owner.share(figure, expires="3d")
        clock.advance(3601)
        states = text_of((await owner.get(figure["url"])).text)
        for words in ("until revoked", "expired", "paused", "18 January 2027"):
            assert words in states, words

    async def test_views_are_told(self, owner, stranger):
        """Also those of the last second."""
        figure = await owner.publish()
        link = await owner.share(figure)
        before = text_of((await owner.get(figure["url"])).text)
        await stranger.get(link["url"])
        after = text_of((await owner.get(figure["url"])).text)
        assert ("seen once" in before, "seen once" in after) == (False, True)

    async def test_document_without_a_picture(self, owner):
        """Is offered as a file."""
        figure = await owner.publish("doc", PDF, "application/pdf")
        text = (await owner.get(figure["url"])).text
        assert Page(text)["img"] == []
        assert (await owner.get(urljoin(figure["url"], Page(text)["a"][0]["href"]))).body == PDF

    async def test_html_is_framed(self, owner):
        """In the same sandbox as for strangers."""
        figure = await owner.publish("page", HTML, "text/html")
        answer = await owner.get(figure["url"])
        (frame,) = Page(answer.text)["iframe"]
        assert frame["sandbox"] == "allow-scripts"
        assert "/frame/" in answer.headers["Content-Security-Policy"]
        inner = await owner.get(urljoin(figure["url"], frame["src"]), {"Sec-Fetch-Dest": "iframe"})
        assert inner.body == HTML

    @pytest.mark.parametrize("type", PICTURES)
    async def test_every_format_has_a_page(self, owner, type):
        """Whatever its main representation."""
        mimetype, data = PICTURES[type]
        assert (await owner.get((await owner.publish("f", data, mimetype))["url"])).status == 200

    async def test_page_is_in_no_cache(self, owner):
        """It is the owner's."""
        assert (await owner.get((await owner.publish())["url"])).headers["Cache-Control"] == "private, no-store"

    async def test_browser_without_login_is_sent_to_the_form(self, owner, stranger):
        """And comes back to the page; a program gets 401, and a key that is bad no form."""
        figure = await owner.publish()
        answer = await stranger.get(figure["url"], BROWSER)
        location = urlsplit(answer.headers["Location"])
        assert (answer.status, location.path) == (302, "/a%40b/login")
        assert parse_qs(location.query)["next"] == [urlsplit(figure["url"]).path]
        assert (await stranger.get(figure["url"])).status == 401
        bad = await stranger.having(X_API_Key="x").get(figure["url"], BROWSER)
        assert (bad.status, bad.mimetype) == (401, "text/html")


class TestStatic:
    @pytest.mark.parametrize("name", sorted(static_files()))
    async def test_file_is_served_for_ever(self, stranger, name):
        """Its address has its digest."""
        assert static_url("..", name).startswith(f"../static/{name}?v=")
        answer = await stranger.get(f"/static/{name}")
        assert answer.body == static_files()[name][0]
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "charset" in answer.headers["Content-Type"] or name.endswith(".svg")

    @pytest.mark.parametrize("name", ["none.css", "..", "%2e%2e%2fopenapi.yaml", "copy.js.map", "COPY.JS"])
    async def test_other_files_are_404(self, stranger, name):
        """Only names of the directory, which was read once."""
        answer = await stranger.http.fetch(f"{stranger.prefix}/static/{name}", raise_error=False)
        assert answer.code == 404
