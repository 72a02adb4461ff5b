"""Responses to live requests: images, and frames of HTML, requested with ``_frame`` and shown at a signed URL."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest

from jupyter_figserve.errors import CodeFailed, UnsupportedType
from jupyter_figserve.model.figures import EncodedImage
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.server.services.live.image_cache import CachedImage

from ...making import FakeKernel

PAGE = b"<!doctype html><script>1</script>"
ASKED = "/live/k1/animal.html?_frame=1"
JSON = {"Accept": "application/json"}


class HtmlKernel(FakeKernel):
    """Offers HTML only."""

    async def call(self, name, request, known, on_progress):
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


async def test_frame_is_rendered_once_and_served_by_its_signed_url(owner, stranger, kernel):
    """The script gets the URL; only in a frame may the HTML run its own script."""
    answer = await owner.get(ASKED, JSON)
    assert (answer.status, answer.headers["Cache-Status"]) == (200, "figserve; fwd=miss")
    frame = urljoin(owner.prefix + ASKED, answer.json()["frame"])
    shown = await stranger.get(frame, {"Sec-Fetch-Dest": "iframe"})
    assert (shown.status, shown.body[: len(PAGE)], len(kernel.asked)) == (200, PAGE, 1)
    assert "sandbox allow-scripts" in shown.headers["Content-Security-Policy"]
    itself = await stranger.get(frame, {"Sec-Fetch-Dest": "document"})
    assert "allow-scripts" not in itself.headers["Content-Security-Policy"]


async def test_frame_itself_is_redirected(owner, kernel):
    """Without our script, a frame requests the HTML with the parameter."""
    answer = await owner.get(ASKED)
    assert (answer.status, "/frame/" in answer.headers["Location"]) == (303, True)
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]


async def test_plain_html_runs_no_script(owner, kernel):
    """HTML that is requested as a file is sent inert."""
    answer = await owner.get("/live/k1/animal.html")
    assert (answer.body, answer.headers["Content-Security-Policy"].startswith("default-src 'none'; sandbox;")) == (
        PAGE,
        True,
    )


async def test_other_site_and_stranger_get_no_url(owner, browser, stranger, kernel):
    """The request would run the function, like one for an image."""
    assert (await browser.with_headers(Sec_Fetch_Site="cross-site").get(ASKED)).status == 403
    assert (await stranger.get(ASKED)).status in (302, 401, 403)
    assert (await owner.get(ASKED.replace("html", "png"))).status == 415
    assert kernel.asked == []


async def test_form_is_learned_from_requests_for_png(owner, kernel, context):
    """A figure without PNG has a frame on its page from then on, also if it is declared anew."""
    url = "/live/k1/animal"
    assert (await owner.get(f"{url}.json?_record=1")).json()["form"] is None
    assert "<iframe" not in (await owner.get(url)).text
    assert (await owner.get(f"{url}.png")).code == "html_only"
    assert (await owner.get(f"{url}.json")).json()["form"] == "html"
    assert 'data-form="html"' in (await owner.get(url)).text
    page = await owner.get(url, _draw=1)
    assert 'src="../../live/k1/animal.html?_frame=1&amp;_last=1"' in page.text
    assert "/figserve/live/" in page.headers["Content-Security-Policy"]
    await context.live.registry.register(context.config.owner, "k1", kernel, [LiveDeclaration("animal", revision="s")])
    known = (await owner.get(f"{url}.json?_record=1")).json()
    assert (known["form"], known["revision"]) == ("html", "s")


async def test_declared_form_is_used_before_the_first_call(owner, stranger, kernel, context):
    """The page, the link's page and the JSON know it; no page loads an image of a function without a known form."""
    url = "/live/k1/animal"
    assert "figure-image" not in (await owner.get(url)).text
    declared = [LiveDeclaration("animal", revision="s", form="html")]
    (record,) = await context.live.registry.register(context.config.owner, "k1", kernel, declared)
    link = (await owner.post(f"/api/live/{record.id}/links")).json()["url"]
    for one, get in ((url, owner.get), (link, stranger.get)):
        text = (await get(one)).text
        assert 'data-form="html"' in text
        assert "figure-image" not in text
        assert (await get(f"{one}.json?_record=1")).json()["form"] == "html"
    assert kernel.asked == []


