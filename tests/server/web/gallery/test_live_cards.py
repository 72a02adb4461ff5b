"""Live figures and dashboards in the gallery, as rendered by the server."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest

from jupyter_figserve.model.figures import EncodedImage, Identity, sha256_hex
from jupyter_figserve.model.live import LiveDeclaration, LiveFigureRecord, LiveRequest
from jupyter_figserve.model.live_images import LiveImage

from ...pages import Page
from ...sample_images import png


@pytest.fixture
def offer(context):
    """Record live figures that an ended kernel has offered."""

    async def offer(name: str, notebook: str = "a.ipynb", **fields) -> LiveFigureRecord:
        identity = Identity("local", context.config.scope, notebook, "", name)
        records, _ = await context.store.live.record_offers("k1", {identity: LiveDeclaration(name, **fields)})
        return records[identity]

    return offer


async def keep_image(context, record: LiveFigureRecord, ratio: int = 1) -> None:
    """Store an image with the default parameters."""
    image, key = EncodedImage("image/png", png(8, 6), 8, 6), LiveRequest(device_pixel_ratio=ratio).key
    row = LiveImage(record.id, key, image.mimetype, sha256_hex(image.data), len(image.data), 8, 6, None, "A wave", 1.0)
    await context.store.live.keep_images([(row, image)])


def live_names(text: str) -> list[str]:
    return re.findall(r'live/f/\w+" dir="auto">([^<]*)</a>', text)


async def test_past_experiments_are_found_but_not_in_the_way(owner, offer):
    """Without a kernel or a link, a live figure is on its own page and in searches, not among all figures."""
    await offer("wave", description="Of water")
    await offer("tide", "b.ipynb")
    assert live_names((await owner.get("/")).text) == []
    assert sorted(live_names((await owner.get("/", show="live")).text)) == ["tide", "wave"]
    assert live_names((await owner.get("/", q="WATER")).text) == ["wave"]
    assert live_names((await owner.get("/", notebook="b.ipynb")).text) == ["tide"]
    assert live_names((await owner.get("/", show="dashboards")).text) == []


async def test_shared_one_is_among_all_and_shared_figures(owner, offer):
    """With the number of its links, and what its state is."""
    record = await offer("wave")
    assert (await owner.post(f"/api/live/{record.id}/links")).status == 201
    for show in ("", "shared"):
        text = (await owner.get("/", show=show)).text
        assert live_names(text) == ["wave"]
        assert "1 link<" in text
        assert "kernel not running" in text


@pytest.mark.parametrize("ratio", [1, 2])
async def test_card_shows_the_last_image(owner, offer, context, ratio):
    """The one with the default parameters, also if it was drawn for a dense screen; without calling the function."""
    record = await offer("wave")
    await keep_image(context, record, ratio)
    text = (await owner.get("/", show="live")).text
    (image,) = [tag for tag in Page(text)["img"] if "loading" in tag]
    assert (image["alt"], image["width"], image["height"]) == ("A wave", "8", "6")
    assert (await owner.get(urljoin(f"{owner.prefix}/", image["src"]))).body == png(8, 6)


async def test_other_owners_live_figures_are_not_shown(owner, context, offer):
    """Nor are they found."""
    identity = Identity("somebody", "", "a.ipynb", "", "secret")
    await context.store.live.record_offers("k2", {identity: LiveDeclaration("secret")})
    assert "secret" not in (await owner.get("/", show="live")).text


async def test_dashboards_have_their_links_and_their_page(owner):
    """The filters of shared things and of dashboards show them."""
    rows = [[{"kind": "text", "markdown": "Notes"}]]
    for name in ("one", "two"):
        await owner.post("/api/dashboards", {"name": name, "title": f"Board {name}", "rows": rows})
    (board, _) = (await owner.get("/api/dashboards")).json()["dashboards"]
    await owner.post(f"/api/dashboards/{board['id']}/links")
    shared, alone = [(await owner.get("/", show=show)).text for show in ("shared", "dashboards")]
    assert re.findall(r">(Board \w+)</a>", shared) == [board["title"]]
    assert "1 link<" in shared
    assert sorted(re.findall(r">(Board \w+)</a>", alone)) == ["Board one", "Board two"]


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        ({"q": "zebra"}, "No matches"),
        ({"show": "dashboards"}, "Share as dashboard"),
        ({"show": "live"}, "@figserve.live"),
        ({"show": "shared"}, "Nothing is shared"),
        ({"show": "running"}, "figserve.publish()"),
    ],
)
async def test_an_empty_page_says_what_to_do(owner, query, advice):
    """Each in its own words."""
    assert advice in (await owner.get("/", **query)).text
