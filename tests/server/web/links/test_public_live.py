"""Public links to live figures: previews for chats and sites, and view limits; and what is added to their addresses."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from jupyter_figserve.model.parameter import Parameter
from jupyter_figserve.model.parameters import Parameters

from ...pages import Page
from ...sample_images import png
from ..dashboards.test_handlers import figure_panel, offer, publish
from ..dashboards.test_page_handlers import PAGE, keep, share

BEAR = png(5, 5)
NFC, NFD = "größe", "gro\u0308ße"


@pytest.fixture
def make_live(owner, context):
    """Return a link to a live figure that no kernel offers any more, with the image of Deer and of Bear."""

    async def make(**wishes: object) -> str:
        animal = await offer(context)
        keep(context, animal)
        keep(context, animal, BEAR, type="Bear")
        answer = await owner.post(f"/api/live/{animal}/links", {"allow": ["type"], **wishes})
        assert answer.status == 201, answer.text
        return answer.json()["url"]

    return make


def metas(page: str) -> dict[str, str]:
    return {m.get("property") or m.get("name"): m["content"] for m in Page(page)["meta"] if "content" in m}


class TestPreview:
    async def test_page_has_opengraph(self, stranger, make_live):
        """The last good image of the page's values, which needs no call, with its size."""
        url = await make_live()
        page = (await stranger.get(f"{url}?type=Bear", PAGE)).text
        found = metas(page)
        assert found["og:image"] == found["twitter:image"] == f"{url}.png?type=Bear&_last=1"
        assert (found["og:image:width"], found["og:image:height"]) == ("30", "20")
        assert (await stranger.get(found["og:image"])).body == BEAR
        assert (found["og:title"], found["og:url"]) == ("animal", url)
        (discovery,) = [link for link in Page(page)["link"] if link.get("type") == "application/json+oembed"]
        assert (await stranger.get(discovery["href"])).json()["type"] == "rich"

    async def test_page_without_an_image(self, owner, stranger, context, make_live):
        """A figure that was never drawn, and a link with a view limit, show a preview without an image."""
        animal = await offer(context, name="other")
        never_drawn = (await owner.post(f"/api/live/{animal}/links")).json()["url"]
        for url in (never_drawn, await make_live(views=2)):
            found = metas((await stranger.get(url, PAGE)).text)
            assert "og:image" not in found
            assert found["twitter:card"] == "summary"

    async def test_oembed(self, stranger, make_live):
        """A frame, with the last good image as its thumbnail."""
        url = await make_live()
        found = (await stranger.get("/oembed", url=f"{url}.")).json()
        assert (found["type"], found["title"]) == ("rich", "animal")
        assert Page(found["html"])["iframe"][0]["src"] == f"{url}/embed"
        assert (found["thumbnail_url"], found["thumbnail_width"]) == (f"{url}.png?_last=1", 30)
        limited = (await stranger.get("/oembed", url=await make_live(views=1))).json()
        assert "thumbnail_url" not in limited

    async def test_oembed_of_a_page_in_another_state(self, stranger, make_live):
        """The frame begins with the values of the address, if the link allows them, and the thumbnail shows them."""
        url = await make_live()
        found = (await stranger.get("/oembed", url=f"{url}?type=Bear&utm_source=x")).json()
        assert Page(found["html"])["iframe"][0]["src"] == f"{url}/embed?type=Bear"
        assert found["thumbnail_url"] == f"{url}.png?type=Bear&_last=1"
        for query in ("type=Unicorn", "since=2015", "&".join(f"a{n}=1" for n in range(101)), "type=%FF", "&&=&"):
            found = (await stranger.get("/oembed", url=f"{url}?{query}")).json()
            assert Page(found["html"])["iframe"][0]["src"] == f"{url}/embed"

    @pytest.mark.parametrize("maximum", [{"maxwidth": "", "maxheight": ""}, {"maxwidth": "15"}, {"maxheight": "170"}])
    async def test_oembed_fits_its_maximum(self, stranger, make_live, maximum):
        """An empty maximum is none."""
        found = (await stranger.get("/oembed", url=await make_live(), **maximum)).json()
        wide, high = (int(maximum.get(name) or 10_000) for name in ("maxwidth", "maxheight"))
        assert found["width"] <= wide
        assert found["height"] <= high

    async def test_offline_figure_tells_a_visitor_what_a_visitor_can_do(self, owner, stranger, context):
        """The advice to run the notebook is for its owner."""
        animal = await offer(context, name="other")
        url = (await owner.post(f"/api/live/{animal}/links")).json()["url"]
        answer = await stranger.get(f"{url}.png")
        assert (answer.status, answer.code) == (503, "kernel_gone")
        assert answer.headers["Retry-After"]
        assert answer.json()["error"].startswith("This live figure is offline")
        assert "notebook" not in answer.json()["error"]


