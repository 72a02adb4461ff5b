"""The names under which responses are saved."""

from __future__ import annotations

import pytest

from jupyter_figserve.server.web.http.content_disposition import content_disposition

from ...sample_images import HTML, png
from ..dashboards.test_handlers import figure_panel, offer, publish
from ..dashboards.test_page_handlers import keep, share


@pytest.mark.parametrize(
    ("name", "ascii", "encoded"),
    [
        ("sales.png", "sales.png", "sales.png"),
        ("my sales.v2.png", "my sales.v2.png", "my%20sales.v2.png"),
        ("Größe.png", "Grosse.png", "Gr%C3%B6%C3%9Fe.png"),
        ("売上 2024.svg", "_ 2024.svg", "%E5%A3%B2%E4%B8%8A%202024.svg"),
        ("売上.svg", "figure.svg", "%E5%A3%B2%E4%B8%8A.svg"),
        ('a"b\\c%d;\r\nx.png', "a_b_c_d_x.png", "a%22b%5Cc%25d%3B%0D%0Ax.png"),
    ],
)
def test_header(name, ascii, encoded):
    """A name in ASCII, and the whole one; nothing in it can end the header."""
    assert content_disposition(name) == f"inline; filename=\"{ascii}\"; filename*=UTF-8''{encoded}"
    assert content_disposition(name, is_download=True).startswith("attachment; ")


async def test_every_surface_names_its_files(owner, stranger, context):
    """After the figure, the live figure or the dashboard, never after an id or a token; ``download`` saves it."""
    figure, page = await owner.publish("Größe 1"), await owner.publish("chart", HTML, "text/html")
    live = await offer(context)
    keep(context, live)
    board = await publish(owner, [figure_panel(figure), {"kind": "live", "live": live}])
    link, html_link = [(await owner.share(one))["url"] for one in (figure, page)]
    live_link = (await owner.post(f"/api/live/{live}/links")).json()["url"]
    board_link = (await share(owner, board))["url"]
    named = {
        f"/figures/{figure['id']}.png": "Gr%C3%B6%C3%9Fe%201.png",
        f"/figures/{figure['id']}.json": "Gr%C3%B6%C3%9Fe%201.json",
        f"/figures/{page['id']}.html": "chart.html",
        f"/live/f/{live}.png": "animal.png",
        f"/dashboards/{board['id']}.png": "board.png",
        f"/dashboards/{board['id']}.json": "board.json",
        f"{link}.png": "Gr%C3%B6%C3%9Fe%201.png",
        f"{link}.json": "Gr%C3%B6%C3%9Fe%201.json",
        f"{link}/any name.png".replace(" ", "%20"): "Gr%C3%B6%C3%9Fe%201.png",
        f"{html_link}.html": "chart.html",
        f"{live_link}.png": "animal.png",
        f"{live_link}.json?_record=1": "animal.json",
        f"{board_link}.png": "board.png",
        f"{board_link}.json": "board.json",
        f"{board_link}/1-1.png": "Gr%C3%B6%C3%9Fe%201.png",
        f"{board_link}/1-2.png": "animal.png",
    }
    for path, name in named.items():
        client = stranger if path.startswith("http") else owner
        answer = await client.get(path + ("&" if "?" in path else "?") + "download=1")
        assert answer.status == 200, (path, answer.text)
        disposition = answer.headers["Content-Disposition"]
        assert disposition.startswith("attachment; filename="), path
        assert disposition.endswith(f"; filename*=UTF-8''{name}"), path
    shown = await stranger.get(f"{link}.png")
    assert shown.headers["Content-Disposition"].startswith('inline; filename="Grosse 1.png"')
    assert (await stranger.get(f"{link}.png?download=0")).headers["Content-Disposition"].startswith("inline")
    assert shown.body == png()
