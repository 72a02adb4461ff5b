"""Names under which results of renders are cached."""

from __future__ import annotations

from dataclasses import replace

from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.rendering import DrawOptions, RenderJob
from jupyter_figserve.server.services.rendering.cache_keys import cache_key


def test_the_key_holds_all_that_decides_the_image():
    """The timeout is not in it."""
    job = RenderJob("code", b"1", DrawOptions())
    known = {cache_key(job, {})}
    for other in (
        replace(job, kind="figure"),
        replace(job, source=b"2"),
        replace(job, options=DrawOptions(width=3)),
        replace(job, figure=1),
        replace(job, seed=0),
        replace(job, with_thumbnail=True),
    ):
        assert cache_key(other, {}) not in known
        known.add(cache_key(other, {}))
    assert cache_key(job, {"matplotlib": "3"}) not in known
    assert cache_key(replace(job, timeout=3), {}) in known


def test_digest_stands_for_the_source():
    """A job whose source has not been read has the same name."""
    job = RenderJob("figure", b"a source")
    assert cache_key(replace(job, source=b""), {}, sha256_hex(b"a source")) == cache_key(job, {})