class TestViews:
    @pytest.mark.parametrize("first", ["", ".png", ".json", "/embed"])
    async def test_live_link_is_used_up(self, stranger, make_live, first):
        """The requests of one client are one view; another client gets the 404 of every closed link."""
        url = await make_live(views=1)
        ada, bob = stranger.with_headers(User_Agent="Ada"), stranger.with_headers(User_Agent="Bob")
        await ada.head(url)
        await stranger.with_headers(User_Agent="Slackbot").get(url, PAGE)
        assert (await ada.get(url + first, PAGE if first in ("", "/embed") else None)).status == 200
        again = await ada.get(f"{url}.png")
        assert (again.status, again.headers["Cache-Control"]) == (200, "private, no-store")
        for path in ("", ".png", ".json", "/embed", "/events"):
            assert (await bob.get(url + path)).status == 404

    @pytest.mark.parametrize("first", ["", ".json", ".png", "/1-1.png", "/1-2.png"])
    async def test_dashboard_link_is_used_up(self, owner, stranger, context, first):
        """Page, record, preview and panels."""
        animal = await offer(context)
        keep(context, animal)
        board = await publish(owner, [figure_panel(await owner.publish()), {"kind": "live", "live": animal}])
        link = await share(owner, board, views=1)
        url = link["url"]
        ada, bob = stranger.with_headers(User_Agent="Ada"), stranger.with_headers(User_Agent="Bob")
        assert (await ada.get(url + first, None if first else PAGE)).status == 200
        assert (await ada.get(f"{url}/1-2.png")).status == 200
        for path in ("", ".png", ".json", "/1-1.png", "/1-2.png", "/events"):
            assert (await bob.get(url + path)).status == 404
        assert (await owner.get(f"/api/links/{link['id']}")).json()["seen"] == 1

    async def test_limit_is_a_number(self, owner, context):
        """400 otherwise, as for figures."""
        animal = await offer(context)
        for views in (0, "3", True):
            assert (await owner.post(f"/api/live/{animal}/links", {"views": views})).status == 400


class TestSizes:
    async def test_sizes_that_a_visitor_cannot_choose(self, owner, stranger, make_live):
        """Each would be another call of the function: no height, no resolution, no other width."""
        url = await make_live()
        for query, message in (
            ({"height": 300}, "The height of this live figure cannot be chosen here. Choose a width"),
            ({"dpi": 300}, "The dpi of this live figure cannot be chosen here. Choose a width"),
            ({"width": 641}, "width='641' is not offered. The widths of this link are"),
            ({"width": "640px"}, "is not offered"),
        ):
            answer = await stranger.get(f"{url}.png", **query)
            assert answer.status == 400
            assert message in answer.json()["error"]


