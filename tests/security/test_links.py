"""Hostile uses of links, except those in a browser."""

from __future__ import annotations

import base64
import hashlib
import re
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

import itsdangerous
import pytest

from jupyter_figserve.demo.server_process import Response, ServerProcess, fetch
from jupyter_figserve.errors import NotFound
from jupyter_figserve.server.services.auth.signing import LIFE_SECONDS, FrameUrlSigner
from tests.conftest import MakeServer
from tests.waiting import wait_until

from .actors import HTML, PNG, get_frame_url, make_key, make_png, open_raw, publish, read_all, share


@pytest.fixture(scope="module")
def live_server() -> Iterator[ServerProcess]:
    """A server without a limit on failed guesses."""
    made = MakeServer()
    yield made(failed_secret_rate="")
    made.stop_all()


VARYING = {"Date", "Content-Length"}


def token_of(link: dict) -> str:
    return link["url"].rpartition("/")[2]


def visible(answer: Response) -> tuple:
    """Return everything that a client can see of a response."""
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in VARYING)
    return answer.status, answer.body, headers


@pytest.fixture(scope="module")
def wrong_tokens(live_server: ServerProcess) -> tuple[list[str], str]:
    """Guessed, truncated, in other case, longer, paused, expired, revoked; and the token of the link itself."""
    record = publish(live_server, name="wrong")
    good = token_of(share(live_server, record))
    paused, expired, revoked = (share(live_server, record) for _ in range(3))
    address = "figserve/api/links/{}"
    live_server.fetch(address.format(paused["id"]), method="PATCH", body={"paused": True})
    live_server.fetch(address.format(expired["id"]), method="PATCH", body={"expires": "1s"})
    live_server.fetch(address.format(revoked["id"]), method="DELETE")
    used_up = share(live_server, record, views=1)
    assert fetch(used_up["image_url"], headers={"User-Agent": "the first"}).status == 200
    # The last base64url letters have no padding bits here: each change changes the secret.
    tokens = ["A" * 32, good[:-1], good.swapcase(), good + "A", good[::-1], good[:-1] + "!", "", "."]
    tokens += [token_of(link) for link in (paused, revoked, used_up)]
    wait_until(lambda: live_server.fetch(expired["url"], anonymous=True).status != 200)
    return [*tokens, token_of(expired)], good


@pytest.mark.parametrize("tail", ["", ".png", ".json", "/embed", ".svg", ".html"])
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_S1_S2_every_wrong_link_is_the_same_404(
    live_server: ServerProcess, wrong_tokens: tuple[list[str], str], tail: str, accept: str
) -> None:
    """The same response for each, byte for byte, while the link itself works."""
    tokens, good = wrong_tokens
    answers = {
        token: live_server.fetch(f"figserve/f/{token}{tail}", anonymous=True, headers={"Accept": accept})
        for token in tokens
    }
    assert {answer.status for answer in answers.values()} == {404}
    assert len({str(visible(answer)) for answer in answers.values()}) == 1, answers
    assert live_server.fetch(f"figserve/f/{good}.png", anonymous=True).body == PNG


def test_S1_the_time_of_a_404_reveals_nothing(live_server: ServerProcess) -> None:
    """The response time does not distinguish a revoked or paused link from a guess."""
    record = publish(live_server, name="timing")
    revoked, paused = (share(live_server, record) for _ in range(2))
    live_server.fetch(f"figserve/api/links/{revoked['id']}", method="DELETE")
    live_server.fetch(f"figserve/api/links/{paused['id']}", method="PATCH", body={"paused": True})
    seconds: dict[str, list[float]] = {token_of(revoked): [], token_of(paused): [], "B" * 32: []}
    for _ in range(100):
        for token, taken in seconds.items():
            started = time.perf_counter()
            live_server.fetch(f"figserve/f/{token}.png", anonymous=True)
            taken.append(time.perf_counter() - started)
    # The minimum of many is the time of the work itself; other load on the machine only adds to it.
    quickest = [min(taken) for taken in seconds.values()]
    assert max(quickest) < 1.6 * min(quickest)


def see(url: str, browser: str) -> Response:
    return fetch(url, headers={"User-Agent": browser})


