"""The exported ZIP archive, unpacked and opened from disk."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from tests.security.actors import HTML, SVG, Listener, listening, publish

pytestmark = pytest.mark.browser
SCRIPT = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>document.title="ran"</script></svg>'


TALL = b'<svg xmlns="http://www.w3.org/2000/svg" width="100" height="1600"/>'


def test_exported_page_opens_from_disk(live_server, figure_png, page, tmp_path):
    """Images show with their alt text, a tall one smaller; no script runs and no request is sent."""
    publish(live_server, figure_png, name="sightings", title="Sightings <b>", alt="Bears in July")
    publish(live_server, SVG, "image/svg+xml", name="a. b_ 41.svg", title="Odd name")
    publish(live_server, SCRIPT, "image/svg+xml", name="hostile", title='"><script>alert(1)</script>')
    publish(live_server, TALL, "image/svg+xml", name="tall", alt="Tall")
    publish(live_server, HTML, "text/html", name="document", title="Document")
    with zipfile.ZipFile(io.BytesIO(live_server.fetch("figserve/export.zip").body)) as file:
        file.extractall(tmp_path)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "index.html").as_uri())
    images = page.locator("img")
    for index in range(images.count()):
        images.nth(index).scroll_into_view_if_needed()
    page.wait_for_function("() => [...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert images.count() == 4
    box = page.get_by_alt_text("Tall").bounding_box()
    assert (round(box["width"]), round(box["height"])) == (24, 384)
    assert page.get_by_alt_text("Bears in July").is_visible()
    assert page.get_by_role("heading", name="Sightings <b>").is_visible()
    assert page.title() == "Figures"
    assert page.locator("script, iframe, object, embed").count() == 0
    assert all(url.startswith("file:") for url in asked)
    addresses = page.locator("a").evaluate_all("links => links.map(link => decodeURIComponent(link.pathname))")
    assert addresses
    assert [address for address in addresses if not (tmp_path / address.removeprefix(f"{tmp_path}/")).exists()] == []
    assert all(address.startswith(str(tmp_path)) for address in addresses)


ACTS = """<p id=done></p><script>
new Image().src = "ELSEWHERE/hit";
fetch("ELSEWHERE/hit", {mode: "no-cors"}).catch(() => 0);
const windows = [self];
for (const name of ["iframe", "object", "embed"]) {
  const element = document.createElement(name);
  document.body.append(element);
  if (element.contentWindow) windows.push(element.contentWindow);
}
const found = windows.map(one => { try { return typeof one.RTCPeerConnection; } catch (error) { return error.name; } });
done.textContent = found.join(" ");
</script>"""
BEFORE = {
    "plain": "",
    "comment": "<!-- a --!>",
    "no-break-space": "\xa0<!doctype html>",
    "vertical-tab": "\x0b<!doctype html>",
    "separator": "\x1c<!doctype html>",
    "encoding": '<!--\x1b$B--> <meta charset="iso-2022-jp">\x1b(B-->',
}
"""Beginnings that came before a policy in the document itself."""


def test_kind_C13_exported_documents_reach_nothing(live_server, chromium, tmp_path):
    """Opened from disk, the scripts of a hostile document run, load nothing, and find WebRTC in no window."""
    page = chromium.new_page()
    with listening() as elsewhere:
        for name, before in BEFORE.items():
            document = before + ACTS.replace("ELSEWHERE", elsewhere.origin) + "--><html>"
            publish(live_server, document.encode(), "text/html", name=name, collection="hostile")
        exported = live_server.fetch("figserve/export.zip?collection=hostile").body
        with zipfile.ZipFile(io.BytesIO(exported)) as file:
            file.extractall(tmp_path)
        results = {name: _open(page, tmp_path / "pictures" / "hostile" / f"{name}.html") for name in BEFORE}
        assert _is_silent(page, elsewhere)
    assert results["plain"].split() == ["undefined", "SecurityError"]
    assert not any("function" in result for result in results.values())


def _open(page, file: Path) -> str:
    """Return what the document's script has found, "" where it did not run."""
    page.goto(file.as_uri())
    frames = [frame.locator("#done") for frame in page.frames]
    return next((one.inner_text() for one in frames if one.count()), "")


def _is_silent(page, elsewhere: Listener) -> bool:
    """Whether nothing has come there before the request of a page that may send one."""
    page.goto(elsewhere.serve("/own", "<p>own"))
    return elsewhere.hits == []
