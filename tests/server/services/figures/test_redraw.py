"""Figures in other sizes and formats: for their owner, by link, signed, cached, damaged, of another matplotlib."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.errors import CodeFailed, OutputInvalid, SandboxUnavailable
from jupyter_figserve.model.formats import get_format
from jupyter_figserve.model.rendering import DrawOptions
from jupyter_figserve.sandbox.renderer import RendererStatus

from ....png_header import png_size
from ....waiting import until
from ...sample_images import HTML, SAMPLES, png

LIBRARIES = {"python": "3.11", "matplotlib": "3.11.2"}
FORMATS = [name for name in SAMPLES if name != "html"]
OFFERED = [name for name in FORMATS if not get_format(name).is_animated]


async def publish_with_source(owner, source: bytes = b"pickle", **libraries: str) -> dict:
    figure = await owner.publish()
    query = {"kind": "figure", **(libraries or LIBRARIES)}
    path = f"/api/figures/{figure['id']}/versions/1/source"
    assert (await owner.ask("PUT", path, source, **query)).status == 204
    # Not the figure by its id: that would try the source.
    return (await owner.get("/api/figures")).json()["figures"][0]


def failing(error: Exception):
    def answer(job):
        raise error

    return answer


class TestOwner:
    @pytest.mark.parametrize("name", FORMATS)
    async def test_every_format_of_the_table(self, owner, renderer, name):
        """The stored format is sent unchanged, all others are rendered from the source."""
        figure = await publish_with_source(owner)
        answer = await owner.get(f"/figures/{figure['id']}.{name}", width=300, height=200)
        assert (answer.status, answer.mimetype) == (200, SAMPLES[name][0].removesuffix("-compressed"))
        (job,) = renderer.jobs
        assert (job.kind, job.source, job.options) == ("figure", b"pickle", DrawOptions(name, 300, 200))

    async def test_sizes_are_exact(self, owner, renderer):
        """The image has the requested pixels, resolution, style and transparency."""
        figure = await publish_with_source(owner)
        query = {"width": 1200, "height": 800, "dpi": "150.5", "style": "ggplot", "transparent": "1"}
        answer = await owner.get(f"/figures/{figure['id']}.png", **query)
        assert png_size(answer.body) == (1200, 800)
        assert renderer.jobs[0].options == DrawOptions("png", 1200, 800, 150.5, "ggplot", True)
        assert answer.headers["Cache-Control"] == "private, no-cache"

    async def test_stored_image_is_not_rendered_again(self, owner, renderer):
        """A request for the stored size, or without a size, runs no job."""
        figure = await publish_with_source(owner)
        for query in ({}, {"width": 4}, {"width": 4, "height": 3}):
            assert (await owner.get(f"/figures/{figure['id']}.png", **query)).body == png()
        assert renderer.jobs == []

    async def test_rendered_images_are_cached(self, owner, renderer, context):
        """A second request runs no job, a known ETag gets 304, and a new source is rendered again."""
        figure = await publish_with_source(owner)
        path = f"/figures/{figure['id']}.png"
        first = await owner.get(path, width=100)
        assert (await owner.get(path, width=100)).body == first.body
        assert (await owner.get(path, {"If-None-Match": first.headers["ETag"]}, width=100)).status == 304
        assert (await owner.get(path, {"Range": "bytes=0-3"}, width=100)).body == first.body[:4]
        assert len(renderer.jobs) == 1

    async def test_concurrent_equal_requests_share_a_job(self, owner, renderer, context):
        """Concurrent equal requests share one job."""
        figure = await publish_with_source(owner)
        renderer.gate.clear()
        asked = [asyncio.ensure_future(owner.get(f"/figures/{figure['id']}.svg")) for _ in range(5)]
        await until(lambda: context.rendering.waiters == 5)
        renderer.gate.set()
        assert {answer.status for answer in await asyncio.gather(*asked)} == {200}
        assert len(renderer.jobs) == 1

    @pytest.mark.parametrize(
        "query", [{"width": 0}, {"dpi": "nan"}, {"style": "../x"}, {"transparent": "x"}, {"height": "9" * 11}]
    )
    async def test_wrong_sizes_are_rejected(self, owner, renderer, query):
        """400 with the name of the field, before any job runs."""
        figure = await publish_with_source(owner)
        answer = await owner.get(f"/figures/{figure['id']}.png", **query)
        assert (answer.status, answer.json()["error"].startswith(next(iter(query)) + "=")) == (400, True)
        assert renderer.jobs == []

    async def test_too_many_pixels_are_rejected(self, owner, renderer):
        """413, before any job runs."""
        figure = await publish_with_source(owner)
        answer = await owner.get(f"/figures/{figure['id']}.png", width=12_000, height=12_000)
        assert (answer.status, answer.code) == (413, "too_many_pixels")
        assert renderer.jobs == []

    @pytest.mark.parametrize("kind", ["png", "html"])
    async def test_figure_without_a_source_is_409(self, owner, stranger, kind):
        """HTML, and images without a source, are 409 in every format that is not stored, by link too."""
        mimetype, data = SAMPLES[kind] if kind != "html" else ("text/html", HTML)
        figure = await owner.publish("plain", data, mimetype)
        link = await owner.share(figure)
        for name in SAMPLES:
            if name != kind:
                answer = await owner.get(f"/figures/{figure['id']}.{name}")
                assert (answer.status, answer.code) == (409, "not_redrawable")
                assert (await stranger.get(f"{link['url']}.{name}")).status == 409

    async def test_html_of_a_matplotlib_figure_says_409(self, owner):
        """A matplotlib figure has no HTML form, with or without a source."""
        figure = await publish_with_source(owner)
        assert (await owner.get(f"/figures/{figure['id']}.html")).status == 409

    async def test_without_a_sandbox_the_stored_goes_on(self, owner, renderer):
        """503 with advice for an image that must be rendered, 200 for a stored one."""
        figure = await publish_with_source(owner)
        renderer.answer = failing(SandboxUnavailable("There is no seccomp here.", retry_after=600))
        answer = await owner.get(f"/figures/{figure['id']}.svg")
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "sandbox_unavailable", "600")
        assert (await owner.get(f"/figures/{figure['id']}.png")).status == 200

    async def test_P1_a_hostile_source_is_an_error_without_words_for_strangers(self, owner, stranger, renderer):
        """422; only the owner sees the exception's message."""
        figure = await publish_with_source(owner)
        link = await owner.share(figure)
        renderer.answer = failing(CodeFailed("the secret words", kind="PermissionError", traceback="secret frames"))
        mine = await owner.get(f"/figures/{figure['id']}.svg")
        assert (mine.status, mine.json()["error"]) == (422, "the secret words")
        theirs = await stranger.get(f"{link['url']}.svg")
        assert theirs.status == 422
        assert "secret" not in theirs.text

    async def test_P3_a_figure_of_another_matplotlib(self, owner, renderer):
        """It is rendered if possible; else 422 names both versions, and the stored image is still served."""
        figure = await publish_with_source(owner, python="3.9", matplotlib="3.5.1")
        assert (await owner.get(f"/figures/{figure['id']}.svg")).status == 200
        renderer.answer = failing(OutputInvalid("no attribute _x"))
        answer = await owner.get(f"/figures/{figure['id']}.pdf")
        assert (answer.status, answer.code) == (422, "version_mismatch")
        assert "3.5.1" in answer.json()["error"]
        assert "3.11.2" in answer.json()["error"]
        assert (await owner.get(f"/figures/{figure['id']}.png")).body == png()

    async def test_P5_a_source_that_was_changed_on_disk_is_not_opened(self, owner, renderer, context, caplog):
        """500 and a log line, and no job runs."""
        figure = await publish_with_source(owner)
        source = (await context.store.figures.get(figure["id"])).version.source
        path = context.store.directory / "blobs" / source.digest[:2] / source.digest
        path.chmod(0o600)
        path.write_bytes(b"evil!!")
        answer = await owner.get(f"/figures/{figure['id']}.svg")
        assert (answer.status, answer.code) == (500, "source_damaged")
        assert renderer.jobs == []
        assert figure["id"] in caplog.text


