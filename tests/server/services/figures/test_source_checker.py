"""Formats are offered once the source was seen to work in the sandbox."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_figserve.errors import CodeFailed, OutputInvalid, Unavailable
from jupyter_figserve.sandbox.fake import draw
from jupyter_figserve.sandbox.renderer import RendererStatus

from ...sample_images import SVG, apng, png

BROWSER = {"Accept": "text/html"}


async def publish_with_source(owner, source: bytes = b"pickle", name: str = "sales", data=None) -> dict:
    figure = await owner.publish(name, data)
    await send_source(owner, figure, source)
    return figure


async def send_source(owner, figure, source: bytes = b"pickle") -> None:
    path = f"/api/figures/{figure['id']}/versions/{figure['version']}/source"
    assert (await owner.ask("PUT", path, source, kind="figure", python="3.11", matplotlib="3.10.1")).status == 204


async def send_image(owner, figure, data: bytes, mimetype: str, **query) -> None:
    path = f"/api/figures/{figure['id']}/versions/{figure['version']}/representations"
    assert (await owner.ask("PUT", path, data, {"Content-Type": mimetype}, **query)).status == 204


def failing(error: Exception, *formats: str):
    def answer(job):
        if not formats or job.options.format in formats:
            raise error
        return draw(job)

    return answer


async def record_of(owner, figure) -> dict:
    return (await owner.get(f"/api/figures/{figure['id']}")).json()


async def test_a_source_is_tried_once(owner, context, renderer):
    """The first request of the record starts the try, which later requests and the list remember."""
    figure = await publish_with_source(owner)
    assert (await owner.get("/api/figures")).json()["figures"][0]["redrawable"] is False
    record = await record_of(owner, figure)
    assert (record["redrawable"], record["limitation"]) == (True, None)
    assert {"png", "svg", "pdf", "jpg", "webp", "eps", "svgz"} <= set(record["formats"])
    jobs = len(renderer.jobs)
    assert await record_of(owner, figure) == record
    assert (await owner.get("/api/figures")).json()["figures"][0]["redrawable"] is True
    assert len(renderer.jobs) == jobs


async def test_the_background_tries_what_nobody_asks_for(owner, renderer, finish_source_checks):
    """With low priority, after a pause of publishing."""
    figure = await publish_with_source(owner)
    assert renderer.jobs == []
    await finish_source_checks()
    assert {job.kind for job in renderer.jobs} == {"figure"}
    jobs = len(renderer.jobs)
    assert (await record_of(owner, figure))["redrawable"] is True
    assert len(renderer.jobs) == jobs


@pytest.mark.parametrize(
    ("message", "owners", "public"),
    [
        ("ModuleNotFoundError: No module named 'geopandas'", "needs the module geopandas", "library that this server"),
        (
            "AttributeError: Can't get attribute 'euros' on <module '__main__' (built-in)>",
            "uses euros, which is defined in the notebook. Install cloudpickle",
            "cannot render the figure again",
        ),
        ("AttributeError: secret words", "made by matplotlib 3.10.1, and this server's matplotlib", "another version"),
    ],
)
async def test_failing_formats_are_not_offered(owner, stranger, renderer, message, owners, public):
    """Record and pages say why, a visitor's without the words of the code, and links to it answer 409."""
    renderer.answer = failing(CodeFailed(message, kind="Error"))
    figure = await publish_with_source(owner)
    record = await record_of(owner, figure)
    assert record["redrawable"] is False
    assert owners in record["limitation"]
    link = await owner.share(figure)
    page = (await stranger.get(link["url"], BROWSER)).text
    assert public in page
    assert "secret" not in page
    assert ".pdf" not in page
    assert "formaction" not in (await owner.get(f"/figures/{figure['id']}", BROWSER)).text
    answer = await stranger.get(f"{link['url']}.pdf")
    assert (answer.status, answer.code) == (409, "not_redrawable")
    page = await stranger.get(f"{link['url']}.pdf", BROWSER)
    assert (page.status, page.mimetype, public in page.text) == (409, "text/html", True)