def test_S2_concurrent_viewers_do_not_exceed_the_limit(live_server: ServerProcess) -> None:
    """Of twenty browsers that open a link with a limit of three views at the same moment, three see it."""
    link = share(live_server, publish(live_server, name="views"), views=3)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: see(link["image_url"], f"browser {number}"), range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 3 + [404] * 17
    assert {answer.headers["Cache-Control"] for answer in answers if answer.status == 200} == {"private, no-store"}
    assert live_server.fetch(f"figserve/api/links/{link['id']}").json()["seen"] == 3


def test_one_browser_is_one_view(live_server: ServerProcess) -> None:
    """Page, image and reload by one browser count once; HEAD, partial requests and preview robots do not count."""
    link = share(live_server, publish(live_server, name="one view"), views=1)
    assert fetch(link["url"], method="HEAD").status == 200
    assert fetch(link["image_url"], headers={"Range": "bytes=0-3", "User-Agent": "partly"}).status == 206
    assert see(link["url"], "Slackbot-LinkExpanding 1.0").status == 200
    with ThreadPoolExecutor(20) as pool:
        urls = [link["url"], link["image_url"], f"{link['url']}/embed", f"{link['url']}.json"] * 5
        assert {answer.status for answer in pool.map(lambda url: see(url, "one"), urls)} == {200}
    for url in (link["url"], link["image_url"], f"{link['url']}.json"):
        assert see(url, "another").status == 404
    assert fetch(link["image_url"], method="HEAD", headers={"User-Agent": "another"}).status == 404
    assert fetch(link["image_url"], headers={"User-Agent": "partly", "Range": "bytes=0-3"}).status == 404


def test_S2_views_are_counted_across_servers(make_server) -> None:
    """Two servers on one data directory share the count: six browsers on both get two views in total."""
    first = make_server()
    second = make_server(data_dir=first.data_dir)
    link = share(first, publish(first, name="both"), views=2)
    path = urlsplit(link["image_url"]).path
    urls = [server.url.rstrip("/") + path for server in (first, second)] * 3
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(lambda pair: see(pair[1], f"browser {pair[0]}"), enumerate(urls))
        assert sorted(answer.status for answer in answers) == [200] * 2 + [404] * 4


def test_S3_T5_a_revoke_takes_effect_on_other_servers_at_once(make_server) -> None:
    """The next request to another process is 404, although it has the link in its cache; a resume is 200."""
    first = make_server()
    second = make_server(data_dir=first.data_dir)
    record = publish(first, name="revoked")
    for action in ("pause", "expire", "revoke", "delete"):
        link = share(first, record)
        there = second.url.rstrip("/") + urlsplit(link["image_url"]).path
        frames = second.url.rstrip("/") + urlsplit(link["url"]).path
        assert [fetch(there).status, fetch(frames).status, fetch(there).status] == [200, 200, 200]
        address = f"figserve/api/links/{link['id']}"
        if action == "pause":
            first.fetch(address, method="PATCH", body={"paused": True})
            assert fetch(there).status == 404
            first.fetch(address, method="PATCH", body={"paused": False})
            assert fetch(there).status == 200
            continue
        if action == "expire":
            ends = first.fetch(address, method="PATCH", body={"expires": "2s"}).json()["expires"]
            assert int(re.search(r"max-age=(\d+)", fetch(there).headers["Cache-Control"])[1]) <= 2, ends
            continue
        target = address if action == "revoke" else f"figserve/api/figures/{record['id']}"
        assert first.fetch(target, method="DELETE").status == 204
        assert [fetch(there).status, fetch(frames).status] == [404, 404], action


def test_S3_a_download_in_progress_survives_a_revoke(live_server: ServerProcess) -> None:
    """The download completes; the next request is 404."""
    big = make_png(400, 400, text=base64.b64encode(hashlib.shake_256(b"big").digest(12_000_000)))
    link = share(live_server, publish(live_server, big, name="big"))
    path = urlsplit(link["image_url"]).path
    with open_raw(live_server) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        started = connection.recv(1000)
        assert live_server.fetch(f"figserve/api/links/{link['id']}", method="DELETE").status == 204
        assert live_server.fetch(link["image_url"], anonymous=True).status == 404
        body = (started + read_all(connection)).partition(b"\r\n\r\n")[2]
    assert body == big