class TestLink:
    async def test_listed_sizes_are_rendered(self, owner, stranger, renderer):
        """Listed sizes, and every format in the figure's own size, are public and cacheable."""
        link = await owner.share(await publish_with_source(owner))
        answer = await stranger.get(link["image_url"], width=1200, height=630)
        assert png_size(answer.body) == (1200, 630)
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        assert (await stranger.get(f"{link['url']}.svg")).mimetype == "image/svg+xml"
        assert (await stranger.get(f"{link['url']}.pdf", dpi=150)).status == 200

    @pytest.mark.parametrize(
        "query", [{"width": 641}, {"width": 640, "height": 481}, {"dpi": 151}, {"transparent": 1}, {"style": "ggplot"}]
    )
    async def test_other_sizes_want_a_signature(self, owner, stranger, renderer, query):
        """403 lists the allowed sizes; the owner can sign another one for this link, format and size."""
        figure = await publish_with_source(owner)
        link = await owner.share(figure)
        refused = await stranger.get(link["image_url"], **query)
        assert (refused.status, refused.code) == (403, "size_not_allowed")
        assert "1200x630" in refused.json()["error"]
        assert renderer.jobs == []
        fields = {**query, "transparent": True} if "transparent" in query else query
        signed = (await owner.post(f"/api/links/{link['id']}/sizes", fields)).json()
        assert (await stranger.get(f"{link['url']}.png?{signed['query']}")).status == 200
        assert (await stranger.get(f"{link['url']}.svg?{signed['query']}")).status == 403
        assert (await stranger.get(f"{link['url']}.png?{signed['query']}&height=77")).status == 403
        other = await owner.share(figure)
        assert (await stranger.get(f"{other['url']}.png?{signed['query']}")).status == 403

    async def test_only_the_owner_signs(self, owner, stranger, make_key):
        """Another owner's key gets 404; invalid sizes are not signed."""
        link = await owner.share(await publish_with_source(owner))
        path = f"/api/links/{link['id']}/sizes"
        other = stranger.with_key(await make_key("publish", owner="ana"))
        assert (await other.post(path, {"width": 7})).status == 404
        assert (await stranger.post(path, {"width": 7})).status == 401
        assert (await owner.post(path, {"width": 0})).status == 400
        assert (await owner.post(path, {"width": 10**6, "height": 10**6})).status == 413
        assert (await owner.post(path, {"format": "html"})).status == 400

    async def test_a_revoked_link_draws_nothing(self, owner, stranger, renderer):
        """404, with or without a signature."""
        link = await owner.share(await publish_with_source(owner))
        signed = (await owner.post(f"/api/links/{link['id']}/sizes", {"width": 77})).json()
        await owner.delete(f"/api/links/{link['id']}")
        assert (await stranger.get(f"{link['url']}.png?{signed['query']}")).status == 404
        assert (await stranger.get(f"{link['url']}.svg")).status == 404
        assert renderer.jobs == []

    async def test_a_drawn_image_is_a_view(self, owner, stranger):
        """A rendered image counts as a view, like a stored one."""
        link = await owner.share(await publish_with_source(owner), views=1)
        first = await stranger.get(f"{link['url']}.svg", {"User-Agent": "one"})
        assert (first.status, first.headers["Cache-Control"]) == (200, "private, no-store")
        assert (await stranger.get(f"{link['url']}.svg", {"User-Agent": "two"})).status == 404


