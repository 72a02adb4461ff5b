"""Caches, data versions, stale images, links, and access to live figures."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import threading
import time
from urllib.parse import urlsplit

import pytest

from ..conftest import output_of

pytestmark = pytest.mark.kernel

DECLARE = """
import threading
import jupyter_figserve as figserve
from matplotlib.figure import Figure
from typing import Annotated, Literal
calls, go, data = [], threading.Event(), {"version": 1}

def figure(width=2):
    return Figure(figsize=(width, 1))

@figserve.live
def plain(n: Annotated[int, figserve.Range(1, 9)] = 1, type: Literal["Bear", "Deer"] = "Deer", wait: bool = False):
    calls.append(("plain", n, type))
    if wait:
        go.wait(60)
    return figure(n)

@figserve.live(cache="1h")
def cached(n: int = 1):
    calls.append(("cached", n))
    return figure(n)

@figserve.live(data_version="2024-03")
def dated(n: int = 1):
    calls.append(("dated", n))
    return figure(n)

@figserve.live(data_version=lambda: data["version"])
def versioned(n: int = 1):
    calls.append(("versioned", n))
    return figure(n)

@figserve.live
def secretive():
    print("printed text")
    raise FileNotFoundError("/home/ann/sightings.csv is not there; key: fsk_abcdefgh_" + "k" * 43)

plain.url()
"""


@pytest.fixture(scope="module")
def kernel(live_server):
    with live_server.kernel("lasting.ipynb") as session:
        execution = session.run(DECLARE)
        assert execution.error is None, execution.error
        yield session


@pytest.fixture
def get(live_server, kernel):
    kernel.run("calls.clear(); go.clear(); data['version'] = 1")

    def ask(rest: str, **options):
        return live_server.fetch(f"figserve/live/{kernel.kernel_id}/{rest}", **options)

    return ask


def count(kernel) -> int:
    return int(kernel.run("print(len(calls))").stdout)


def test_without_a_cache_each_request_calls(kernel, get):
    """The ETag is the digest: the same image is not sent again."""
    first = get("plain.png")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = get("plain.png", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, again.status, again.body) == (200, 304, b"")
    assert count(kernel) == 2


def test_cached_image_is_reused(kernel, get):
    """Results are cached per parameters for the declared time; the owner's ``no-cache`` bypasses the cache."""
    answers = [get(f"cached.png?n={n}") for n in (1, 1, 2)]
    assert [response.headers["Cache-Status"] for response in answers] == [
        "figserve; fwd=miss", "figserve; hit", "figserve; fwd=miss",
    ]  # fmt: skip
    assert "Age" in answers[1].headers
    assert count(kernel) == 2
    assert get("cached.png", headers={"Cache-Control": "no-cache"}).headers["Cache-Status"] == "figserve; fwd=miss"
    assert count(kernel) == 3


def test_known_data_version_is_served_without_a_call(kernel, get):
    """The cached image, or 304, is served while another call occupies the worker."""
    first = get("dated.png")
    thread = threading.Thread(target=lambda: get("plain.png?wait=true"))
    thread.start()
    while count(kernel) < 2:
        pass
    assert get("dated.png", headers={"If-None-Match": first.headers["ETag"]}).status == 304
    other = get("dated.png")
    assert (other.status, other.body, other.headers["ETag"]) == (200, first.body, first.headers["ETag"])
    output_of(kernel, "go.set()")
    thread.join()
    assert output_of(kernel, "print([c for c in calls if c[0] == 'dated'])") == "[('dated', 1)]"


def test_data_version_function(kernel, get):
    """The function runs again only when its data changed, and the ETag changes with it."""
    etags = [get("versioned.png").headers["ETag"] for _ in range(3)]
    assert len(set(etags)) == 1
    assert count(kernel) == 1
    output_of(kernel, "data['version'] = 2")
    assert get("versioned.png").headers["ETag"] != etags[0]
    assert count(kernel) == 2


def test_redefinition_drops_cached_images(kernel, get):
    """Running a cell again invalidates the cache."""
    get("cached.png?n=5")
    output_of(kernel, DECLARE)
    assert get("cached.png?n=5").headers["Cache-Status"] == "figserve; fwd=miss"


