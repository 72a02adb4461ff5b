"""The files that pages load, read once, so that no path is ever opened by request. Server process."""

from __future__ import annotations

import hashlib
from functools import cache

from ..context import PACKAGE


@cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """Every file's bytes and digest, by name: on disk they stand in a folder by page, addresses are flat."""
    found = sorted((PACKAGE / "static").rglob("*.*"), key=lambda path: path.name)
    return {path.name: (path.read_bytes(), hashlib.sha256(path.read_bytes()).hexdigest()[:16]) for path in found}


@cache
def static_digest() -> str:
    """Of all files together: modules import one another by relative addresses, which must change with any of them."""
    return hashlib.sha256("".join(digest for _, digest in static_files().values()).encode()).hexdigest()[:16]


def static_url(root: str, name: str) -> str:
    """With the digest as a directory, so that caches may keep the file for ever."""
    assert name in static_files(), name
    return f"{root}/static/{static_digest()}/{name}"