class TestNoSizes:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"link_sizes": []}

    async def test_an_empty_list_allows_none(self, owner, stranger):
        """Only the figure's own size in any format, and signed sizes."""
        link = await owner.share(await publish_with_source(owner))
        assert (await stranger.get(link["image_url"], width=640)).status == 403
        assert (await stranger.get(f"{link['url']}.svg")).status == 200


class TestPages:
    BROWSER = {"Accept": "text/html"}

    async def test_figure_page_offers_available_formats(self, owner):
        """A form with every format requests the figure's URL; empty fields mean the default."""
        figure = await publish_with_source(owner)
        page = (await owner.get(f"/figures/{figure['id']}", self.BROWSER)).text
        for name in OFFERED:
            assert f'formaction="../figures/{figure["id"]}.{name}"' in page
        query = {"version": "1", "width": "300", "height": "", "dpi": ""}
        answer = await owner.get(f"/figures/{figure['id']}.png", **query)
        assert png_size(answer.body) == (300, 480)

    async def test_a_links_page_offers_its_formats_and_sizes(self, owner, stranger):
        """Each offered URL works."""
        link = await owner.share(await publish_with_source(owner))
        token = link["url"].rpartition("/")[2]
        page = (await stranger.get(link["url"], self.BROWSER)).text
        for name in (*OFFERED, "png?width=1280"):
            assert f'{token}.{name}"' in page
            assert (await stranger.get(f"{link['url']}.{name}")).status == 200

    async def test_formats_that_cannot_be_rendered_are_not_offered(self, owner, stranger, renderer, context):
        """Without a source or a sandbox, the page offers no renders."""
        plain = await owner.publish("plain", png(grey=7))
        link = await owner.share(await publish_with_source(owner))
        assert "formaction" not in (await owner.get(f"/figures/{plain['id']}", self.BROWSER)).text
        renderer.status = RendererStatus("none", ("no seccomp",))
        await context.rendering.queue.start()
        assert ".pdf" not in (await stranger.get(link["url"], self.BROWSER)).text
        assert "formaction" not in (await owner.get(f"/figures/{link['figure']}", self.BROWSER)).text


class TestRate:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"rate_limit": "2/hour"}

    async def test_kind_C9_redraws_count_as_renders(self, owner, stranger, make_key, renderer):
        """Each that runs a job; stored and cached images are sent on."""
        figure = await publish_with_source(owner)
        client, path = stranger.with_key(await make_key("read", "publish")), f"/figures/{figure['id']}.png"
        answers = [await client.get(path, width=width) for width in (100, 200, 300)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[2].code == "too_many_renders"
        assert 0 < int(answers[2].headers["Retry-After"]) <= 3601
        assert [(await client.get(path, **size)).status for size in ({}, {"width": 100})] == [200, 200]
        assert len(renderer.jobs) == 2

    async def test_kind_C9_a_links_redraws_count_for_all_its_visitors(self, owner, stranger, renderer):
        """Stored and cached images are sent on, and another link has its own rate."""
        figure = await publish_with_source(owner)
        link, other = await owner.share(figure), await owner.share(figure)
        visitors = [stranger.with_headers(User_Agent=name) for name in ("Ada", "Bob", "Cai")]
        suffixes = ("svg", "pdf", "eps")
        answers = [await one.get(f"{link['url']}.{suffix}") for one, suffix in zip(visitors, suffixes, strict=True)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[2].code == "too_many_renders"
        assert [(await stranger.get(f"{link['url']}.{suffix}")).status for suffix in ("png", "svg")] == [200, 200]
        assert len(renderer.jobs) == 2
        assert (await stranger.get(f"{other['url']}.eps")).status == 200