def test_S3_caches_keep_a_link_for_at_most_a_minute(live_server: ServerProcess) -> None:
    """Caching is limited to a minute and to the link's lifetime; links with a view limit are not cached."""
    record = publish(live_server, name="kept")

    def age(link: dict, tail: str) -> str:
        return live_server.fetch(link["url"] + tail, anonymous=True).headers["Cache-Control"]

    for tail in ("", ".png", ".json", "/embed"):
        assert age(share(live_server, record), tail) == "public, max-age=60"
        short = re.fullmatch(r"public, max-age=(\d+)", age(share(live_server, record, expires="30s"), tail))
        assert short is not None
        assert 20 <= int(short[1]) <= 30
        assert age(share(live_server, record, views=100), tail) == "private, no-store"


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_S4_no_secret_in_the_log(make_server, level: str) -> None:
    """Tokens, keys and signed URLs appear in no log line, for any response and log level."""
    server = make_server(args=[f"--log-level={level}"])
    record, framed = publish(server, name="logged"), publish(server, HTML, "text/html", name="html")
    link, revoked, html = share(server, record), share(server, record), share(server, framed)
    signed = get_frame_url(html["url"])
    server.fetch(f"figserve/api/links/{revoked['id']}", method="DELETE")
    key = make_key(server, "read", "publish")["key"]
    token, gone = token_of(link), token_of(revoked)
    etag = fetch(link["image_url"]).headers["ETag"]
    leaky = {"Referer": link["url"]}
    asked: list[tuple[str, dict[str, str]]] = [
        (link["url"], {}),
        (link["url"], {"Accept": "text/html"}),
        (link["image_url"], {"If-None-Match": etag}),
        (link["image_url"], {"Range": "bytes=99999-"}),
        (link["image_url"] + "?width=%ff", {}),
        (link["image_url"] + "?width=x&token=abc", {}),
        (link["url"] + ".exe", leaky),
        (link["url"] + "/x", {}),
        (link["url"] + "/embed", {}),
        (signed, {"Sec-Fetch-Dest": "iframe"}),
        (signed.replace(".html", "x.html"), {}),
        (f"{server.url}figserve/F/{token}", leaky),
        (f"{server.url}figserve//f/{token}", {}),
        (f"{server.url}figserve/f%2F{token}", {}),
        (f"{server.url}figserve/static/none.css", leaky),
        (f"{server.url}figserve/api/figures", {"X-API-Key": key}),
        (f"{server.url}figserve/api/keys", {"X-API-Key": key}),
        (f"{server.url}figserve/api/figures", {"Authorization": f"Bearer {key}x"}),
        (f"{server.url}figserve/api/keys/{key}", {}),
        (f"{server.url}figserve/api/figures?key={key}&token={key}&since={key}", {}),
        (f"{server.url}figserve/figures/{record['id']}?token={server.token}&x=1", {"Accept": "text/html"}),
        *((url.replace(token, gone), leaky) for url in (link["url"], link["image_url"])),
        *((f"{server.url}figserve/oembed?{urlencode({'url': u})}", {}) for u in (link["url"], revoked["url"], gone)),
    ]
    statuses = {fetch(url, headers=headers).status for url, headers in asked}
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW"):
        statuses.add(fetch(link["url"], method=method, headers=leaky).status)
    with sqlite3.connect(server.data_dir / "catalog.db") as catalog:
        catalog.execute("ALTER TABLE links RENAME TO gone")
    catalog.close()
    for url, headers in asked:
        statuses.add(fetch(url, headers=headers | leaky).status)
    assert statuses >= {200, 304, 400, 401, 403, 404, 405, 416, 500}
    log = server.log
    assert "Traceback" in log
    secret_part = key.split("_", 2)[2]
    for secret in (token, gone, token_of(html), key, secret_part, urlsplit(signed).path.rpartition("/")[2][:-5]):
        assert secret not in log, re.findall(f".*{re.escape(secret)}.*", log)[:3]
    assert server.token not in log.replace(f"?token={server.token}", "", 2)


