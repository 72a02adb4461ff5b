"""Hostile input to publishing."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from tests.conftest import ELSEWHERE

from .actors import HTML, PNG, SVG, ask_raw, make_key, make_png, open_raw, post_figure, publish, read_all, share
from .evil import SVGS

MEGABYTE = 2**20


def list_figures(server: ServerProcess) -> list[dict]:
    return server.fetch("figserve/api/figures?limit=1000").json()["figures"]


def count_blobs(server: ServerProcess) -> int:
    return sum(1 for path in (server.data_dir / "blobs").rglob("*") if path.is_file())


@pytest.fixture
def nothing_changes(live_server: ServerProcess):
    """Check that the test leaves the catalog and the blobs unchanged."""
    before = list_figures(live_server), count_blobs(live_server)
    yield
    assert (list_figures(live_server), count_blobs(live_server)) == before


@pytest.mark.parametrize("kind", SVGS)
def test_U1_hostile_svg_is_unchanged_under_its_policy(live_server: ServerProcess, kind: str) -> None:
    """An SVG with active content is stored unchanged (sanitizers fail), and served under a policy that makes it inert.

    ``tests/browser/test_evil_documents.py`` tests that browsers apply the policy.
    """
    data = SVGS[kind]("http://127.0.0.1:9").encode()
    record = publish(live_server, data, "image/svg+xml", name=f"evil {kind}")
    for url, anonymous in (
        (record["representations"][0]["url"], False),
        (share(live_server, record)["image_url"], True),
    ):
        answer = live_server.fetch(url, anonymous=anonymous)
        assert answer.body == data
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';")
        assert "sandbox" in policy.split("; ")
        assert "script-src" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def _laughs(depth: int) -> bytes:
    """Return an SVG of entities that expand to 10 to the power of ``depth`` times their size."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, depth + 1))
    return (
        f'<!DOCTYPE svg [<!ENTITY e0 "ha">{entities}]><svg xmlns="http://www.w3.org/2000/svg">&e{depth};</svg>'.encode()
    )


ENTITIES = {
    "billion laughs": _laughs(9),
    "external entity": b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    "parameter entity": b'<!doctype svg [ <!entity % p SYSTEM "http://127.0.0.1:9/x"> %p; ]><svg></svg>',
    "utf-16": '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE svg [<!ENTITY a SYSTEM "http://127.0.0.1:9/x">]>'
    "<svg>&a;</svg>".encode("utf-16"),
}


@pytest.mark.parametrize("kind", ENTITIES)
@pytest.mark.usefixtures("nothing_changes")
def test_U2_svg_with_entities_is_rejected(live_server: ServerProcess, kind: str) -> None:
    """Viewers would expand entities without end, or fetch them: 400, 413 or 415, compressed or not."""
    for data, content_type in (
        (ENTITIES[kind], "image/svg+xml"),
        (gzip.compress(ENTITIES[kind]), "image/svg+xml-compressed"),
    ):
        answer = post_figure(live_server, data, content_type, name="entities")
        assert answer.status in (400, 413, 415), answer.text
        assert "error" in answer.json()


@pytest.mark.usefixtures("nothing_changes")
def test_U2_oversized_files_are_rejected_and_never_decompressed(live_server: ServerProcess) -> None:
    """50 MB are refused by their length alone; an svgz of 1 GB is not decompressed into memory."""
    large = post_figure(live_server, SVG.ljust(50 * MEGABYTE), "image/svg+xml", name="large")
    assert (large.status, large.json()["code"]) == (413, "too_large")
    bomb = gzip.compress(SVG + b" " * (256 * MEGABYTE), compresslevel=1)
    process = psutil.Process(live_server.pid)
    before = process.memory_info().rss
    answer = post_figure(live_server, bomb, "image/svg+xml-compressed", name="bomb")
    assert answer.status == 413, answer.text
    assert process.memory_info().rss - before < 160 * MEGABYTE


