"""Event streams of pages: opened again after each end, and held by no hidden page."""

from __future__ import annotations

import pytest

from jupyter_figserve.server.web.http.templates import PACKAGE

pytestmark = pytest.mark.browser
FAKES = """
() => {
  globalThis.streams = [];
  globalThis.EventSource = class extends EventTarget {
    static CLOSED = 2;
    constructor(url) { super(); this.url = String(url); this.readyState = 0; streams.push(this); }
    close() { this.readyState = 2; }
    tell(kind, data) { this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data ?? {}) })); }
    open() { this.readyState = 1; this.tell("open"); }
    end() { this.readyState = 2; this.tell("error"); }
  };
  globalThis.timers = [];
  globalThis.setTimeout = (run, pause) => { timers.push([run, pause]); };
  globalThis.pass = () => { for (const [run] of timers.splice(0)) run(); };
  globalThis.hide = (isHidden) => {
    Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  };
  globalThis.seen = [];
}
"""
FOLLOW = """
async () => {
  const { follow } = await import("/figserve/static/stream.js");
  let number = 0;
  const handlers = { panel: ({ place }) => seen.push(place), gone: () => seen.push("gone") };
  follow(() => `events?n=${number += 1}`, handlers, (isOpen) => seen.push(isOpen));
}
"""
LISTEN = """
async () => {
  const { listen } = await import("/figserve/static/events.js");
  listen((kind, data) => seen.push([kind, data?.figure ?? null]));
}
"""


@pytest.fixture
def page(chromium):
    """A page with the scripts that pages share, whose streams and timers the test controls."""
    page = chromium.new_page()

    def answer(route) -> None:
        name = route.request.url.rpartition("/")[2]
        if name.endswith(".js"):
            script = (PACKAGE / "static" / "shared" / name).read_text(encoding="utf-8")
            route.fulfill(content_type="text/javascript", body=script)
        else:
            route.fulfill(content_type="text/html", body="<!doctype html>")

    page.route("http://figures.test/**", answer)
    page.goto("http://figures.test/f/page")
    page.evaluate(FAKES)
    return page


def test_a_stream_that_ended_is_opened_again(page):
    """After five seconds, at an address of that moment; a connection that the browser itself renews is left to it."""
    page.evaluate(FOLLOW)
    page.evaluate("() => { streams[0].open(); streams[0].tell('panel', { place: 'a' }); streams[0].tell('error'); }")
    assert page.evaluate("[seen, timers.length]") == [[True, "a", False], 0]
    page.evaluate("() => streams[0].end()")
    assert page.evaluate("[streams.length, timers.map(([_, pause]) => pause)]") == [1, [5_000]]
    page.evaluate("() => { pass(); streams[1].open(); }")
    assert page.evaluate("streams.map((one) => one.url)") == [f"http://figures.test/f/events?n={n}" for n in (1, 2)]
    assert page.evaluate("seen") == [True, "a", False, False, True]


def test_a_hidden_page_holds_no_stream(page):
    """Nor opens one when a pause ends meanwhile; it does once it is shown."""
    page.evaluate(FOLLOW)
    page.evaluate("() => { streams[0].end(); hide(true); pass(); }")
    assert page.evaluate("streams.length") == 1
    page.evaluate("() => { hide(false); streams[1].open(); hide(true); }")
    assert page.evaluate("streams.map((one) => one.readyState)") == [2, 2]
    page.evaluate("() => hide(false)")
    assert page.evaluate("streams.length") == 3


def test_nothing_follows_what_is_gone(page):
    """Whatever happens to the page after."""
    page.evaluate(FOLLOW)
    page.evaluate("() => { streams[0].open(); streams[0].tell('gone'); hide(true); hide(false); pass(); }")
    assert page.evaluate("[seen, streams.length, streams[0].readyState]") == [[True, "gone"], 1, 2]


def test_events_may_have_been_missed_at_each_later_opening(page):
    """Of which the listener hears; at the first there were none before."""
    page.evaluate(LISTEN)
    page.evaluate(
        "() => { streams[0].open(); streams[0].tell('figure.published', { figure: 'x' }); streams[0].end(); }"
    )
    page.evaluate("() => { pass(); streams[1].open(); }")
    assert page.evaluate("[seen, streams[1].url]") == [
        [["figure.published", "x"], ["reconnected", None]],
        "http://figures.test/figserve/api/events",
    ]