class TestWithoutScripts:
    """The first page sends a browser without scripts to one that makes the call itself."""

    @pytest.fixture
    def figure(self, owner, context, kernel, jp_asyncio_loop) -> str:
        """A link to a function that is annotated as a figure, but returns HTML."""
        declared = [LiveDeclaration("animal", revision="r", form="picture")]
        run = jp_asyncio_loop.run_until_complete
        (record,) = run(context.live.registry.register(context.config.owner, "k1", kernel, declared))
        return run(owner.post(f"/api/live/{record.id}/links")).json()["url"]

    async def test_first_page_requests_nothing_that_may_fail(self, stranger, kernel, figure):
        """Neither image nor frame; the page that makes the call has the frame, without a second call."""
        first = (await stranger.get(figure)).text
        assert ("figure-image" in first, "<iframe" in first, kernel.asked) == (False, False, [])
        (drawing,) = re.findall(r'<noscript><meta http-equiv="refresh" content="0; url=([^"]*)"', first)
        assert urljoin(figure, drawing) == f"{figure}?_draw=1"
        drawn = (await stranger.get(f"{figure}?_draw=1")).text
        assert "http-equiv" not in drawn
        (frame,) = re.findall(r'<iframe class="image-frame" src="([^"]*)"', drawn)
        assert frame.endswith(".html?_frame=1&amp;_last=1")
        calls = len(kernel.asked)
        assert (await stranger.get(urljoin(figure, frame.replace("&amp;", "&")))).status == 303
        assert len(kernel.asked) == calls

    async def test_failure_is_on_the_page(self, owner, stranger, kernel, figure):
        """With the message in place of an image."""
        kernel.error = CodeFailed("ValueError: an unlucky year", kind="ValueError")
        for get, url in ((owner.get, "/live/k1/animal"), (stranger.get, figure)):
            page = await get(f"{url}?_draw=1")
            assert (page.status, "an unlucky year" in page.text, "http-equiv" in page.text) == (200, True, False)
            answer = await get(f"{url}.png", {"Prefer": "handling=lenient"})
            assert (answer.status, answer.code) == (200, "code_failed")

    async def test_other_site_runs_nothing(self, browser, kernel, figure):
        """As with the image itself."""
        led = browser.with_headers(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")
        page = await led.get("/live/k1/animal?_draw=1", {"Accept": "text/html"})
        assert (page.status, kernel.asked) == (200, [])


async def test_lenient_request_for_another_format_is_no_failure(owner, stranger, kernel, context):
    """Our script is told the format with status 200, which no cache keeps, and browsers log nothing."""
    live_id = (await owner.get("/live/k1/animal.json?_record=1")).json()["id"]
    link = (await owner.post(f"/api/live/{live_id}/links")).json()["url"]
    for get, url in (
        (owner.get, "/live/k1/animal.png"),
        (stranger.get, f"{link}.png"),
        (owner.get, "/live/k1/animal.json"),
    ):
        answer = await get(url, {"Prefer": "handling=lenient"})
        assert (answer.status, answer.code) == (200, "html_only")
        assert answer.headers["Preference-Applied"] == "handling=lenient"
        assert answer.headers["Cache-Control"] == "private, no-store"
    assert (await owner.get("/live/k1/animal.png")).status == 415


async def test_link_shows_frames_as_long_as_it_is_open(owner, stranger, kernel):
    """The URL ends with its link."""
    live_id = (await owner.get("/live/k1/animal.json")).json()["id"]
    link = (await owner.post(f"/api/live/{live_id}/links")).json()
    asked = f"{link['url']}.html?_frame=1"
    answer = await stranger.get(asked, JSON)
    frame = urljoin(asked, answer.json()["frame"])
    assert (await stranger.get(frame)).body.startswith(PAGE)
    await owner.delete(f"/api/links/{link['id']}")
    assert (await stranger.get(frame)).status == 404


async def test_image_that_is_not_cached_is_not_found(context, stranger, kernel):
    """A valid signature is not enough."""
    signed = context.frame_signer.sign("nothing", "key", None)
    assert (await stranger.get(f"/frame/{signed}.html")).status == 404