NOT_WHAT_THEY_SAY = {
    "html as png": (HTML, "image/png"),
    "svg as png": (SVG, "image/png"),
    "html as svg": (HTML, "image/svg+xml"),
    "html as svgz": (gzip.compress(HTML), "image/svg+xml-compressed"),
    "png as html": (PNG, "text/html"),
    "svg as html": (SVG, "text/html"),
    "png with html after it": (PNG + HTML, "image/png"),
    "png cut off": (PNG[:-1], "image/png"),
    "html as pdf": (HTML, "application/pdf"),
    "html as jpeg": (HTML, "image/jpeg"),
    "html as webp": (b"RIFF" + HTML, "image/webp"),
    "an unknown type": (HTML, "application/xhtml+xml"),
    "no type": (PNG, ""),
    "two types": (PNG, "image/png, text/html"),
}


@pytest.mark.parametrize("kind", NOT_WHAT_THEY_SAY)
@pytest.mark.usefixtures("nothing_changes")
def test_U3_bytes_that_do_not_match_their_type_are_rejected(live_server: ServerProcess, kind: str) -> None:
    """The declared type must match the bytes: 415, and nothing is stored."""
    data, content_type = NOT_WHAT_THEY_SAY[kind]
    answer = post_figure(live_server, data, content_type, name="polyglot")
    assert answer.status == 415, answer.text


def test_U3_a_png_that_contains_html_is_served_as_a_png(live_server: ServerProcess) -> None:
    """HTML in a PNG's comment is data: the type is fixed, not sniffed, and the policy allows no script."""
    polyglot = make_png(text=b"<script>alert(1)</script>")
    record = publish(live_server, polyglot, name="comment")
    answer = live_server.fetch(share(live_server, record)["image_url"], anonymous=True)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"


WORDS = {
    "markup": "<img src=x onerror=alert(1)>",
    "quotes": "\"'><script>alert(1)</script>",
    "template": "{{ 7 * 7 }}{% raw %}",
    "right to left": "\u202etxt.exe مخطط",
    "line breaks": "one\r\nSet-Cookie: stolen=1\r\n\r\n<html>",
}


@pytest.mark.parametrize("kind", WORDS)
def test_U4_hostile_text_is_escaped_everywhere(live_server: ServerProcess, kind: str) -> None:
    """A title is text in pages, JSON, oEmbed and headers; it opens no tag, starts no header and is not a template."""
    text = WORDS[kind]
    record = publish(live_server, name=f"words {kind}", title=text, alt=text)
    link = share(live_server, record, label=text)
    pages = [
        live_server.fetch(f"figserve/figures/{record['id']}", headers={"Accept": "text/html"}),
        live_server.fetch(link["url"], anonymous=True, headers={"Accept": "text/html"}),
    ]
    for page in pages:
        assert page.status == 200
        assert "<img src=x" not in page.text
        assert "<script>alert" not in page.text
        assert "49" not in page.text.partition("<title>")[2].partition("</title>")[0]
    json_answers = [
        live_server.fetch(f"figserve/api/figures/{record['id']}"),
        live_server.fetch(f"figserve/oembed?{urlencode({'url': link['url']})}", anonymous=True),
    ]
    for answer in (*pages, *json_answers, live_server.fetch(link["image_url"], anonymous=True)):
        assert answer.status == 200
        assert "stolen" not in str(answer.headers)
        assert "alert" not in str(answer.headers)
    assert {answer.json()["title"] for answer in json_answers} == {" ".join(text.split())}


@pytest.mark.parametrize("text", ["x" * 10_000, "nul \x00 here", "escape \x1b[31m", "a \x85 line"])
@pytest.mark.usefixtures("nothing_changes")
def test_U4_long_text_and_control_characters_are_rejected(live_server: ServerProcess, text: str) -> None:
    """10 kB of title, NUL and terminal escapes are 400, in title, alt text and label."""
    assert post_figure(live_server, name="words", title=text).status == 400
    assert post_figure(live_server, name="words", alt=text).status == 400


