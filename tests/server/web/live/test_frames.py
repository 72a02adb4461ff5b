"""Frames of live figures' HTML over HTTP: asked for with ``_frame``, drawn once, shown by a signed address."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest

from jupyter_figserve.errors import UnsupportedType
from jupyter_figserve.model.figures import EncodedImage
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.server.services.live.image_cache import CachedImage

from ...making import FakeKernel

PAGE = b"<!doctype html><script>1</script>"
ASKED = "/live/k1/animal.html?_frame=1"
JSON = {"Accept": "application/json"}


class HtmlKernel(FakeKernel):
    """Gives HTML and nothing else."""

    async def call(self, name, request, known):
        await super().call(name, request, known)
        if request.format != "html":
            raise UnsupportedType("This live figure has no png form; ask for html.", code="html_only")
        return CachedImage(EncodedImage("text/html", PAGE), revision="r", is_html=True)


@pytest.fixture
def kernel(context, jp_asyncio_loop):
    """One that offers ``animal``."""
    link, declared = HtmlKernel(), [LiveDeclaration("animal", revision="r")]
    jp_asyncio_loop.run_until_complete(context.live.registry.register(context.config.owner, "k1", link, declared))
    return link


async def test_frame_is_drawn_once_and_shown_by_anybody_with_its_address(owner, stranger, kernel):
    """The script is told the address; only there, in a frame, may the HTML run its script."""
    answer = await owner.get(ASKED, JSON)
    assert (answer.status, answer.headers["Cache-Status"]) == (200, "figserve; fwd=miss")
    frame = urljoin(owner.prefix + ASKED, answer.json()["frame"])
    shown = await stranger.get(frame, {"Sec-Fetch-Dest": "iframe"})
    assert (shown.status, shown.body, len(kernel.asked)) == (200, PAGE, 1)
    assert "sandbox allow-scripts" in shown.headers["Content-Security-Policy"]
    itself = await stranger.get(frame, {"Sec-Fetch-Dest": "document"})
    assert "allow-scripts" not in itself.headers["Content-Security-Policy"]


async def test_frame_itself_is_redirected(owner, kernel):
    """Without our script, a frame asks for the HTML by the parameter."""
    answer = await owner.get(ASKED)
    assert (answer.status, "/frame/" in answer.headers["Location"]) == (303, True)
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]


async def test_plain_html_runs_no_script(owner, kernel):
    """What is asked for as a file comes inert, as before."""
    answer = await owner.get("/live/k1/animal.html")
    assert (answer.body, answer.headers["Content-Security-Policy"].startswith("default-src 'none'; sandbox;")) == (
        PAGE,
        True,
    )


async def test_other_site_and_stranger_get_no_address(owner, browser, stranger, kernel):
    """It runs the function, like a picture."""
    assert (await browser.having(Sec_Fetch_Site="cross-site").get(ASKED)).status == 403
    assert (await stranger.get(ASKED)).status in (302, 401, 403)
    assert (await owner.get(ASKED.replace("html", "png"))).status == 415
    assert kernel.asked == []


async def test_form_is_learned_from_who_leaves_the_choice(owner, kernel, context):
    """A PNG that there is not says so, and from then on the page has a frame; a new declaration starts anew."""
    url = "/live/k1/animal"
    assert (await owner.get(f"{url}.json")).json()["form"] is None
    assert "<iframe" not in (await owner.get(url)).text
    assert (await owner.get(f"{url}.png")).code == "html_only"
    assert (await owner.get(f"{url}.json")).json()["form"] == "html"
    page = await owner.get(url)
    assert 'src="../../live/k1/animal.html?_frame=1"' in page.text
    assert "/figserve/live/" in page.headers["Content-Security-Policy"]
    await context.live.registry.register(context.config.owner, "k1", kernel, [LiveDeclaration("animal", revision="s")])
    known = (await owner.get(f"{url}.json")).json()
    assert (known["form"], known["revision"]) == (None, "s")


async def test_link_shows_frames_as_long_as_it_is_open(owner, stranger, kernel):
    """The address ends with its link."""
    live_id = (await owner.get("/live/k1/animal.json")).json()["id"]
    link = (await owner.post(f"/api/live/{live_id}/links")).json()
    asked = f"{link['url']}.html?_frame=1"
    answer = await stranger.get(asked, JSON)
    frame = urljoin(asked, answer.json()["frame"])
    assert (await stranger.get(frame)).body == PAGE
    await owner.delete(f"/api/links/{link['id']}")
    assert (await stranger.get(frame)).status == 404


async def test_forgotten_picture_is_not_found(context, stranger, kernel):
    """A signature alone is no picture."""
    signed = context.frame_signer.sign("nothing", "key", None)
    assert (await stranger.get(f"/frame/{signed}.html")).status == 404