class TestAddedNames:
    TRACKED = "utm_source=mail&mc_cid=1&fbclid=x&gclid=x&dclid=x&msclkid=x&igshid=x&_ga=x&download=0&errors=image"

    async def test_trackers_change_nothing(self, owner, stranger, context, make_live):
        """On the page and on the image, of a live figure and of a dashboard; also for the owner."""
        url, animal = await make_live(), await offer(context)
        board = await publish(owner, [{"kind": "live", "live": animal}])
        shared = (await share(owner, board, allow=["type"]))["url"]
        for client, path in (
            (stranger, url),
            (stranger, shared),
            (owner, f"/live/f/{animal}"),
            (owner, f"/dashboards/{board['id']}"),
        ):
            page = await client.get(f"{path}?{self.TRACKED}", PAGE)
            assert page.status == 200, path
            assert "utm_source" not in page.text
        for client, path in ((stranger, url), (owner, f"/live/f/{animal}")):
            image = await client.get(f"{path}.png?{self.TRACKED}&amp;type=Bear")
            assert (image.status, image.body) == (200, BEAR)
        assert (await stranger.get(f"{shared}/1-1.png?{self.TRACKED}&type=Bear")).body == BEAR

    async def test_unknown_name_is_an_error_beside_the_image(self, owner, stranger, context, make_live):
        """A mistake is named; the page shows the image of the other values."""
        url, animal = await make_live(), await offer(context)
        for client, path in ((stranger, url), (owner, f"/live/f/{animal}")):
            page = await client.get(f"{path}?typ=Wolf&type=Bear", PAGE)
            assert page.status == 400
            assert "Unknown parameter &#39;typ&#39;" in page.text
            (image,) = [one["src"] for one in Page(page.text)["img"] if one.get("class") == "figure-image"]
            assert image.endswith(".png?type=Bear")
            assert (await client.get(f"{path}.png?typ=Wolf&type=Bear")).code == "unknown_parameter"

    async def test_names_in_every_script(self, owner, stranger, context):
        """A parameter's name in NFC or NFD, in queries, in locks and in what the page sends."""
        animal = await offer(context, Parameters((Parameter(NFC, default="a"), Parameter("schlüssel", default="b"))))
        keep_named(context, animal)
        body = {"allow": [NFD], "lock": {"schlu\u0308ssel": "y"}}
        url = (await owner.post(f"/api/live/{animal}/links", body)).json()["url"]
        for name in (NFC, NFD):
            image = await stranger.get(f"{url}.png?{quote(name)}=x")
            assert (image.status, image.body) == (200, BEAR)
        page = (await stranger.get(f"{url}?{quote(NFD)}=x", PAGE)).text
        assert f".png?{quote(NFC)}=x" in page
        assert f'name="{NFC}"' in page


def keep_named(context, animal: str) -> None:
    from jupyter_figserve.model.figures import EncodedImage
    from jupyter_figserve.model.live import LiveRequest
    from jupyter_figserve.server.services.live.image_cache import CachedImage

    image = CachedImage(EncodedImage("image/png", BEAR, 30, 20))
    context.live.images.put(animal, LiveRequest({NFC: "x", "schlüssel": "y"}), image)


class TestMangledAddresses:
    ADDED = ["/", ".", ",", ")", "%3E", "%20", "=", "=20", "%0A", "&utm_source=x", "%3Futm_source=x", "_", "#top"]

    async def test_each_kind_opens(self, owner, stranger, context, make_live):
        """Page and image, with what mails and chats append, and under a readable name."""
        figure, animal = await owner.publish(), await offer(context)
        board = await publish(owner, [figure_panel(figure), {"kind": "live", "live": animal}])
        shown = (await owner.share(figure))["url"], await make_live(), (await share(owner, board))["url"]
        for url in shown:
            plain = (await stranger.get(f"{url}.png")).body
            for added in self.ADDED:
                assert (await stranger.get(url + added, PAGE)).status == 200, added
                image = await stranger.get(f"{url}.png{added}")
                assert (image.status, image.body) == (200, plain), added
            readable = await stranger.get(f"{url}/{quote('Größe v1.2, final')}.png")
            assert (readable.status, readable.body) == (200, plain)

    async def test_query_that_was_escaped(self, stranger, make_live):
        """It counts, so that nobody sees another image than the one that was sent."""
        url = await make_live()
        for path in (f"{url}.png%3Ftype=Bear", f"{url}.png&type=Bear", f"{url}.png/?type=Bear"):
            assert (await stranger.get(path)).body == BEAR

    async def test_page_works_from_a_mangled_address(self, stranger, make_live):
        """Its relative URLs start at the address that the browser shows."""
        url = await make_live()
        for added, prefix in (("/", "../../"), (")", "../"), ("</a>".replace("/", "%2F"), "../")):
            page = (await stranger.get(url + quote(added, safe="/%")), PAGE)
            text = (await stranger.get(url + quote(added, safe="/%"), PAGE)).text
            assert f'src="{prefix}f/' in text, page

    async def test_owners_pages_with_a_slash(self, owner, context):
        """Figure, live figure and dashboard."""
        figure, animal = await owner.publish(), await offer(context)
        board = await publish(owner, [figure_panel(figure)])
        for path in (f"/figures/{figure['id']}/", f"/live/f/{animal}/", f"/dashboards/{board['id']}/"):
            assert (await owner.get(path, PAGE)).status == 200