def test_U4_lone_surrogates_are_rejected(live_server: ServerProcess) -> None:
    """Text that UTF-8 cannot encode arrives in JSON escapes, and is 400 instead of a failure."""
    record = publish(live_server, name="surrogate")
    body = '{"title": "\\ud800"}'
    answer = live_server.fetch(f"figserve/api/figures/{record['id']}", method="PATCH", body=body)
    assert answer.status == 400, answer.text
    assert live_server.fetch(f"figserve/api/figures/{record['id']}").json() == record


NAMES = ["../x", ".", "..", ".hidden", "CON", "con.png", "lpt1", "%2e%2e", "a/b", "a\\b", "a\x00b", "", " a", "-rf"]
NAMES += ["x" * 101]
NAMES += ["a\u200bb", "a\u202eb", "ﬁ/x", "\uff0e\uff0e\uff0fx"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("nothing_changes")
def test_U5_names_outside_the_grammar_are_rejected(live_server: ServerProcess, name: str) -> None:
    """Names cannot contain paths, devices, hidden files, invisible or look-alike characters."""
    answer = post_figure(live_server, name=name)
    assert answer.status == 400, answer.text


@pytest.mark.parametrize("figure_id", ["../x", ".", "%2e%2e", "CON", "..%2f..%2fetc%2fpasswd", "x" * 65, "%00"])
def test_U5_malformed_ids_are_unknown(live_server: ServerProcess, figure_id: str) -> None:
    """No id ever becomes a path: all of these are the same 404, in JSON."""
    for path in (f"api/figures/{figure_id}", f"figures/{figure_id}.png", f"figures/{figure_id}"):
        answer = live_server.fetch(f"figserve/{path}")
        assert (answer.status, answer.mimetype) == (404, "application/json"), path


def test_U6_concurrent_publishes_leave_one_figure_and_whole_images(live_server: ServerProcess) -> None:
    """Twenty concurrent publishes of one name make one figure with twenty complete versions, the last one newest."""
    images = [make_png(64, 64, shade) for shade in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda data: post_figure(live_server, data, name="race"), images))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    figure = answers[0].json()["id"]
    versions = live_server.fetch(f"figserve/api/figures/{figure}/versions").json()["versions"]
    assert sorted(version["version"] for version in versions) == list(range(1, 21))
    served = {live_server.fetch(version["representations"][0]["url"]).body for version in versions}
    assert served == set(images)
    newest = max(answers, key=lambda answer: answer.json()["version"]).json()["representations"][0]["digest"]
    assert hashlib.sha256(live_server.fetch(f"figserve/figures/{figure}.png").body).hexdigest() == newest


def test_U7_over_quota_is_507_and_the_old_version_is_still_served(make_server) -> None:
    """A figure over the quota is refused with a helpful message; the existing version and its link remain."""
    server = make_server(owner_quota={"figures": 2, "bytes": 4_000})
    old = make_png(32, 32, 1)
    record = publish(server, old, name="kept")
    link = share(server, record)
    refused = post_figure(server, make_png(8, 8, text=os.urandom(4_000).hex().encode()), name="kept")
    assert refused.status == 507
    assert "FigServe.owner_quota" in refused.json()["error"]
    publish(server, name="second")
    too_many = post_figure(server, name="third")
    assert (too_many.status, too_many.json()["code"]) == (507, "quota_exceeded")
    assert server.fetch(link["image_url"], anonymous=True).body == old
    assert {figure["name"]: figure["version"] for figure in list_figures(server)} == {"kept": 1, "second": 1}