def test_S5_a_link_opens_its_figure_and_nothing_else(live_server: ServerProcess) -> None:
    """Its token is not a key, reads no other figure or version, lists and changes nothing, and reveals no names."""
    record, other = publish(live_server, name="shown"), publish(live_server, make_png(shade=9), name="other")
    publish(live_server, make_png(shade=2), name="shown")
    pinned = share(live_server, record, version=1)
    token = token_of(pinned)
    for header in ({"X-API-Key": token}, {"Authorization": f"Bearer {token}"}, {"Authorization": f"token {token}"}):
        for path in ("api/figures", f"api/figures/{record['id']}", "api/links", f"figures/{other['id']}.png"):
            assert live_server.fetch(f"figserve/{path}", anonymous=True, headers=header).status == 401
        for method, path in (("POST", "api/figures?name=x"), ("DELETE", f"api/figures/{record['id']}")):
            answer = live_server.fetch(f"figserve/{path}", method=method, anonymous=True, headers=header, body=b"")
            assert answer.status == 401
    for tail in ("?version=2", "?figure=" + other["id"], "?id=" + other["id"]):
        assert live_server.fetch(pinned["image_url"] + tail, anonymous=True).body == PNG
    # A name before the suffix is for people: whatever it says, the image is this figure's.
    assert live_server.fetch(f"{pinned['url']}/{other['id']}.png", anonymous=True).body == PNG
    for tail in (f"/{other['id']}", "/../../api/figures", "/versions", "/links", ".png/x"):
        assert live_server.fetch(f"figserve/f/{token}{tail}", anonymous=True).status == 404
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert live_server.fetch(pinned["url"], method=method, anonymous=True, body={"paused": True}).status == 405
    for tail in ("", ".json", "/embed"):
        answer = live_server.fetch(pinned["url"] + tail, anonymous=True, headers={"Accept": "text/html"})
        for private in (record["id"], pinned["id"], '"owner"', "session", "notebook", str(live_server.root)):
            assert private not in answer.text, (tail, private)
    assert live_server.fetch(f"figserve/api/links/{pinned['id']}").json()["paused"] is False


def test_S6_links_are_not_indexed(live_server: ServerProcess) -> None:
    """Every response of a link has noindex in its header, and its pages also in their head."""
    link = share(live_server, publish(live_server, name="robots"))
    for tail in ("", ".png", ".json", "/embed"):
        for method in ("GET", "HEAD"):
            answer = live_server.fetch(link["url"] + tail, method=method, anonymous=True)
            assert answer.headers["X-Robots-Tag"] == "noindex"
    for tail in ("", "/embed", "/missing"):
        page = live_server.fetch(link["url"] + tail, anonymous=True, headers={"Accept": "text/html"})
        assert '<meta name="robots" content="noindex">' in page.text


def test_S8_no_query_causes_a_redirect(live_server: ServerProcess) -> None:
    """``next`` and similar parameters are ignored on links; the redirect to the login stays on this server."""
    link = share(live_server, publish(live_server, name="redirect"))
    figure = live_server.fetch("figserve/api/figures?name=redirect").json()["figures"][0]["id"]
    evil = ("//evil.example", "https://evil.example", "/\\evil.example", "https:evil.example", "javascript:alert(1)")
    for target in evil:
        query = urlencode(dict.fromkeys(("next", "url", "redirect", "return_to"), target))
        for path in (link["url"], link["image_url"], f"{live_server.url}figserve/oembed"):
            answer = fetch(f"{path}?{query}", headers={"Accept": "text/html"})
            assert answer.status in (200, 404)
            assert "Location" not in answer.headers
        login = fetch(f"{live_server.url}figserve/figures/{figure}?{query}", headers={"Accept": "text/html"})
        assert login.status == 302
        location = urlsplit(login.headers["Location"])
        assert (location.scheme, location.netloc, location.path) == ("", "", "/login")
        assert location.query.startswith(f"next=%2Ffigserve%2Ffigures%2F{figure}")
    double = fetch(f"{live_server.url}/evil.example/figserve/figures/{figure}", headers={"Accept": "text/html"})
    assert "evil.example" not in urlsplit(double.headers.get("Location", "")).netloc


