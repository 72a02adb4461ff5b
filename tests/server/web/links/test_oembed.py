"""oEmbed: how to embed a link."""

from __future__ import annotations

import pytest

from ...pages import Page
from ...sample_images import png
from .conftest import token_of


class TestOEmbed:
    async def test_photo(self, stranger, publish_and_share):
        """An image is a photo with its size."""
        link = await publish_and_share()
        found = (await stranger.get("/oembed", url=link["url"])).json()
        assert (found["type"], found["url"], found["width"], found["height"]) == ("photo", link["image_url"], 4, 3)
        assert found["title"] == "Sales <b>"

    async def test_html_is_rich(self, stranger, publish_and_share):
        """An HTML figure is an iframe of /embed, with its title escaped."""
        link = await publish_and_share("html")
        found = (await stranger.get("/oembed", url=link["url"], maxwidth=320)).json()
        (frame,) = Page(found["html"])["iframe"]
        assert (found["type"], frame["src"], frame["title"]) == ("rich", link["url"] + "/embed", "Sales <b>")
        assert (found["width"], found["height"]) == (320, 240)

    async def test_size_is_fitted(self, owner, stranger):
        """maxwidth and maxheight shrink the size and keep its proportions."""
        link = await owner.share(await owner.publish("big", png(400, 200)))
        for wish, size in (
            ({"maxwidth": 100}, (100, 50)),
            ({"maxheight": 50}, (100, 50)),
            ({"maxwidth": 9999}, (400, 200)),
        ):
            found = (await stranger.get("/oembed", url=link["url"], **wish)).json()
            assert (found["width"], found["height"]) == size

    async def test_any_form_of_the_link_is_found(self, stranger, publish_and_share):
        """The URL of the page, the image or /embed, with any host; the response has our own."""
        link = await publish_and_share()
        token = token_of(link)
        for url in (link["image_url"], link["url"] + "/embed", f"https://proxy.example/x/figserve/f/{token}"):
            assert (await stranger.get("/oembed", url=url)).json()["url"] == link["image_url"]

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ({}, 404),
            ({"url": ""}, 404),
            ({"url": "http://x/f/short"}, 404),
            ({"url": "//["}, 404),
            ({"format": "xml"}, 501),
        ],
    )
    async def test_invalid_requests(self, stranger, query, status):
        """404 for a URL that is no link of ours, 501 for a format other than JSON."""
        assert (await stranger.get("/oembed", **query)).status == status
