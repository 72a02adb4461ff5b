"""Figures drawn again by the kernels that have published them, where there is no sandbox."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.keys import KERNEL_SCOPES
from jupyter_figserve.sandbox.renderer import RendererStatus
from jupyter_figserve.server.services.live import kernel_redraws

from ....waiting import until
from ...sample_images import PDF, SVG, png
from .conftest import frame, hello

SOURCE = b"pickled by the kernel"
BROWSER = {"Accept": "text/html"}


@pytest.fixture
def figure(jp_asyncio_loop, owner, stranger, make_key, renderer, context) -> dict:
    """A figure with a source and an SVG that a kernel has published, on a server without a sandbox."""

    async def publish() -> dict:
        key = await make_key(*KERNEL_SCOPES, kernel="k1")
        headers = {"Content-Type": "image/png", "X-API-Key": key}
        made = (await stranger.ask("POST", "/api/figures", png(), headers, name="sales")).json()
        await add_source(owner, renderer, context, made)
        return made

    return jp_asyncio_loop.run_until_complete(publish())


async def add_source(owner, renderer, context, made: dict) -> None:
    renderer.status = RendererStatus("none", ("This is not Linux.",))
    await context.rendering.queue.start()
    path = f"/api/figures/{made['id']}/versions/1"
    answer = await owner.ask("PUT", f"{path}/source", SOURCE, kind="figure", matplotlib="3.11.2")
    assert answer.headers["X-Figserve-Redraws"] == "kernel"
    await owner.ask("PUT", f"{path}/representations", SVG, headers={"Content-Type": "image/svg+xml"})


@pytest.fixture
def announce(dial):
    """Connect a kernel that has made these sources."""

    async def connect(connection, *sources: bytes) -> None:
        await connection.send(hello())
        assert (await connection.receive())["op"] == "welcome"
        digests = [sha256_hex(source) for source in sources]
        await connection.send(frame({"op": "sources", "announcement": 1, "digests": digests, "unsupported": ["avif"]}))
        assert await connection.receive() == {"op": "sources_known", "announcement": 1}

    return connect


def ask(client, figure: dict, suffix: str = "pdf", **query: object) -> asyncio.Task:
    return asyncio.ensure_future(client.get(f"/figures/{figure['id']}.{suffix}", **query))


async def test_the_kernel_draws_and_the_result_is_cached(figure, owner, stranger, dial, announce):
    """It gets the source and the options; the image is served later without it, by link too."""
    link = await owner.share(figure)
    async with dial() as connection:
        await announce(connection, SOURCE)
        asking = ask(owner, figure, width=400)
        request, source = await connection.receive_frame()
        assert (request["op"], source) == ("redraw", SOURCE)
        assert (request["options"]["format"], request["options"]["width"]) == ("pdf", 400)
        assert request["max_pixels"] == 25_000_000
        await connection.answer(request, PDF, mimetype="application/pdf")
        assert ((await asking).status, (await asking).body) == (200, PDF)
        assert "draw;dur=" in (await asking).headers["Server-Timing"]
        asking = asyncio.ensure_future(stranger.get(f"{link['url']}.png", width=640))
        request, _ = await connection.receive_frame()
        await connection.answer(request, png(640, 480))
        assert (await asking).status == 200
    assert (await owner.get(f"/figures/{figure['id']}.pdf", width=400)).body == PDF
    assert (await stranger.get(f"{link['url']}.png", width=640)).status == 200


async def test_formats_are_offered_while_the_kernel_runs(figure, owner, stranger, dial, announce, context):
    """On pages, in JSON and by Accept: all that the kernel can write; afterwards what is stored, and why."""
    link = await owner.share(figure)
    async with dial() as connection:
        await announce(connection, SOURCE)
        record = (await owner.get(f"/api/figures/{figure['id']}")).json()
        assert record["redrawable"] is True
        assert {"pdf", "jpg"} <= set(record["formats"])
        assert "avif" not in record["formats"]
        assert ".pdf" in (await stranger.get(link["url"], BROWSER)).text
        assert (await owner.get("/api/figures")).json()["figures"][0]["redrawable"] is True
    await until(lambda: not context.live.registry.list_backends())
    for found in (
        (await owner.get("/api/figures")).json()["figures"][0],
        (await owner.get(f"/api/figures/{figure['id']}")).json(),
    ):
        assert (found["redrawable"], found["formats"]) == (False, ["png", "svg", "svgz"])
    for page in (await owner.get(f"/figures/{figure['id']}", BROWSER), await stranger.get(link["url"], BROWSER)):
        assert "Only PNG, SVG and SVGZ, and in no other size. This server has no sandbox, and the notebook" in page.text
        assert ".pdf" not in page.text
    assert (
        await owner.get(f"/figures/{figure['id']}", {"Accept": "application/pdf, image/*;q=0.5"})
    ).mimetype == "image/png"


async def test_without_the_kernel_the_answer_names_what_exists(figure, owner, stranger):
    """409 for the rest, for the owner and by link; the stored PNG and SVG are served, and the SVG compressed."""
    link = await owner.share(figure)
    mine, theirs = await ask(owner, figure), await stranger.get(f"{link['url']}.pdf")
    for answer in (mine, theirs):
        assert (answer.status, answer.code) == (409, "not_redrawable")
        assert "available as png, svg, svgz," in answer.json()["error"]
        assert "no sandbox, and the notebook" in answer.json()["error"]
    for suffix in ("png", "svg", "svgz"):
        assert (await ask(owner, figure, suffix)).status == 200
    assert (await ask(owner, figure, "csv")).code == "no_data"


async def test_what_a_program_published_is_no_kernels(owner, renderer, context):
    """The reason is the missing sandbox: no cell could be run again."""
    made = await owner.publish("script")
    await add_source(owner, renderer, context, made)
    answer = await ask(owner, made)
    assert (answer.status, answer.code) == (409, "not_redrawable")
    assert "no sandbox to render it in" in answer.json()["error"]
    assert (await owner.get(f"/api/figures/{made['id']}")).json()["formats"] == ["png", "svg", "svgz"]


async def test_only_kernels_of_the_owner_that_have_made_the_source_are_asked(figure, owner, dial, announce, context):
    """Neither a kernel with other sources, nor one of another owner that claims to have made it."""
    async with dial("k1") as one, dial("k2") as other:
        await announce(one, b"another source")
        await announce(other, SOURCE)
        context.live.registry.find_backend("k2").owner = "somebody"
        assert (await ask(owner, figure)).status == 409
    await until(lambda: not context.live.registry.list_backends())


async def test_a_kernel_that_does_not_know_the_source(figure, owner, dial, announce):
    """Its refusal is as if it were not there."""
    async with dial() as connection:
        await announce(connection, SOURCE)
        asking = ask(owner, figure)
        request, _ = await connection.receive_frame()
        await connection.answer(request, error={"type": "NotFound", "message": "not mine", "code": "not_own"})
        assert ((await asking).status, (await asking).code) == (409, "not_redrawable")


async def test_a_source_that_was_changed_in_the_store_is_not_sent(figure, owner, dial, announce, context):
    """500; the kernel hears nothing of it."""
    (context.store.directory / "blobs" / sha256_hex(SOURCE)[:2] / sha256_hex(SOURCE)).write_bytes(b"evil")
    async with dial() as connection:
        await announce(connection, SOURCE)
        answer = await ask(owner, figure)
        assert (answer.status, answer.code) == (500, "source_damaged")
        await connection.send(hello())
        assert (await connection.receive())["op"] == "welcome"


@pytest.mark.parametrize(
    ("body", "mimetype", "query", "status", "code"),
    [
        (b"<svg onload=alert(1)/>", "image/png", {"width": 400}, 422, "output_invalid"),
        (png(401, 300), "image/png", {"width": 400}, 422, "output_invalid"),
        (png(9000, 9000), "image/png", {"dpi": 900}, 413, "too_many_pixels"),
        (b"", "image/png", {"width": 400}, 422, "output_invalid"),
    ],
)
async def test_what_the_kernel_sends_is_checked(figure, owner, dial, announce, body, mimetype, query, status, code):
    """Type, size and pixels, as of the sandbox."""
    async with dial() as connection:
        await announce(connection, SOURCE)
        asking = ask(owner, figure, "png", **query)
        request, _ = await connection.receive_frame()
        await connection.answer(request, body, mimetype=mimetype)
        assert ((await asking).status, (await asking).code) == (status, code)


async def test_a_busy_kernel_is_a_temporary_error(
    figure, owner, stranger, dial, announce, context, monkeypatch, put_forward
):
    """503 with Retry-After at the deadline; its late answer serves those who ask again."""
    # Short of the patience of the test's client, whose clock jumps too.
    monkeypatch.setattr(kernel_redraws, "_SECONDS", 5.0)
    link = await owner.share(figure)
    queue = context.live._get_queue("k1")

    async def expect_refusal(asking: asyncio.Task) -> None:
        await until(lambda: queue._calls.waiters)
        put_forward(kernel_redraws._SECONDS)
        answer = await asking
        assert (answer.status, answer.code) == (503, "kernel_busy")
        assert int(answer.headers["Retry-After"]) > 0

    async with dial() as connection:
        await announce(connection, SOURCE)
        asking = ask(owner, figure)
        request, _ = await connection.receive_frame()
        await expect_refusal(asking)
        await expect_refusal(asyncio.ensure_future(stranger.get(f"{link['url']}.pdf")))
        await connection.answer(request, PDF, mimetype="application/pdf")
        await until(lambda: context.rendering.kernels.late)
        assert (await ask(owner, figure)).body == PDF


async def test_a_kernel_that_ends_meanwhile_is_a_temporary_error(figure, owner, dial, announce):
    """503 at once; nobody waits for a kernel that is gone."""
    async with dial() as connection:
        await announce(connection, SOURCE)
        asking = ask(owner, figure)
        await connection.receive_frame()
    assert ((await asking).status, (await asking).code) == (503, "kernel_gone")


async def test_redraws_wait_among_live_calls(figure, owner, stranger, dial, announce, context):
    """One at a time in a kernel, and of one link only as many as its live calls may wait."""
    link = await owner.share(figure)
    async with dial() as connection:
        await announce(connection, SOURCE)
        first = ask(owner, figure)
        request, _ = await connection.receive_frame()
        sizes = (320, 640, 960, 1280, 1920)
        waiting = [asyncio.ensure_future(stranger.get(f"{link['url']}.png", width=size)) for size in sizes]
        refused, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [(one.result().status, one.result().code) for one in refused] == [(503, "kernel_busy")]
        await connection.answer(request, PDF, mimetype="application/pdf")
        assert (await first).status == 200
        for _ in range(4):
            request, _ = await connection.receive_frame()
            size = request["options"]["width"]
            await connection.answer(request, png(size, 10))
        assert sorted(one.status for one in await asyncio.gather(*waiting)) == [200] * 4 + [503]


async def test_another_site_cannot_have_a_kernel_draw(figure, browser, dial, announce):
    """A page of another site that embeds the address is refused."""
    async with dial() as connection:
        await announce(connection, SOURCE)
        for suffix in ("pdf", "csv"):
            answer = await browser.get(f"/figures/{figure['id']}.{suffix}", {"Sec-Fetch-Site": "cross-site"})
            assert (answer.status, answer.code) == (403, "cross_site")


async def test_a_kernel_that_started_again_replaces_the_source(figure, owner, dial, announce):
    """Publishing the same figure again makes it drawable again; that of a kernel which still has it stays."""
    path = f"/api/figures/{figure['id']}/versions/1/source"
    await owner.ask("PUT", path, b"pickled again", kind="figure")
    async with dial() as connection:
        await announce(connection, b"pickled again")
        await owner.ask("PUT", path, b"a third time", kind="figure")
        asking = ask(owner, figure)
        request, source = await connection.receive_frame()
        assert source == b"pickled again"
        await connection.answer(request, PDF, mimetype="application/pdf")
        assert (await asking).status == 200


async def test_status_says_what_draws(figure, stranger):
    """For programs, and for whoever wonders why a format is missing."""
    assert (await stranger.get("/api/status")).json()["redraws"] == "kernel"


@pytest.mark.parametrize("figserve_config", [{"kernel_redraws": False}])
class TestSwitchedOff:
    async def test_no_kernel_is_asked(self, owner, renderer, context, dial, announce):
        """As without one; the kernel is not told to offer anything."""
        renderer.status = RendererStatus("none", ("This is not Linux.",))
        await context.rendering.queue.start()
        made = await owner.publish()
        answer = await owner.ask("PUT", f"/api/figures/{made['id']}/versions/1/source", SOURCE, kind="figure")
        assert "X-Figserve-Redraws" not in answer.headers
        async with dial() as connection:
            await announce(connection, SOURCE)
            record = (await owner.get(f"/api/figures/{made['id']}")).json()
        assert (record["redrawable"], record["formats"]) == (False, ["png"])
        assert (await owner.get("/api/status")).json()["redraws"] == "none"
