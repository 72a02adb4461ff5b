"""Signed render URLs: created by authorized callers, public, refused without a valid signature."""

from __future__ import annotations

import base64
import random
import tracemalloc
import zlib
from urllib.parse import parse_qs, urlsplit

import pytest

from jupyter_figserve.errors import CodeFailed, InvalidInput, TooLarge
from jupyter_figserve.model.rendering import DrawOptions
from jupyter_figserve.server.services.auth.signing import QuerySigner
from jupyter_figserve.server.web.rendering.signed_urls import pack, unpack

from ....png_header import png_size

CODE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])  # ä"


async def sign(owner, **wishes: object) -> str:
    answer = await owner.post("/api/renders/url", {"code": CODE, **wishes})
    assert answer.status == 201, answer.text
    return answer.json()["url"]


async def test_anybody_sees_the_image(owner, stranger, renderer):
    """Without login, cacheable for a day, and rendered once."""
    url = await sign(owner, format="png", width=30, height=20, dpi=50, transparent=True)
    answer = await stranger.get(url)
    assert (answer.status, answer.mimetype, png_size(answer.body)) == (200, "image/png", (30, 20))
    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert (await stranger.get(url)).body == answer.body
    assert (await stranger.get(url, {"If-None-Match": answer.headers["ETag"]})).status == 304
    (job,) = renderer.jobs
    assert (job.source, job.seed) == (CODE.encode(), 0)
    assert job.options == DrawOptions("png", 30, 20, 50.0, transparent=True)


async def test_making_one_draws_nothing(owner, renderer):
    """The response has snippets to paste."""
    answer = (await owner.post("/api/renders/url", {"code": CODE, "format": "svg"})).json()
    assert answer["markdown"] == f"![Plot]({answer['url']})"
    assert answer["local_only"] is True
    assert renderer.jobs == []


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.partition("?")[0],
        lambda url: url.partition("sig=")[0] + "sig=",
        lambda url: url.replace("sig=", "sig=A"),
        lambda url: url[:-9] + ("A" if url[-9] != "A" else "B") + url[-8:],
        lambda url: url.replace("width=30", "width=31"),
        lambda url: url.replace("width=30&", ""),
        lambda url: url + "&height=10",
        lambda url: url.replace(".png?", ".svg?"),
        lambda url: url.replace("/render/", "/render/A"),
        lambda url: url.replace(pack(CODE), pack(CODE + " ")),
        lambda url: url + "%C3%A9",
    ],
)
async def test_unsigned_queries_are_rejected(owner, stranger, renderer, change):
    """403 with one message: no signature, a wrong one, or one of other code, format or size."""
    url = change(await sign(owner, format="png", width=30))
    answer = await stranger.get(url)
    assert (answer.status, answer.code) == (403, "not_signed")
    assert renderer.jobs == []


async def test_a_query_with_an_underscore_changes_nothing(owner, stranger):
    """Such names are ignored."""
    assert (await stranger.get(await sign(owner) + "&_=1")).status == 200


async def test_an_error_has_no_trace_for_strangers(owner, stranger, renderer):
    """422 with the message, or a card if that was signed."""

    def fail(job):
        raise CodeFailed("no such <x>", kind="NameError", line=1, traceback="frames", output="printed")

    renderer.answer = fail
    answer = await stranger.get(await sign(owner))
    assert (answer.status, answer.json()["type"]) == (422, "NameError")
    assert "frames" not in answer.text
    assert "printed" not in answer.text
    card = await stranger.get(await sign(owner, errors="image", format="svg"))
    assert (card.status, card.mimetype) == (422, "image/svg+xml")
    assert "no such &lt;x&gt;" in card.text


async def test_values_without_a_url_form_are_rejected(owner):
    """keep, several figures, and code beyond the limit."""
    for wish in ({"keep": True}, {"figure": "all"}):
        assert (await owner.post("/api/renders/url", {"code": CODE, **wish})).status == 400
    code = "#" + random.Random(0).randbytes(8_000).hex()
    answer = await owner.post("/api/renders/url", {"code": code})
    assert (answer.status, answer.code) == (413, "url_too_long")


async def test_no_log_line_has_the_address(owner, stranger, caplog):
    """The log must not give access to the image."""
    url = await sign(owner)
    await stranger.get(url)
    await stranger.get(url + "x")
    assert parse_qs(urlsplit(url).query)["sig"][0] not in caplog.text
    assert "/render/[signed]" in caplog.text


def test_code_survives_the_address():
    """Any text, in characters that need no escaping."""
    for code in ("", "x" * 10_000, "ä\n\U0001f600\x00"):
        packed = pack(code)
        assert set(packed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        assert unpack(packed, 50_000) == code


def test_a_bomb_is_not_expanded():
    """A compression bomb is refused at the limit; invalid zlib or UTF-8 is malformed."""
    bomb = base64.urlsafe_b64encode(zlib.compress(b" " * 10**8, 9)).decode().rstrip("=")
    tracemalloc.start()
    with pytest.raises(TooLarge):
        unpack(bomb, 1_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**7
    for text in ("AAAA", "A", "!!!!", base64.urlsafe_b64encode(zlib.compress(b"\xff")).decode().rstrip("=")):
        with pytest.raises(InvalidInput):
            unpack(text, 1_000)


def test_older_secrets_go_on_verifying():
    """After a rotation, old signatures are valid; each is for one purpose and one list of parts."""
    old = QuerySigner(["old"]).sign("render", "a", "b")
    both = QuerySigner(["new", "old"])
    assert both.is_good(old, "render", "a", "b")
    assert both.sign("render", "a", "b") != old
    assert not QuerySigner(["new"]).is_good(old, "render", "a", "b")
    assert not both.is_good(old, "link", "a", "b")
    assert not both.is_good(old, "render", "ab", "")
    assert not both.is_good("é", "render", "a", "b")
