"""Static files: URLs with a digest, caching, and imports between modules."""

from __future__ import annotations

import re

import pytest

from jupyter_figserve.server.web.http.templates import static_digest, static_files, static_url


async def test_files_are_cached_for_ever(stranger):
    """The URL of each has the digest of all files, so that modules import matching versions."""
    assert len(static_files()) > 20
    for name, (data, _) in static_files().items():
        path = static_url("..", name).removeprefix("..")
        assert path == f"/static/{static_digest()}/{name}"
        answer = await stranger.get(path)
        assert answer.body == data, name
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", name
        assert "charset" in answer.headers["Content-Type"] or name.endswith(".svg"), name


@pytest.mark.parametrize("path", ["/static/copy.js", f"/static/{'0' * 16}/copy.js"])
async def test_other_digest_is_not_cached(stranger, path):
    """A page from before an upgrade gets the current file, without caching."""
    answer = await stranger.get(path)
    assert answer.body == static_files()["copy.js"][0]
    assert answer.headers["Cache-Control"] == "public, max-age=0, must-revalidate"


def test_modules_import_existing_files():
    """By relative URLs, which keep the digest."""
    imports = [
        (name, one)
        for name, (data, _) in static_files().items()
        if name.endswith(".js")
        for one in re.findall(r'(?:from|import) "([^"]+)"', data.decode())
    ]
    assert len(imports) > 20
    assert [pair for pair in imports if not pair[1].startswith("./") or pair[1][2:] not in static_files()] == []


@pytest.mark.parametrize("name", ["none.css", "..", "%2e%2e%2fopenapi.yaml", "copy.js.map", "COPY.JS"])
async def test_other_files_are_404(stranger, name):
    """Only the files that were read from the directory are served."""
    answer = await stranger.http.fetch(f"{stranger.prefix}/static/{name}", raise_error=False)
    assert answer.code == 404