async def test_one_format_may_fail(owner, renderer):
    """The others are offered; the limitation names it."""
    renderer.answer = failing(OutputInvalid("fonts"), "pdf")
    record = await record_of(owner, await publish_with_source(owner))
    assert (record["redrawable"], "pdf" in record["formats"], "svg" in record["formats"]) == (True, False, True)
    assert record["limitation"].startswith("Not available as PDF.")


async def test_a_failure_is_tried_again_later(owner, context, renderer, monkeypatch):
    """After an hour, or in a sandbox with other libraries; until then the result counts."""
    renderer.answer = failing(CodeFailed("No module named 'x'", kind="ModuleNotFoundError"))
    figure = await publish_with_source(owner)
    assert (await record_of(owner, figure))["redrawable"] is False
    renderer.answer = draw
    assert (await record_of(owner, figure))["redrawable"] is False
    assert (await owner.get(f"/figures/{figure['id']}.pdf")).status == 409
    renderer.status = RendererStatus("FULL", (), {"python": "3.11", "matplotlib": "4.0"})
    assert (await owner.get(f"/figures/{figure['id']}.pdf")).status == 200
    assert (await record_of(owner, figure))["redrawable"] is True


async def test_a_source_that_failed_can_be_replaced(owner, renderer):
    """Publishing again, after cloudpickle was installed, sends a better one for the same version."""
    renderer.answer = failing(CodeFailed("Can't get attribute 'f' on <module '__main__'>", kind="AttributeError"))
    figure = await publish_with_source(owner)
    assert (await record_of(owner, figure))["redrawable"] is False
    renderer.answer = lambda job: draw(job) if job.source == b"by value" else failing(OutputInvalid("no"))(job)
    await send_source(owner, figure, b"by value")
    assert (await record_of(owner, figure))["redrawable"] is True


def otherwise(job):
    """Draw another picture than was published."""
    if job.published:
        raise OutputInvalid("It looks different.", code="different")
    return draw(job)


class TestAnotherPicture:
    """A source that draws something else than was published counts as one that cannot be drawn."""

    async def test_only_stored_images_are_offered(self, owner, stranger, renderer):
        """Record and pages say why; the kernel's SVG serves dense screens."""
        renderer.answer = otherwise
        data = png(40, 30)
        figure = await publish_with_source(owner, data=data)
        await send_image(owner, figure, SVG, "image/svg+xml", width=40, height=30)
        record = await record_of(owner, figure)
        assert renderer.jobs[0].published == data
        assert len(renderer.jobs) == 1
        assert (record["redrawable"], record["formats"][:2]) == (False, ["png", "svg"])
        assert "pdf" not in record["formats"]
        assert "draws it otherwise than matplotlib 3.10.1" in record["limitation"]
        link = await owner.share(figure)
        page = (await stranger.get(link["url"], BROWSER)).text
        assert "and in no other size. Drawn again, the figure would not look as it was published." in page
        assert ".svg 2x" in page
        assert (await stranger.get(f"{link['url']}.svg")).body == SVG
        answer = await stranger.get(f"{link['url']}.pdf")
        assert (answer.status, answer.code) == (409, "not_redrawable")

    async def test_its_data_can_be_read(self, owner, renderer):
        """The numbers are in the source, however it is drawn."""
        renderer.answer = otherwise
        figure = await publish_with_source(owner)
        assert (await record_of(owner, figure))["redrawable"] is False
        assert (await owner.get(f"/figures/{figure['id']}.csv")).status == 200

    async def test_chance_is_not_asked_again(self, owner, renderer, clock):
        """A figure that was drawn differently once is not drawn again later, when it may happen to look the same."""
        renderer.answer = otherwise
        figure = await publish_with_source(owner)
        assert (await record_of(owner, figure))["redrawable"] is False
        renderer.answer = draw
        clock.advance(7200)
        assert (await record_of(owner, figure))["redrawable"] is False

    async def test_the_thumbnail_stands_for_a_vector_image(self, owner, renderer):
        """The sandbox compares pixels."""
        figure = await owner.publish("sales", SVG, "image/svg+xml")
        await send_source(owner, figure)
        assert (await record_of(owner, figure))["redrawable"] is True
        assert renderer.jobs[0].with_thumbnail

    async def test_code_that_draws_something_else_each_time(self, owner, renderer, finish_source_checks):
        """Its SVG, which dense screens would show, is not stored."""
        record = (await owner.post("/api/renders", {"code": "plot()", "keep": True})).json()
        renderer.answer = otherwise
        await finish_source_checks()
        record = await record_of(owner, record)
        assert record["redrawable"] is False
        assert "image/svg+xml" not in [part["mimetype"] for part in record["representations"]]
        assert "random numbers" in record["limitation"]


