"""``/export.zip``: selection, limits, and streaming alongside other requests."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile

import pytest

from ...raw import connect
from ...sample_images import HTML, SVG, png


def opened(answer) -> zipfile.ZipFile:
    assert answer.status == 200, answer.text
    assert answer.mimetype == "application/zip"
    file = zipfile.ZipFile(io.BytesIO(answer.body))
    assert file.testzip() is None
    return file


def names(answer) -> list[str]:
    with opened(answer) as file:
        return [row["name"] for row in json.loads(file.read("figures.json"))["figures"]]


async def test_all_of_the_owner(owner):
    """The newest version of each figure, newest first, with the announced number of bytes."""
    await owner.publish("sales", png(grey=1))
    await owner.publish("sales", png(grey=2), title="Sales", alt="They rise")
    await owner.publish("doc", HTML, "text/html")
    answer = await owner.get("/export.zip")
    assert names(answer) == ["doc", "sales"]
    with opened(answer) as file:
        assert file.read("pictures/default/sales.png") == png(grey=2)
        assert "They rise" in file.read("index.html").decode()
    assert answer.headers["X-Figserve-Figures"] == "2"
    assert int(answer.headers["X-Figserve-Bytes"]) == len(png(grey=2)) + len(HTML)
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"figures.zip\"; filename*=UTF-8''figures.zip"


async def test_of_a_session(owner, stranger, make_key):
    """Only the kernel's figures, however many pages of the catalog they are."""
    kernel = stranger.with_key(await make_key("read", "publish", kernel="kernel-1"))
    for index in range(120):
        await kernel.publish(f"f{index}", SVG, "image/svg+xml", title=str(index))
    await owner.publish("other")
    assert len(names(await owner.get("/export.zip", session="kernel-1"))) == 120
    assert len(names(await owner.get("/export.zip"))) == 121


async def test_head_says_the_same_without_a_body(owner):
    """With type and sizes."""
    await owner.publish()
    answer = await owner.head("/export.zip")
    assert (answer.status, answer.mimetype, answer.headers["X-Figserve-Figures"]) == (200, "application/zip", "1")


@pytest.mark.parametrize("query", [{}, {"notebook": "no.ipynb"}, {"session": "../x"}])
async def test_nothing_is_404(owner, query):
    """An empty zip would look like a loss."""
    answer = await owner.get("/export.zip", **query)
    assert (answer.status, answer.code) == (404, "nothing_to_export")


async def test_only_ones_own(owner, stranger, make_key):
    """Keys export their owner's figures, an admin's too; without the scope or a credential there is none."""
    await owner.publish("mine")
    other = stranger.with_key(await make_key("read", "publish", owner="ana"))
    await other.publish("hers")
    assert names(await other.get("/export.zip")) == ["hers"]
    admin = stranger.with_key(await make_key("read", "admin"))
    assert names(await admin.get("/export.zip")) == ["mine"]
    assert (await stranger.with_key(await make_key("publish")).get("/export.zip")).status == 403
    assert (await stranger.get("/export.zip")).status == 401


async def test_a_receiver_that_hangs_up_harms_nobody(owner, context):
    """The next export is complete."""
    for index in range(30):
        await owner.publish(f"f{index}", b"<svg>" + b" " * 400_000 + b"</svg>", "image/svg+xml", title=str(index))
    for _ in range(3):
        async with connect(owner.prefix) as connection:
            await connection.send_head("GET", "/export.zip", owner.headers)
            assert (await connection.receive_head())[0] == 200
    assert len(names(await owner.get("/export.zip"))) == 30


async def test_others_are_served_meanwhile(owner, stranger):
    """A slow client does not delay other requests."""
    for index in range(20):
        data = bytearray(png()) + bytes(0)
        await owner.publish(f"f{index}", bytes(data), title=str(index))
    link = await owner.share(await owner.publish("shown"))
    async with connect(owner.prefix) as connection:
        await connection.send_head("GET", "/export.zip", owner.headers)
        await connection.receive_head()
        assert (await stranger.get(link["image_url"])).status == 200
        exports = await asyncio.gather(*(owner.get("/export.zip") for _ in range(3)))
    assert [len(names(answer)) for answer in exports] == [21] * 3


async def test_many_are_measured_in_steps(owner, context, monkeypatch):
    """Each figure is counted once, for any step size."""
    from jupyter_figserve.store.catalog import figures

    for index in range(7):
        await owner.publish(f"f{index}", png(grey=index), title=str(index))
    whole = figures.measure(context.store.catalog.reader, figures.FigureQuery("local"))[0]
    assert whole.figures == 7
    for limit in (1, 3, 7, 8):
        monkeypatch.setattr(figures.measure, "__defaults__", (None, limit))
        answer = await owner.head("/export.zip")
        assert answer.headers["X-Figserve-Figures"] == "7"
        assert answer.headers["X-Figserve-Bytes"] == str(whole.bytes)


class TestLimit:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"export_bytes": len(png()) + 10}

    async def test_more_than_may_be_is_rejected_before_it_begins(self, owner):
        """413 names the limit and the setting, with advice."""
        await owner.publish("one")
        assert names(await owner.get("/export.zip")) == ["one"]
        await owner.publish("two")
        answer = await owner.get("/export.zip")
        assert (answer.status, answer.code) == (413, "too_large")
        assert "FigServe.export_bytes" in answer.json()["error"]
        assert "notebook=" in answer.json()["error"]


async def test_selected_figures(owner):
    """Those that the query names, and not more than its limit."""
    ids = [(await owner.publish(name))["id"] for name in ("a", "b", "c")]
    assert sorted(names(await owner.get(f"/export.zip?figure={ids[0]}&figure={ids[2]}"))) == ["a", "c"]
    assert (await owner.get("/export.zip?figure=unknown")).status == 404
    assert (await owner.get("/export.zip?" + "&".join(f"figure=f{n}" for n in range(501)))).status == 400