DISK_FULL = """
import json, pathlib, subprocess, sys
sys.path.insert(0, {repository!r})
home, data = pathlib.Path({home!r}), pathlib.Path({home!r}) / "figures"
data.mkdir()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(data)], check=True)
from jupyter_figserve.demo.server_process import ServerProcess
from tests.security.actors import make_png, post_figure, publish, share
server = ServerProcess(home)
server.start()
try:
    old = make_png(32, 32, 7)
    link = share(server, publish(server, old, name="kept"))
    noise = pathlib.Path("/dev/urandom").open("rb").read(1_500_000).hex().encode()
    refused = post_figure(server, make_png(text=noise), name="kept")
    later = post_figure(server, make_png(shade=9), name="small")
    print(json.dumps({{
        "refused": [refused.status, refused.json()],
        "later": later.status,
        "old": server.fetch(link["image_url"], anonymous=True).body == old,
        "version": server.fetch("figserve/api/figures?name=kept").json()["figures"][0]["version"],
        "leftovers": [str(p) for p in data.rglob("*") if p.is_file() and p.stat().st_size > 500_000],
    }}))
finally:
    server.stop()
"""


def test_U7_a_full_disk_is_507_and_the_old_version_is_still_served(tmp_path: Path) -> None:
    """On a disk of 1 MB: 507, no partial file, the link still shows the old version, and a small figure still fits."""
    probe = subprocess.run(["unshare", "-m", "true"], capture_output=True) if shutil.which("unshare") else None
    if os.geteuid() != 0 or probe is None or probe.returncode != 0:
        pytest.skip(ELSEWHERE + "a private mount namespace needs root on Linux")
    script = DISK_FULL.format(repository=str(Path(__file__).parents[2]), home=str(tmp_path))
    done = subprocess.run(["unshare", "-m", sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["refused"][0] == 507, result
    assert "disk is full" in result["refused"][1]["error"]
    assert result["old"], result
    assert (result["version"], result["later"], result["leftovers"]) == (1, 201, [])


@pytest.fixture(scope="module")
def impatient_server():
    """A server that waits one second for a body and accepts at most 200 kB."""
    from tests.conftest import MakeServer

    made = MakeServer()
    yield made(body_timeout=1.0, figure_bytes=200_000)
    made.stop_all()


def head(server: ServerProcess, *lines: str) -> bytes:
    first = ("POST /figserve/api/figures?name=raw HTTP/1.1", "Host: 127.0.0.1", f"Authorization: token {server.token}")
    return "\r\n".join((*first, "Content-Type: image/png", *lines, "", "")).encode()


def test_U8_a_missing_body_is_408(impatient_server: ServerProcess) -> None:
    """A client that announces a body and sends nothing gets a response after the timeout, and is disconnected."""
    with open_raw(impatient_server) as connection:
        connection.sendall(head(impatient_server, f"Content-Length: {len(PNG)}") + PNG[:10])
        started = time.monotonic()
        answer = read_all(connection)
        assert time.monotonic() - started < 10
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert b'"code": "body_timeout"' in answer
    assert list_figures(impatient_server) == []


def test_U8_a_slow_body_is_408(impatient_server: ServerProcess) -> None:
    """Single bytes do not extend the time: the limit applies to the whole body."""
    with open_raw(impatient_server) as connection:
        connection.sendall(head(impatient_server, f"Content-Length: {len(PNG)}"))
        connection.settimeout(0.2)
        answer, sent = b"", 0
        while sent < len(PNG) - 1 and not answer:
            try:
                connection.sendall(PNG[sent : sent + 1])
                answer = connection.recv(65536)
            except TimeoutError:
                sent += 1
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert list_figures(impatient_server) == []


def test_U8_endless_chunks_are_413(impatient_server: ServerProcess) -> None:
    """A chunked body is cut off as soon as it exceeds the limit, with a response in JSON."""
    chunk = b"%x\r\n%s\r\n" % (65536, bytes(65536))
    with open_raw(impatient_server) as connection:
        connection.sendall(head(impatient_server, "Transfer-Encoding: chunked"))
        answer, sent = b"", 0
        try:
            for _ in range(2_000):
                connection.sendall(chunk)
                sent += 65536
        except OSError:
            pass
        answer = read_all(connection)
    assert sent < 20 * MEGABYTE
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
    assert b'"code": "too_large"' in answer
    assert list_figures(impatient_server) == []


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("Content-Length: 200001", "Expect: 100-continue"), 413),
        (("Content-Length: 99999999999999999999",), 413),
        (("Content-Length: -5",), 400),
        (("Content-Length: 1e3",), 400),
        (("Content-Length: ٣",), 400),
    ],
)
def test_U8_an_invalid_length_is_rejected_at_once(
    impatient_server: ServerProcess, lines: tuple[str, ...], status: int
) -> None:
    """The response comes before the body: 413 for a length over the limit, 400 for an invalid number."""
    answer = ask_raw(impatient_server, head(impatient_server, *lines, "Connection: close"), timeout=5)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert list_figures(impatient_server) == []


