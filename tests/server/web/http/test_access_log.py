"""The access log: one line a request, without secrets."""

from __future__ import annotations

import logging
from urllib.parse import quote

import pytest
from tornado.httpclient import HTTPClientError

from ...sample_images import png

KEY = "fsk_abcdefgh_0123456789abcdefghijklmnopqrstuvwxyz"
TOKEN = "AbCdEfGhIjKlMnOpQrStUvWxYz012345"

WORD = "secret" * 6


def lines(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("access ")]


def fields(line: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in line.split()[1:])


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO)
    return caplog


async def test_one_line_has_request_and_response(owner, log):
    """Method, path, status, bytes, duration and user, in the record's attributes too."""
    figure = await owner.publish()
    log.clear()
    await owner.get(f"/figures/{figure['id']}.png?version=1")
    (line,) = lines(log)
    found = fields(line)
    assert found["path"].endswith(f"/figserve/figures/{figure['id']}.png?version=1")
    assert (found["method"], found["status"], found["bytes"]) == ("GET", "200", str(len(png())))
    assert (found["user"], found["key"], found["ip"]) == ("local", "login", "127.0.0.1")
    assert float(found["ms"]) > 0
    (record,) = [one for one in log.records if one.getMessage() == line]
    assert record.levelno == logging.INFO
    assert record.figserve_access["status"] == 200


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [("HEAD", {}, 200), ("GET", {"If-None-Match": "*"}, 304), ("GET", {"Range": "bytes=0-9"}, 206)],
)
async def test_bytes_are_those_that_were_sent(owner, log, method, headers, status):
    """None for a HEAD and a 304, a part for a range."""
    figure = await owner.publish()
    log.clear()
    await owner.ask(method, f"/figures/{figure['id']}.png", None, headers)
    (line,) = lines(log)
    assert (fields(line)["status"], fields(line)["bytes"]) == (str(status), "10" if status == 206 else "0")


async def test_failures_have_the_level_of_jupyters(owner, stranger, log):
    """One warning, and no second line about the same request."""
    await stranger.get("/api/figures")
    assert [(record.levelno, record.getMessage().split()[0]) for record in log.records] == [(logging.WARNING, "access")]


async def test_key_and_link_are_named_by_their_ids(owner, stranger, make_key, log):
    """By which the owner finds them in lists; never by their secrets."""
    key = await make_key("read", "publish")
    client = stranger.with_key(key)
    link = await client.share(await client.publish())
    log.clear()
    await client.get("/api/figures")
    await stranger.get(link["url"])
    await stranger.get(link["image_url"])
    listed, page, image = map(fields, lines(log))
    assert listed["key"] == key.split("_")[1]
    assert page["link"] == image["link"] == link["id"]
    assert page["path"].endswith("/f/[secret]")
    assert "user" not in page


@pytest.mark.parametrize(
    "path",
    [
        f"/api/figures?key={KEY}",
        f"/api/figures?q={KEY}",
        f"/api/figures?q=fsk%5F{KEY[4:]}",
        f"/api/figures?{KEY}",
        f"/api/figures?token={TOKEN}",
        f"/api/figures?Api_Key={TOKEN}",
        f"/figures/{KEY}",
        f"/plots/x/{KEY}.png",
        f"/plots/x/%66sk_{KEY[4:]}",
        f"/nothing/{KEY}",
        f"/f/{TOKEN}.png",
        f"/f/{TOKEN}/embed",
        f"/plots/x/f/{TOKEN}",
        f"/oembed?url=http%3A%2F%2Fx%2Ff%2F{TOKEN}",
        f"/api/figures?q=%2Ff%2F{TOKEN}",
        f"/render/{TOKEN}{TOKEN}.png?sig={TOKEN}",
        f"/api/figures?q={TOKEN}",
        f"/api/figures?cursor={TOKEN}.png",
        f"/api/figures?{TOKEN}",
        f"/figures/{TOKEN}",
        f"/plots/x/{TOKEN}.png",
        f"/oembed?url={TOKEN}",
        f"/api/figures?q={quote(quote(f'http://x/f/{TOKEN}?y', safe=''), safe='')}",
        f"/api/figures?q=%25%36%36sk%255F{KEY[4:]}",
        f"/plots/x/%2566sk_{KEY[4:]}",
    ],
)
async def test_kind_C13_secrets_stand_in_no_line(owner, log, path):
    """Neither in our log lines nor in others, even in the wrong place of a request."""
    await owner.get(path)
    await owner.ask("PUT", path)
    await owner.ask("GET", path, None, {"Referer": f"http://x/f/{TOKEN}"})
    assert len(lines(log)) == 3
    for secret in (KEY[4:], TOKEN):
        assert secret not in log.text


@pytest.mark.parametrize(
    "path",
    [
        ("f", TOKEN),
        ("Figserve", "f", f"{TOKEN}.png"),
        ("lab", "figserve", "f", TOKEN),
        (TOKEN,),
        ("figserv", KEY),
        (quote(quote(f"/f/{TOKEN}", safe="")),),
    ],
)
async def test_mistyped_address_of_a_link_stands_in_no_line_of_jupyters(jp_fetch, log, path):
    """It leads to handlers that are not ours, whose log lines have no token either."""
    headers = {"Referer": f"http://x/figserve/f/{TOKEN}"}
    with pytest.raises(HTTPClientError) as failed:
        await jp_fetch(*path, headers=headers)
    assert failed.value.code == 404
    assert "[secret]" in log.text
    assert TOKEN not in log.text
    assert KEY not in log.text


async def test_address_that_begins_with_two_slashes(jp_fetch, jp_base_url, log):
    """What is cut out stands where the host would be, in an address that Jupyter's log can parse."""
    with pytest.raises(HTTPClientError) as failed:
        await jp_fetch("/", KEY, headers={"Referer": f"//{KEY}"})
    assert failed.value.code == 404
    assert "%5Bsecret%5D" in log.text or "[secret]" in log.text
    assert "Traceback" not in log.text
    assert KEY not in log.text


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/f/{WORD}", "/f/[secret]"),
        (f"/frame/{WORD}.html", "/frame/[secret]"),
        (f"/oembed?url={WORD}", "/oembed?url=[secret]"),
        (f"/render/{WORD}.png", "/render/[signed]"),
        (f"/F/{WORD}", "/[unknown]"),
    ],
)
async def test_what_has_a_secret_is_replaced_whole(stranger, log, path, shown):
    """Also where it does not look like one."""
    assert (await stranger.get(path)).status in (403, 404)
    assert [fields(line)["path"].endswith(f"/figserve{shown}") for line in lines(log)] == [True]
    assert WORD not in log.text


async def test_address_cannot_forge_a_line(owner, log):
    """Values other than plain text are quoted."""
    await owner.get('/api/figures?q="x"')
    assert "\n" not in lines(log)[0]


class TestOff:
    @pytest.fixture
    def figserve_config(self):
        return {"access_log": False}

    async def test_only_jupyters_lines_are_left(self, owner, stranger, log):
        """Those of failures; a success has none at INFO."""
        await owner.publish()
        await stranger.get("/api/figures")
        assert lines(log) == []
        assert [record.levelno for record in log.records if "/api/figures" in record.getMessage()] == [logging.WARNING]
