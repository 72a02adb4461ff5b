"""The SVG that is archived after each publish."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.errors import OutputInvalid
from jupyter_figserve.sandbox.renderer import RendererStatus
from jupyter_figserve.server.services.figures.svg_archiver import SvgArchiver

from ...pictures import SVG, png


async def publish_with_source(owner, context, source: bytes = b"pickle", name: str = "sales", data=None) -> dict:
    figure = await owner.publish(name, data)
    path = f"/api/figures/{figure['id']}/versions/{figure['version']}/source"
    assert (await owner.ask("PUT", path, source, kind="figure", matplotlib="3.11.2")).status == 204
    await context.svg_archiver.wait_until_idle()
    return (await owner.get(f"/api/figures/{figure['id']}")).json()


def types(record: dict) -> list[str]:
    return [part["mimetype"] for part in record["representations"]]


async def test_the_svg_is_kept_behind_the_picture(owner, stranger, context, renderer):
    """It is served as a stored format, also when the sandbox is missing later."""
    record = await publish_with_source(owner, context)
    assert types(record) == ["image/png", "image/svg+xml"]
    jobs = len(renderer.jobs)
    link = await owner.share(record)
    assert (await stranger.get(f"{link['url']}.svg")).mimetype == "image/svg+xml"
    assert (await stranger.get(f"{link['url']}.png")).body == png()
    assert len(renderer.jobs) == jobs == 1


async def test_publishing_the_same_again_makes_no_version(owner, context):
    """Although the version has one more representation than the upload."""
    await publish_with_source(owner, context)
    assert (await owner.publish())["version"] == 1
    assert (await owner.publish(data=png(grey=9)))["version"] == 2


async def test_it_survives_a_lost_catalog(owner, context):
    """The manifest includes it."""
    record = await publish_with_source(owner, context)
    await context.store.figures.flush()
    (manifest,) = context.store.manifests.figures.read_all()
    assert [part.mimetype for part in manifest.versions[0].representations] == types(record)


async def test_it_counts_for_the_quota(owner, context):
    """It counts as stored bytes, and is deleted with the figure."""
    record = await publish_with_source(owner, context)
    stored = sum(part["size"] for part in record["representations"]) + len(b"pickle")
    status = (await owner.get("/api/status")).json()
    assert status["counts"]["bytes"] == stored
    await owner.delete(f"/api/figures/{record['id']}")
    assert (await owner.get("/api/status")).json()["counts"]["bytes"] == 0


async def test_one_that_has_an_svg_is_left_alone(owner, context, renderer):
    """No job runs for a figure that has an SVG."""
    figure = await owner.publish("drawn", SVG, "image/svg+xml")
    await owner.ask("PUT", f"/api/figures/{figure['id']}/versions/1/source", b"pickle", kind="figure")
    await context.svg_archiver.wait_until_idle()
    assert renderer.jobs == []


async def test_what_cannot_be_drawn_stays_as_it_is(owner, context, renderer):
    """A failure does not affect the publish or the next figure."""
    good = renderer.answer

    def fail(job):
        raise OutputInvalid("no attribute")

    renderer.answer = fail
    assert types(await publish_with_source(owner, context, name="first")) == ["image/png"]
    renderer.answer = good
    assert len(types(await publish_with_source(owner, context, b"other", name="second"))) == 2


async def test_it_lets_all_others_go_first(owner, context, renderer):
    """Other renders take precedence."""
    context.rendering.queue._turns.max_running = 1
    renderer.gate.clear()
    figure = await owner.publish()
    asked = [asyncio.ensure_future(owner.post("/api/renders", {"code": "one"}))]
    await asyncio.wait_for(renderer.begun.wait(), 20)
    await owner.ask("PUT", f"/api/figures/{figure['id']}/versions/1/source", b"pickle", kind="figure")
    async with asyncio.timeout(20):
        while context.rendering.queue.waiting < 1:
            await asyncio.sleep(0.01)
        asked += [asyncio.ensure_future(owner.post("/api/renders", {"code": code})) for code in ("two", "three")]
        while context.rendering.queue.waiting < 3:
            await asyncio.sleep(0.01)
    renderer.gate.set()
    await asyncio.gather(*asked)
    await context.svg_archiver.wait_until_idle()
    assert [job.kind for job in renderer.jobs] == ["code", "code", "code", "figure"]


async def test_what_a_restart_left_is_found_again(owner, context, renderer):
    """The first publish after a restart archives the interrupted ones, too."""
    context.svg_archiver._is_on = False
    left = await publish_with_source(owner, context, name="left")
    assert types(left) == ["image/png"]
    fresh = SvgArchiver(context.store, context.rendering, 0, is_on=True)
    fresh.schedule("unknown", 1)
    await fresh.wait_until_idle()
    assert len(types((await owner.get(f"/api/figures/{left['id']}")).json())) == 2


async def test_without_a_sandbox_nothing_is_tried(owner, context, renderer):
    """Figures are published without an SVG."""
    renderer.status = RendererStatus("none", ("no seccomp",))
    assert types(await publish_with_source(owner, context)) == ["image/png"]
    assert renderer.jobs == []


class TestBounds:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"preserve_bytes": 100}

    async def test_huge_figures_are_left_alone(self, owner, context, renderer):
        """A large source is not rendered, and a large SVG is not stored."""
        assert types(await publish_with_source(owner, context, b"p" * 101, "source")) == ["image/png"]
        assert renderer.jobs == []
        small = await publish_with_source(owner, context, b"p", "small")
        assert len(types(small)) == 2
        from jupyter_figserve.model.figures import EncodedImage
        from jupyter_figserve.model.rendering import RenderResult

        renderer.answer = lambda job: RenderResult((EncodedImage("image/svg+xml", b"<svg>" + b" " * 100 + b"</svg>"),))
        assert types(await publish_with_source(owner, context, b"q", "drawing")) == ["image/png"]


class TestOff:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"preserve_svg": False}

    async def test_the_switch(self, owner, context, renderer):
        """When switched off, no job runs and the sandbox is not started."""
        assert types(await publish_with_source(owner, context)) == ["image/png"]
        assert renderer.starts == 0


async def test_drawing_waits_for_a_pause_of_publishing(owner, context, renderer, monkeypatch):
    """No job runs during consecutive publishes; afterwards all figures are archived."""
    monkeypatch.setattr("jupyter_figserve.server.services.figures.svg_archiver._PAUSE", 3_600)
    for grey in range(3):
        figure = await owner.publish(f"figure-{grey}", png(grey=grey))
        path = f"/api/figures/{figure['id']}/versions/1/source"
        answer = await owner.ask("PUT", path, b"pickle %d" % grey, kind="figure", matplotlib="3.11.2")
        assert answer.status == 204
    assert renderer.jobs == []
    await context.svg_archiver.wait_until_idle()
    assert len(renderer.jobs) == 3


async def test_a_pause_is_not_waited_for_without_end(owner, context, renderer, monkeypatch):
    """Publishing without a pause delays the SVGs only for a limited time."""
    monkeypatch.setattr("jupyter_figserve.server.services.figures.svg_archiver._PAUSE", 3_600)
    monkeypatch.setattr("jupyter_figserve.server.services.figures.svg_archiver._MAX_PAUSE", 0)
    figure = await owner.publish()
    path = f"/api/figures/{figure['id']}/versions/1/source"
    assert (await owner.ask("PUT", path, b"pickle", kind="figure", matplotlib="3.11.2")).status == 204
    await context.svg_archiver._worker
    assert len(renderer.jobs) == 1