def test_U8_a_wrong_length_leaves_nothing_behind(impatient_server: ServerProcess) -> None:
    """Shorter than stated: the client hangs up, nothing is stored. Longer than stated: a truncated PNG is refused."""
    with open_raw(impatient_server) as connection:
        connection.sendall(head(impatient_server, f"Content-Length: {len(PNG)}") + PNG[:10])
    short = ask_raw(
        impatient_server, head(impatient_server, f"Content-Length: {len(PNG) - 4}", "Connection: close") + PNG
    )
    assert short.startswith(b"HTTP/1.1 415 "), short
    both = ask_raw(
        impatient_server, head(impatient_server, "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n"
    )
    assert both.startswith(b"HTTP/1.1 400 "), both
    assert list_figures(impatient_server) == []
    assert post_figure(impatient_server, name="alive").status == 201
    impatient_server.fetch(f"figserve/api/figures/{list_figures(impatient_server)[0]['id']}", method="DELETE")


PARTS = {
    "well-formed": b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n',
    "lower case": b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n',
    "without headers": b"--b\r\n\r\nx\r\n",
    "empty": b"--b\r\n",
}


@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.usefixtures("nothing_changes")
def test_U9_a_form_of_a_million_parts_is_rejected_fast(live_server: ServerProcess, kind: str) -> None:
    """The parts are counted before any of them is parsed: 400 in a fraction of the parsing time."""
    count = min(1_000_000, 30 * MEGABYTE // len(PARTS[kind]))
    body = PARTS[kind] * count + b"--b--\r\n"
    started = time.monotonic()
    answer = post_figure(live_server, body, "multipart/form-data; boundary=b", name="form")
    assert answer.status == 400, answer.text
    assert time.monotonic() - started < 5


def test_U10_other_owners_figures_are_unknown(make_server) -> None:
    """The figures of another owner are 404: to change, delete, link, attach a source or read."""
    alice = make_server(owner="alice")
    bob = make_server(data_dir=alice.data_dir, owner="bob")
    record = publish(alice, name="hers")
    link = share(alice, record)
    address, other = f"figserve/api/figures/{record['id']}", f"figserve/api/figures/{'x' * 16}"
    key = {"X-API-Key": make_key(bob, "read", "publish")["key"]}
    for method, tail, body in (
        ("GET", "", None),
        ("PATCH", "", {"title": "his"}),
        ("DELETE", "", None),
        ("GET", "/versions", None),
        ("PUT", "/versions/1/source?kind=figure", b"x"),
        ("GET", "/links", None),
        ("POST", "/links", {}),
    ):
        hers = bob.fetch(address + tail, method=method, body=body, headers=key, anonymous=True)
        none = bob.fetch(other + tail, method=method, body=body, headers=key, anonymous=True)
        assert (hers.status, hers.body) == (404, none.body), (method, tail)
    for method, body in (("GET", None), ("PATCH", {"paused": True}), ("DELETE", None)):
        answer = bob.fetch(f"figserve/api/links/{link['id']}", method=method, body=body, headers=key, anonymous=True)
        assert answer.status == 404
    his = publish(bob, make_png(shade=3), name="hers")
    assert his["id"] != record["id"]
    assert bob.fetch("figserve/api/links").json()["links"] == []
    assert [figure["owner"] for figure in list_figures(bob)] == ["bob"]
    assert alice.fetch(address).json() == record
    assert alice.fetch(link["image_url"], anonymous=True).body == PNG