async def test_without_a_sandbox_nothing_is_offered(owner, context, renderer):
    """The stored formats stay, and the limitation says why."""
    figure = await publish_with_source(owner)
    renderer.status = RendererStatus("none", ("no seccomp",))
    await context.rendering.queue.start()
    record = await record_of(owner, figure)
    assert (record["redrawable"], record["formats"]) == (False, ["png"])
    assert "no sandbox" in record["limitation"]


async def test_what_the_sandboxs_pillow_cannot_write_is_not_offered(owner, renderer):
    """Neither of a source, nor of a stored image, nor as a limitation of each figure; a request is told why."""
    renderer.status = replace(renderer.status, unsupported=("avif",))
    figure = await publish_with_source(owner)
    record = await record_of(owner, figure)
    assert "webp" in record["formats"]
    assert "avif" not in record["formats"]
    assert record["limitation"] is None
    answer = await owner.get(f"/figures/{figure['id']}.avif")
    assert (answer.status, "cannot write AVIF" in answer.json()["error"]) == (409, True)
    renderer.answer = failing(OutputInvalid("no"))
    broken = await record_of(owner, await publish_with_source(owner, b"broken", "broken"))
    assert broken["formats"] == ["png", "jpg", "webp", "tiff"]


async def test_an_animation_has_its_own_size(owner):
    """The answer to a request for another one says that it is an animation."""
    figure = await owner.publish("moving", apng(), "image/apng")
    answer = await owner.get(f"/figures/{figure['id']}.apng", width=100)
    assert (answer.status, "It is an animation" in answer.json()["error"]) == (409, True)


async def test_a_busy_sandbox_decides_nothing(owner, renderer):
    """The source is tried again with the next request."""
    renderer.answer = failing(Unavailable("busy"))
    figure = await publish_with_source(owner)
    assert "still testing" in (await record_of(owner, figure))["limitation"]
    renderer.answer = draw
    assert (await record_of(owner, figure))["redrawable"] is True


async def test_the_reason_of_a_missing_source(owner, stranger):
    """The kernel reports it; record, page and errors repeat it to the owner."""
    figure = await owner.publish()
    path = f"/api/figures/{figure['id']}/versions/1/source"
    assert (await owner.ask("PUT", path, {"reason": "It uses a lambda."}, kind="none")).status == 204
    assert (await record_of(owner, figure))["limitation"] == "It uses a lambda."
    assert "It uses a lambda." in (await owner.get(f"/figures/{figure['id']}", BROWSER)).text
    assert "It uses a lambda." in (await owner.get(f"/figures/{figure['id']}.pdf")).json()["error"]
    link = await owner.share(figure)
    assert "lambda" not in (await stranger.get(f"{link['url']}.pdf")).text
    assert "lambda" not in (await stranger.get(link["url"], BROWSER)).text