def test_another_site_cannot_drive_the_kernel(live_server, kernel, get):
    """Cross-site requests of a logged-in browser run nothing: images, frames and navigation."""
    cookie = log_in(live_server)
    for site, mode, destination in (
        ("cross-site", "no-cors", "image"),
        ("same-site", "no-cors", "image"),
        ("cross-site", "navigate", "document"),
        ("cross-site", "navigate", "iframe"),
    ):
        fetched = {"Cookie": cookie, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
        response = get("plain.png", anonymous=True, headers=fetched)
        assert (response.status, response.json()["code"]) == (403, "cross_site")
    page = {
        "Cookie": cookie,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    response = get("plain?n=3", anonymous=True, headers={**page, "Accept": "text/html"})
    assert response.status == 200
    assert "<img class" not in response.text
    assert "Press Draw" in response.text
    assert count(kernel) == 0
    own = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
    assert get("plain.png", anonymous=True, headers=own).status == 200
    assert get("plain.png", anonymous=True).status == 401
    assert count(kernel) == 1


def log_in(server) -> str:
    response = server.fetch("api/kernels")
    return "; ".join(cookie.partition(";")[0] for cookie in response.headers.get_all("Set-Cookie"))


def test_request_of_a_disconnected_viewer_is_dropped(live_server, kernel, get):
    """A queued request whose client disconnected is not sent to the kernel."""
    thread = threading.Thread(target=lambda: get("plain.png?wait=true"))
    thread.start()
    while count(kernel) < 1:
        pass
    parts = urlsplit(live_server.url)
    with contextlib.closing(http.client.HTTPConnection(parts.hostname, parts.port)) as gone:
        path = f"{parts.path}figserve/live/{kernel.kernel_id}/plain.png?n=9"
        gone.request("GET", path, headers={"Authorization": f"token {live_server.token}"})
        # Once this later request is refused, the earlier one is in the queue.
        assert get("plain.png?n=10").status == 400
    assert live_server.fetch("figserve/api/live").json()["live"][0]["busy"]
    output_of(kernel, "go.set()")
    thread.join()
    assert get("plain.png?n=8").status == 200
    assert output_of(kernel, "print([c[1] for c in calls])") == "[1, 8]"


def test_viewer_changes_what_the_link_allows(live_server, kernel, get):
    """Parameters are allowed within bounds, locked or undeclared; errors are redacted; revoked links are 404."""
    url, link_id = output_of(
        kernel, "link = plain.share(lock={'type': 'Bear'}, allow=['n'], label='for Ada'); print(link.url, link.id)"
    ).split()

    def ask(suffix: str, **options):
        return live_server.fetch(url + suffix, anonymous=True, **options)

    image = ask(".png?n=3")
    assert (image.status, image.mimetype) == (200, "image/png")
    assert image.headers["Cache-Control"] == "public, no-cache"
    assert "Set-Cookie" not in image.headers
    assert output_of(kernel, "print(calls)") == "[('plain', 3, 'Bear')]"
    refused = [
        ask(f".png?{query}") for query in ("type=Deer", "n=10", "wait=true", "width=333", "height=200", "dpi=300")
    ]
    assert [response.status for response in refused] == [400] * 6
    assert ask(".png?width=640").status == 200
    assert count(kernel) == 2
    page = ask("", headers={"Accept": "text/html"})
    assert page.status == 200
    assert 'name="n"' in page.text
    assert "lasting.ipynb" not in page.text
    assert 'name="type"' not in page.text
    (row,) = live_server.fetch(f"figserve/api/links/{link_id}").json()["allow"]
    assert row == "n"
    output_of(kernel, "link.pause()")
    assert ask(".png").status == 404
    output_of(kernel, "link.resume()")
    assert ask(".png").status == 200
    output_of(kernel, "link.revoke()")
    gone, unknown = ask(".png"), live_server.fetch(url[:-4] + "AAAA.png", anonymous=True)
    assert (gone.status, gone.body) == (404, unknown.body)


def test_viewers_see_redacted_errors(live_server, kernel, get):
    """The response has the exception's type and redacted message, without traceback and output."""
    url = output_of(kernel, "print(secretive.share().url)")
    response = live_server.fetch(f"{url}.png", anonymous=True)
    assert response.status == 422
    assert response.json() == {
        "error": "The function of this live figure failed: FileNotFoundError: …/sightings.csv is not there; key: …",
        "code": "code_failed",
    }
    page = live_server.fetch(f"{url}.png", anonymous=True, headers={"Accept": "text/html"})
    for secret in ("/home/ann", "fsk_abcdefgh", "printed text", "Traceback", "lasting.ipynb"):
        assert secret not in response.text + page.text
    error = get("secretive.png").json()
    assert "/home/ann/sightings.csv" in error["error"]
    assert ("printed text" in error["output"], "in secretive" in error["traceback"]) == (True, True)


def test_invalid_links_are_rejected(kernel, get):
    """Unknown names, values out of bounds, and parameters both locked and allowed are rejected."""
    for arguments, message in (
        ("allow=['nothing']", "Unknown parameter 'nothing' in allow"),
        ("lock={'n': 99}", "from 1 to 9"),
        ("lock={'n': 2}, allow=['n']", "cannot be both"),
        ("allow='n'", "a list of names"),
    ):
        assert message in kernel.run(f"plain.share({arguments})").error


@pytest.mark.compat
def test_restart_in_the_middle_of_a_call(live_server):
    """Waiting requests are answered at once, then with the stale image, then by the new kernel."""
    with live_server.kernel("restart.ipynb") as kernel:
        output_of(kernel, DECLARE)
        path = f"figserve/live/{kernel.kernel_id}/plain.png"
        good = live_server.fetch(f"{path}?n=4")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(live_server.fetch(f"{path}?wait=true")))
        thread.start()
        while count(kernel) < 2:
            pass
        assert live_server.fetch(f"api/kernels/{kernel.kernel_id}/restart", method="POST", body={}).status == 200
        thread.join(10)
        assert [response.status for response in answers] == [503]
        assert answers[0].json()["code"] == "kernel_gone"
        assert "Retry-After" in answers[0].headers
        stale = live_server.fetch(f"{path}?n=4")
        assert (stale.status, stale.body) == (200, good.body)
        assert stale.headers["Cache-Status"] == "figserve; hit; detail=stale"
        assert live_server.fetch(f"{path}?n=5").status == 503
        kernel.disconnect()
        kernel.connect()
        output_of(kernel, DECLARE)
        assert live_server.fetch(f"{path}?n=5").headers["Cache-Status"] == "figserve; fwd=miss"


@pytest.mark.compat
def test_dead_kernel_is_detected(live_server):
    """After SIGKILL during a call, the response is an immediate 503."""
    with live_server.kernel("killed.ipynb") as kernel:
        pid = int(output_of(kernel, DECLARE + "import os; print(os.getpid())").splitlines()[-1])
        path = f"figserve/live/{kernel.kernel_id}/plain.png?wait=true"
        answers = []
        thread = threading.Thread(target=lambda: answers.append(live_server.fetch(path)))
        thread.start()
        while count(kernel) < 1:
            pass
        os.kill(pid, signal.SIGKILL)
        thread.join(15)
        assert [response.status for response in answers] == [503]


@pytest.mark.compat
def test_slow_call_does_not_delay_kernel_shutdown(live_server):
    """A sleeping live call does not delay the kernel's shutdown."""
    with live_server.kernel("ending.ipynb") as kernel:
        output_of(kernel, DECLARE)
        path = f"figserve/live/{kernel.kernel_id}/plain.png?wait=true"
        thread = threading.Thread(target=lambda: live_server.fetch(path))
        thread.start()
        while count(kernel) < 1:
            pass
        began = time.monotonic()
    thread.join()
    # Jupyter kills a kernel that has not ended after five seconds.
    assert time.monotonic() - began < 5


@pytest.mark.nightly
def test_last_image_outlives_kernel_and_server(make_server):
    """The permanent URL serves frozen and stale images after kernel and server have changed."""
    server = make_server()
    with server.kernel("old.ipynb") as kernel:
        output_of(kernel, DECLARE)
        lasting, link = output_of(
            kernel, "print(plain.lasting_url(), plain.share(allow=['n']).url, plain.freeze(n=[2, 3]))"
        ).split()[:2]
        path = urlsplit(lasting).path
        seen = server.fetch(f"{server.url.rstrip('/')}{path}.png?n=7")
        assert seen.status == 200
    server.restart()
    base = server.url.rstrip("/")
    for n, status in ((2, 200), (3, 200), (7, 200), (8, 503)):
        response = server.fetch(f"{base}{path}.png?n={n}")
        assert response.status == status, (n, response.text)
    response = server.fetch(f"{base}{path}.png?n=7")
    assert (response.body, response.headers["Cache-Status"]) == (seen.body, "figserve; hit; detail=stale")
    assert server.fetch(f"{base}{urlsplit(link).path}.png?n=2", anonymous=True).status == 200
    with server.kernel("old.ipynb") as kernel:
        assert urlsplit(output_of(kernel, DECLARE + "print(plain.lasting_url())")).path == path
        assert server.fetch(f"{base}{path}.png?n=8").status == 200


def test_link_is_rate_limited_and_can_be_disabled(make_server):
    """Above the rate, the response is 429 or the stale image; with the switch off, links do not work."""
    server = make_server(live_link_rate="2/minute")
    with server.kernel("rate.ipynb") as kernel:
        url = output_of(kernel, DECLARE + "print(plain.share(allow=['n']).url)")
        answers = [server.fetch(f"{url}.png?n={n}", anonymous=True) for n in (1, 2, 3, 1)]
        assert [response.status for response in answers] == [200, 200, 429, 200]
        assert int(answers[2].headers["Retry-After"]) > 0
        assert answers[3].headers["Cache-Status"].endswith("stale")
        assert count(kernel) == 2
