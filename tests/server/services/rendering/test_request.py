"""Render requests: parsing, limits, cache keys and queries."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import FigServeError
from jupyter_figserve.model.rendering import DrawOptions
from jupyter_figserve.server.config.rendering import RenderConfig
from jupyter_figserve.server.services.rendering.request import (
    RENDER_FIELDS,
    RenderRequest,
    default_timeout,
    parse_render_request,
    parse_size,
    requested_error_format,
    size_to_query,
    to_query,
)

LIMITS = RenderConfig()
OPTIONS = st.builds(
    DrawOptions,
    width=st.none() | st.integers(1, 4_000),
    height=st.none() | st.integers(1, 4_000),
    dpi=st.none() | st.sampled_from([1.0, 72.0, 150.5, 10_000.0]),
    style=st.none() | st.sampled_from(["ggplot", "seaborn-v0_8"]),
    transparent=st.booleans(),
    tight=st.booleans(),
)
REQUESTS = st.builds(
    RenderRequest,
    code=st.just("1"),
    options=OPTIONS,
    figure=st.none() | st.integers(0, 99),
    seed=st.none() | st.integers(0, 2**32 - 1),
    timeout=st.sampled_from([10.0, 0.5, 60.0]),
    errors_as_image=st.booleans(),
)


TEXTS = st.text("019ax.-é \x00\ud800", max_size=12) | st.sampled_from(["all", "png", "true", "5s", "image"])


@given(REQUESTS)
def test_a_request_survives_its_query(request_):
    """The query holds every field, as text that parses back to the same request."""
    query = to_query(request_, LIMITS)
    assert parse_render_request({**query, "code": "1"}, LIMITS) == request_


@given(st.dictionaries(st.sampled_from(RENDER_FIELDS), st.none() | st.booleans() | st.integers() | st.floats() | TEXTS))
def test_any_value_gives_a_request_or_an_error_of_ours(values):
    """No JSON value raises anything else."""
    with contextlib.suppress(FigServeError):
        assert isinstance(parse_render_request({"code": "1", **values}, LIMITS), RenderRequest)


@pytest.mark.parametrize(("text", "seconds"), [("5", 5.0), ("2.5", 2.5), ("20s", 20.0), ("1m", 60.0), (3, 3.0)])
def test_a_timeout_is_seconds_or_a_duration(text, seconds):
    """In a query as in JSON."""
    assert parse_render_request({"code": "1", "timeout": text}, LIMITS).timeout == seconds


def test_the_default_timeout_is_within_the_maximum():
    """A maximum below ``render_timeout`` bounds requests that name no timeout too."""
    assert default_timeout(LIMITS) == 10.0
    assert default_timeout(RenderConfig(render_timeout_max=5.0)) == 5.0


def test_size_query_reads_back():
    """The query holds the size fields that differ from the defaults, in the order in which they are signed."""
    options = DrawOptions("png", 640, 480, 150.5, "ggplot", True)
    query = size_to_query(options)
    assert [name for name, _ in query] == ["width", "height", "dpi", "style", "transparent"]
    assert parse_size(dict(query), "png", LIMITS) == options
    assert size_to_query(DrawOptions("svg")) == []


@pytest.mark.parametrize(
    ("values", "accepted", "format"),
    [
        ({}, ["png"], None),
        ({"errors": "json"}, [], None),
        ({"errors": "image"}, [], "png"),
        ({"errors": "image"}, ["json", "webp"], "webp"),
        ({"errors": "image", "format": "jpeg"}, ["webp"], "jpg"),
        ({"errors": "image", "format": "bmp"}, [], "svg"),
    ],
)
def test_format_of_an_error_image(values, accepted, format):
    """The image's format, SVG where that is unknown, None for errors in JSON."""
    assert requested_error_format(values, accepted) == format
