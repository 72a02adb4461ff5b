"""A render's wishes: what decides the picture, and what an address carries."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import FigServeError
from jupyter_figserve.sandbox.renderer import DrawOptions, RenderJob
from jupyter_figserve.server.services.rendering.request import (
    FIELDS,
    RenderLimits,
    RenderRequest,
    cache_key,
    parse_render_request,
    to_query,
)

LIMITS = RenderLimits()
OPTIONS = st.builds(
    DrawOptions,
    width=st.none() | st.integers(1, 4_000),
    height=st.none() | st.integers(1, 4_000),
    dpi=st.none() | st.sampled_from([1.0, 72.0, 150.5, 10_000.0]),
    style=st.none() | st.sampled_from(["ggplot", "seaborn-v0_8"]),
    transparent=st.booleans(),
    tight=st.booleans(),
)
WISHES = st.builds(
    RenderRequest,
    code=st.just("1"),
    options=OPTIONS,
    figure=st.none() | st.integers(0, 99),
    seed=st.none() | st.integers(0, 2**32 - 1),
    timeout=st.sampled_from([10.0, 0.5, 60.0]),
    errors_as_image=st.booleans(),
)


TEXTS = st.text("019ax.-é \x00\ud800", max_size=12) | st.sampled_from(["all", "png", "true", "5s", "image"])


@given(WISHES)
def test_a_wish_survives_its_address(wish):
    """The query has all of it, in words that read back the same."""
    query = to_query(wish, LIMITS)
    assert parse_render_request({**query, "code": "1"}, LIMITS) == wish


@given(st.dictionaries(st.sampled_from(FIELDS), st.none() | st.booleans() | st.integers() | st.floats() | TEXTS))
def test_whatever_comes_is_a_wish_or_an_error_of_ours(values):
    """No value of JSON is anything else."""
    with contextlib.suppress(FigServeError):
        assert isinstance(parse_render_request({"code": "1", **values}, LIMITS), RenderRequest)


def test_all_that_decides_the_picture_is_in_the_key():
    """And the time that it may take, and the name, are not."""
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


@pytest.mark.parametrize(("text", "seconds"), [("5", 5.0), ("2.5", 2.5), ("20s", 20.0), ("1m", 60.0), (3, 3.0)])
def test_a_timeout_is_seconds_or_a_duration(text, seconds):
    """In a query as in JSON."""
    assert parse_render_request({"code": "1", "timeout": text}, LIMITS).timeout == seconds