class TestStoredImages:
    async def test_dense_screens_get_the_kernels_svg(self, owner, stranger):
        """At twice the density, on the share page and on the owner's."""
        figure = await owner.publish(data=png(40, 30))
        await send_image(owner, figure, SVG, "image/svg+xml", width=40, height=30)
        link = await owner.share(figure)
        token = link["url"].rpartition("/")[2]
        assert f"{token}.svg 2x" in (await stranger.get(link["url"], BROWSER)).text
        assert f"{figure['id']}.svg?version=1 2x" in (await owner.get(f"/figures/{figure['id']}", BROWSER)).text
        assert (await stranger.get(f"{link['url']}.svg")).body == SVG

    async def test_dense_screens_get_the_kernels_png(self, owner, stranger, renderer):
        """Where there is no SVG; its address names its width, and the main image stays the published one."""
        figure = await owner.publish(data=png(40, 30))
        await send_image(owner, figure, png(80, 60), "image/png", dpi=200)
        record = await record_of(owner, figure)
        second = record["representations"][1]
        assert second["url"].endswith(".png?width=80")
        link = await owner.share(figure)
        assert ".png?width=80 2x" in (await stranger.get(link["url"], BROWSER)).text
        assert (await stranger.get(f"{link['url']}.png", width=80)).body == png(80, 60)
        assert (await stranger.get(f"{link['url']}.png")).body == png(40, 30)
        assert renderer.jobs == []

    async def test_existing_blob_is_left_alone(self, owner):
        """A second SVG, and a PNG of the same width, are ignored; publishing the same makes no version."""
        figure = await owner.publish(data=png(40, 30))
        for _ in range(2):
            await send_image(owner, figure, SVG, "image/svg+xml", width=40, height=30)
            await send_image(owner, figure, png(80, 60), "image/png")
            await send_image(owner, figure, png(40, 30, 9), "image/png")
        assert len((await record_of(owner, figure))["representations"]) == 3
        assert (await owner.publish(data=png(40, 30)))["version"] == 1

    async def test_formats_that_cannot_be_rendered_are_converted(self, owner, renderer):
        """JPG and WebP are made from the stored PNG in its size, svgz from the SVG, without the source."""
        renderer.answer = lambda job: draw(job) if job.kind == "image" else failing(OutputInvalid("broken"))(job)
        figure = await publish_with_source(owner, data=png(40, 30))
        await send_image(owner, figure, SVG, "image/svg+xml", width=40, height=30)
        record = await record_of(owner, figure)
        assert (record["redrawable"], {"jpg", "webp", "svgz"} <= set(record["formats"])) == (False, True)
        assert "pdf" not in record["formats"]
        for name in ("jpg", "webp", "svgz"):
            assert (await owner.get(f"/figures/{figure['id']}.{name}")).status == 200
        assert [job.source for job in renderer.jobs if job.kind == "image"] == [png(40, 30)] * 2
        assert (await owner.get(f"/figures/{figure['id']}.jpg", width=640)).status == 409

    @pytest.mark.parametrize(("data", "mimetype"), [(b"<html>", "image/svg+xml"), (b"", "image/png"), (SVG, "a/b")])
    async def test_non_image_is_rejected(self, owner, data, mimetype):
        """As in a publish."""
        figure = await owner.publish()
        path = f"/api/figures/{figure['id']}/versions/1/representations"
        assert (await owner.ask("PUT", path, data, {"Content-Type": mimetype})).status in (400, 415)
        assert len((await record_of(owner, figure))["representations"]) == 1


async def test_the_svg_of_posted_code_is_stored(owner, finish_source_checks):
    """The sandbox drew the figure, and draws its SVG after the others."""
    record = (await owner.post("/api/renders", {"code": "plot()", "keep": True})).json()
    assert record["redrawable"] is True
    await finish_source_checks()
    assert "image/svg+xml" in [part["mimetype"] for part in (await record_of(owner, record))["representations"]]
