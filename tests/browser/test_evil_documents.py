"""Hostile documents and hostile sites, in Chromium.

Each document is first opened where nothing holds it back: that it gets through there shows that the test would see it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from tests.conftest import require_package
from tests.security import evil
from tests.security.actors import HTML, Listener, get_frame_url, listening, make_png, publish, share

from .conftest import WIDTH, open_idle, open_login

pytestmark = pytest.mark.browser


class Guarded:
    """A browser with the owner logged in, and checks of everything that a hostile document might reach."""

    def __init__(self, context, server: ServerProcess, other_site: Listener) -> None:
        self.server, self.other_site = server, other_site
        self.page = context.new_page()
        self.pages = [self.page]
        self.intrusions: list[str] = []
        """Dialogs and downloads."""
        context.on("dialog", self._dismiss)
        context.on("page", lambda page: page.on("download", lambda one: self.intrusions.append(one.suggested_filename)))
        open_login(self.page, server)
        self.before = self._state()

    def open(self, *urls: str) -> None:
        """Open addresses of documents, pages or downloads, each in its own tab, and wait until all are idle."""
        self.pages += [self.page.context.new_page() for _ in urls[len(self.pages) :]]
        for page, url in zip(self.pages, urls, strict=False):
            page.goto(url, wait_until="commit")
        for page, _ in zip(self.pages, urls, strict=False):
            page.wait_for_load_state("networkidle")

    def _dismiss(self, dialog) -> None:
        self.intrusions.append(dialog.message)
        dialog.dismiss()

    def check(self, *urls: str) -> None:
        assert self.other_site.hits == []
        assert self.intrusions == []
        assert tuple(page.url for page, _ in zip(self.pages, urls, strict=False)) == urls
        assert len(self.page.context.pages) == len(self.pages)
        assert self._state() == self.before

    def _state(self) -> tuple:
        cookies = sorted((c["name"], c["value"]) for c in self.page.context.cookies() if c["name"] != "_xsrf")
        with sqlite3.connect(self.server.data_dir / "catalog.db") as catalog:
            keys = catalog.execute("SELECT id FROM keys WHERE kernel IS NULL").fetchall()
        catalog.close()
        return cookies, keys


@pytest.fixture
def guarded(new_chromium, live_server: ServerProcess, other_site: Listener) -> Guarded:
    return Guarded(new_chromium, live_server, other_site)


@pytest.fixture
def unlisted_site() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


def get_addresses(server: ServerProcess, record: dict, suffix: str) -> list[str]:
    """Return every address of a document: behind the login and by link, raw and in our pages."""
    link = share(server, record)
    alone = [record["representations"][0]["url"], f"{link['url']}.{suffix}"]
    return [*alone, record["url"], link["url"], f"{link['url']}/embed"]


# It validates the other tests, and Chromium sometimes takes very long for it.
@pytest.mark.soak
def test_control_hostile_documents_work_without_protection(new_chromium, other_site: Listener) -> None:
    """Without our policies the same documents reach the listener: the tests below can fail."""

    def gets_through(url: str) -> bool:
        page = new_chromium.new_page()
        # A document that navigates away immediately interrupts its own loading.
        with contextlib.suppress(playwright_error()):
            page.goto(url, wait_until="commit")
        hit = other_site.wait_for_hit("/")
        page.close()
        return bool(hit)

    seen = {}
    for name, make in evil.SVGS.items():
        if name == "animate href":
            continue
        other_site.requests.clear()
        seen[name] = gets_through(other_site.serve("/control.svg", make(other_site.origin), "image/svg+xml"))
    other_site.requests.clear()
    seen["html"] = gets_through(other_site.serve("/control.html", evil.html(other_site.origin)))
    other_site.requests.clear()
    page = new_chromium.new_page()
    page.goto(other_site.serve("/connecting.html", evil.connecting_html(other_site.origin)))
    seen["connections"] = other_site.wait_for_hit("/prefetch") and other_site.wait_for_packet()
    other_site.requests.clear()
    page = new_chromium.new_page()
    page.goto(other_site.serve("/leaving.html", evil.leaving_html(other_site.origin)), wait_until="commit")
    ways = ("/ping", "/inner", "/away", "/child", "/scheme", "/worker", "/later", "/login", "/attributed", "/blank")
    seen |= {way: other_site.wait_for_hit(way) for way in ways}
    assert all(seen.values()), seen


def test_U1_V2_hostile_svg_reaches_nothing(guarded: Guarded) -> None:
    """Opened at every address, logged in: it sends no request, changes no cookie or key, and does not navigate."""
    server, other_site = guarded.server, guarded.other_site
    for kind, make in evil.SVGS.items():
        data = make(other_site.origin, server.url).encode()
        record = publish(server, data, "image/svg+xml", name=f"svg {kind}")
        addresses = get_addresses(server, record, "svg")
        guarded.open(*addresses)
        guarded.check(*addresses)


def test_V2_hostile_html_runs_in_its_frame_and_reaches_nothing(guarded: Guarded) -> None:
    """It runs in its frame without requests, cookies, APIs, or navigation of page or frame."""
    server, other_site = guarded.server, guarded.other_site
    record = publish(server, evil.html(other_site.origin, server.url).encode(), "text/html", name="html")
    addresses = get_addresses(server, record, "html")
    guarded.open(*addresses)
    for page, url in zip(guarded.pages, addresses, strict=True):
        if not url.startswith(record["url"] + "."):
            # It ran, and was blocked when it tried to navigate.
            assert page.frames[1].url.startswith("chrome-error:")
    guarded.check(*addresses)


def get_pages(server: ServerProcess, document: str, name: str) -> tuple[str, ...]:
    """Publish HTML; return the addresses of all pages that frame it."""
    record = publish(server, document.encode(), "text/html", name=name)
    link = share(server, record)
    rows = [[{"kind": "figure", "figure": record["id"]}]]
    board = server.fetch(
        "figserve/api/dashboards", method="POST", body={"name": name, "title": "B", "rows": rows}
    ).json()
    shared = server.fetch(f"figserve/api/dashboards/{board['id']}/links", method="POST", body={}).json()
    return record["url"], link["url"], f"{link['url']}/embed", board["url"], shared["url"]


def test_kind_C1_html_opens_no_connection(guarded: Guarded) -> None:
    """WebRTC, with a TURN server and with a peer, DNS prefetching and the like send nothing from any of its pages."""
    other_site = guarded.other_site
    addresses = get_pages(guarded.server, evil.connecting_html(other_site.origin), "connecting")
    guarded.open(*addresses)
    for page in guarded.pages:
        frame = page.frame_locator("iframe")
        frame.get_by_text("gathered").or_(frame.get_by_text("refused")).wait_for()
    guarded.check(*addresses)
    assert (other_site.packets, other_site.connections) == (0, 0)


def test_V2_hostile_html_finds_no_way_out_of_its_frame(guarded: Guarded) -> None:
    """Inner frames, workers, pings, downloads, dialogs, styles, forms and the history reach nothing from any page."""
    other_site = guarded.other_site
    addresses = get_pages(guarded.server, evil.leaving_html(other_site.origin), "leaving")
    # A page to go back to.
    guarded.open(*[f"{guarded.server.url}figserve/links"] * len(addresses))
    guarded.open(*addresses)
    for page in guarded.pages:
        page.frame_locator("iframe").get_by_text("tried").wait_for()
    guarded.check(*addresses)
    assert (other_site.packets, other_site.connections) == (0, 0)


def test_frame_url_opened_directly_runs_no_script(guarded: Guarded) -> None:
    """Outside our frame the raw HTML runs nothing, before and after its address expires."""
    server, other_site = guarded.server, guarded.other_site
    record = publish(server, evil.html(other_site.origin, server.url).encode(), "text/html", name="alone")
    url = get_frame_url(share(server, record)["url"])
    guarded.open(url)
    assert guarded.page.locator("#plot").inner_text() == "not drawn"
    guarded.check(url)


def playwright_error() -> type[Exception]:
    """Return the exception of a navigation that becomes a download."""
    return require_package("playwright.sync_api").Error


def test_V2_hostile_pdf_reaches_nothing(guarded: Guarded) -> None:
    """A PDF that opens addresses, submits forms and runs scripts on opening does none of it."""
    server, other_site = guarded.server, guarded.other_site
    record = publish(server, evil.pdf(other_site.origin), "application/pdf", name="pdf")
    link = share(server, record)
    addresses = (record["url"], link["url"], f"{link['url']}/embed")
    guarded.open(*addresses)
    guarded.check(*addresses)
    for url in (record["representations"][0]["url"], f"{link['url']}.pdf"):
        # A headless browser may download files that it has no viewer for; then nothing is displayed.
        with contextlib.suppress(playwright_error()):
            open_idle(guarded.page, url)
        assert other_site.hits == []
        assert guarded._state() == guarded.before
        open_idle(guarded.page, link["url"])


CROSS_SITE = """<!doctype html><title>another site</title>
<img id="img" src="URL"><script src="URL"></script><iframe id="frame" src="PAGE"></iframe><object data="URL"></object>
<form id="form" method="post" action="API"></form>
<script>
window.done = (async () => {
  const tries = {};
  const loaded = image => image.decode().then(() => true, () => false);
  tries.img = await loaded(document.getElementById('img'));
  const read = async options => {
    try { const r = await fetch('URL', options); return r.type === 'opaque' ? 'opaque' : (await r.blob()).size; }
    catch (error) { return 'blocked'; }
  };
  tries.plain = await read({});
  tries.cookie = await read({credentials: 'include'});
  tries.opaque = await read({mode: 'no-cors', credentials: 'include'});
  tries.change = await fetch('API', {method: 'DELETE', credentials: 'include'}).then(() => 'sent', () => 'blocked');
  tries.post = await fetch('API/links', {method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}'})
    .then(r => r.type, () => 'blocked');
  navigator.sendBeacon('API/links', '{}');
  return tries;
})();
</script>"""


def test_V3_other_sites_get_no_private_figure(guarded: Guarded) -> None:
    """With the owner's cookie in the browser, another site's page can neither show, read, frame nor change a figure."""
    server, other_site, page = guarded.server, guarded.other_site, guarded.page
    record = publish(server, make_png(300, 200), name="private")
    api = f"{server.url}figserve/api/figures/{record['id']}"
    body = CROSS_SITE.replace("URL", record["representations"][0]["url"])
    body = body.replace("PAGE", record["url"]).replace("API", api)
    open_idle(page, other_site.serve("/site", body))
    tries = page.evaluate("window.done")
    assert tries["img"] is False
    assert (tries["plain"], tries["cookie"], tries["opaque"]) == ("blocked", "blocked", "blocked")
    assert tries["change"] == "blocked"
    assert page.frames[1].url.startswith("chrome-error:")
    page.evaluate("document.getElementById('form').submit()")
    page.wait_for_load_state("networkidle")
    assert server.fetch(f"figserve/api/figures/{record['id']}").json() == record
    assert server.fetch(f"figserve/api/figures/{record['id']}/links").json()["links"] == []


def test_S4_link_is_not_in_referer(new_chromium, live_server: ServerProcess, other_site: Listener) -> None:
    """Leaving our pages for another site never sends the link's address as a referrer."""
    page = new_chromium.new_page()
    html = share(live_server, publish(live_server, HTML, "text/html", name="left"))
    link = share(live_server, publish(live_server, name="leaving"))
    for url in (link["url"], f"{link['url']}/embed", html["url"], f"{live_server.url}figserve/f/{'A' * 32}"):
        open_idle(page, url)
        page.evaluate(
            "url => { const a = document.createElement('a'); a.href = url; a.click(); }", other_site.origin + "/x"
        )
        page.wait_for_url(other_site.origin + "/x")
    page.goto(link["image_url"])
    page.evaluate("url => { location = url }", other_site.origin + "/y")
    page.wait_for_url(other_site.origin + "/y")
    assert [path for path in other_site.hits if path in ("/x", "/y")] == ["/x"] * 4 + ["/y"]
    for _, _, headers in other_site.requests:
        assert "/f/" not in headers.get("Referer", "")
        assert "frame" not in headers.get("Referer", "")


def test_S7_only_listed_origins_may_frame_a_link(
    new_chromium, make_server, other_site: Listener, unlisted_site: Listener
) -> None:
    """/embed is blank on an unlisted site and shown on a listed one, image or HTML; the page itself is never framed."""
    server = make_server(embed_origins=other_site.origin)
    page = new_chromium.new_page()
    for site, is_shown in ((unlisted_site, False), (other_site, True)):
        image = share(server, publish(server, make_png(300, 200), name="image"))
        html = share(server, publish(server, HTML, "text/html", name="html"))
        frames = [image["url"] + "/embed", html["url"] + "/embed", image["url"], get_frame_url(html["url"])]
        body = "".join(f'<iframe width="400" height="300" src="{url}"></iframe>' for url in frames)
        open_idle(page, site.serve("/wiki", f"<!doctype html>{body}"))
        first, second, third, fourth = page.main_frame.child_frames
        assert third.url.startswith("chrome-error:")
        if not is_shown:
            assert all(frame.url.startswith("chrome-error:") for frame in (first, second, fourth))
            continue
        assert first.evaluate(WIDTH) == 300
        assert second.child_frames[0].locator("#plot").inner_text() == "drawn"
        assert first.evaluate("document.documentElement.scrollHeight <= innerHeight")
