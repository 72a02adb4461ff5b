"""The exported ZIP archive, unpacked and opened from disk."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.security.actors import HTML, SVG, publish

pytestmark = pytest.mark.browser
SCRIPT = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>document.title="ran"</script></svg>'


def test_exported_page_opens_from_disk(live_server, figure_png, page, tmp_path):
    """Images show with their alt text; no script runs and no request is sent."""
    publish(live_server, figure_png, name="sightings", title="Sightings <b>", alt="Bears in July")
    publish(live_server, SVG, "image/svg+xml", name="a. b_ 41.svg", title="Odd name")
    publish(live_server, SCRIPT, "image/svg+xml", name="hostile", title='"><script>alert(1)</script>')
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
    assert images.count() == 3
    assert page.get_by_alt_text("Bears in July").is_visible()
    assert page.get_by_role("heading", name="Sightings <b>").is_visible()
    assert page.title() == "Figures"
    assert page.locator("script, iframe, object, embed").count() == 0
    assert all(url.startswith("file:") for url in asked)
    addresses = page.locator("a").evaluate_all("links => links.map(link => decodeURIComponent(link.pathname))")
    assert addresses
    assert [address for address in addresses if not (tmp_path / address.removeprefix(f"{tmp_path}/")).exists()] == []
    assert all(address.startswith(str(tmp_path)) for address in addresses)