class OldSigner(itsdangerous.TimestampSigner):
    """Signs with a timestamp some seconds ago."""

    seconds_ago = 0

    def get_timestamp(self) -> int:
        return super().get_timestamp() - self.seconds_ago


def sign(secret: str, payload: object, seconds_ago: int, salt: str = "figserve html frame") -> str:
    signer = type("Signer", (OldSigner,), {"seconds_ago": seconds_ago})
    return str(itsdangerous.URLSafeTimedSerializer(secret, salt=salt, signer=signer).dumps(payload))


def test_S9_a_frame_url_is_valid_for_a_minute(monkeypatch) -> None:
    """It is valid at 60 seconds, but not at 61; after a key rotation, URLs signed with the old key are still valid."""
    signer = FrameUrlSigner(["new", "old"])
    now = time.time()
    signed = {age: sign("old", ["figure", 1, None], age) for age in (0, LIFE_SECONDS, LIFE_SECONDS + 1)}
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now)
    signed = {age: sign("old", ["figure", 1, None], age) for age in signed}
    assert signer.read(signed[0]) == signer.read(signed[LIFE_SECONDS]) == ("figure", 1, None)
    with pytest.raises(NotFound):
        signer.read(signed[LIFE_SECONDS + 1])


def test_S9_forged_and_expired_frame_urls_are_404(live_server: ServerProcess) -> None:
    """Expired, another salt, another key, a flipped bit, another payload: 404, and no HTML."""
    record = publish(live_server, HTML, "text/html", name="framed")
    link = share(live_server, record)
    secret = (live_server.data_dir / "signing.keys").read_text().split()[0]
    payload = [record["id"], 1, link["id"]]
    good = sign(secret, payload, 30)

    def get(signed: str) -> Response:
        return live_server.fetch(f"figserve/frame/{signed}.html", anonymous=True, headers={"Sec-Fetch-Dest": "iframe"})

    assert (get(good).status, get(good).body[: len(HTML)]) == (200, HTML)
    body, stamp, signature = good.split(".")
    other_body = sign(secret, [record["id"], 2, None], 0).split(".")[0]
    flipped = signature[:5] + ("A" if signature[5] != "A" else "B") + signature[6:]
    wrong = [
        sign(secret, payload, 62),
        sign(secret, payload, 0, salt="figserve other"),
        sign("0" * 64, payload, 0),
        f"{body}.{stamp}.{flipped}",
        f"{other_body}.{stamp}.{signature}",
        f"{body}.{signature}",
        body,
        sign(secret, ["x" * 16, 1, None], 0),
        sign(secret, [record["id"], 99, None], 0),
    ]
    for signed in wrong:
        answer = get(signed)
        assert answer.status == 404, signed
        assert b"drawn" not in answer.body
    live_server.fetch(f"figserve/api/links/{link['id']}", method="DELETE")
    assert get(good).status == 404


def test_S10_guessing_is_limited_and_a_valid_link_still_opens(make_server) -> None:
    """Over the limit of wrong links per address, each is 429 with Retry-After; a valid one is still served."""
    server = make_server(failed_secret_rate="20/minute")
    record = publish(server, name="guessed")
    link, key = share(server, record), make_key(server, "read")["key"]
    with ThreadPoolExecutor(8) as pool:
        guesses = list(pool.map(lambda n: fetch(f"{server.url}figserve/f/{n:032d}.png"), range(200)))
    assert sorted({guess.status for guess in guesses}) == [404, 429]
    assert sum(guess.status == 404 for guess in guesses) == 20
    for guess in guesses:
        if guess.status == 429:
            assert 1 <= int(guess.headers["Retry-After"]) <= 61
            assert guess.json()["code"] == "too_many_wrong_secrets"
    oembed = f"{server.url}figserve/oembed?{urlencode({'url': 'https://x/f/' + 'A' * 32})}"
    assert fetch(oembed).status == 429
    assert fetch(f"{server.url}figserve/frame/forged.html").status == 429
    assert fetch(f"{server.url}figserve/api/figures", headers={"X-API-Key": key + "x"}).status == 429
    assert fetch(link["image_url"]).body == PNG
    assert fetch(f"{server.url}figserve/api/figures", headers={"X-API-Key": key}).status == 200
