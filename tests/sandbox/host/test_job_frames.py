"""Frames of jobs that a worker receives: any bytes are a job, or refused; an honest one arrives as it was packed."""

from __future__ import annotations

import json
import struct
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.rendering import DrawOptions, Kind, RenderJob
from jupyter_figserve.sandbox import wire
from jupyter_figserve.sandbox.host.job_frames import ReceivedJob, pack_job, read_job_frame

from ...mutations import mutated_frame

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=9), values, max_size=3),
    max_leaves=4,
)
KINDS = st.sampled_from(get_args(Kind))
NAMES = ("options", "figure", "seed", "with_thumbnail", "libraries", "device_pixel_ratio", "niceness", "sizes")
HEADERS = st.fixed_dictionaries({"kind": KINDS | VALUES, **dict.fromkeys(NAMES, VALUES)})


def frame(header: object, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack(">IQ", len(text), len(body)) + text + body


def change(job: RenderJob) -> st.SearchStrategy[bytes]:
    """Return changes of an honest frame."""
    prefix, *parts = pack_job(job).frame
    header = json.loads(prefix[wire.PREFIX_BYTES :])
    return mutated_frame(header, parts)


CHANGED = change(RenderJob("code", b"draw()", published=b"png")) | change(
    RenderJob("function", b"source", arguments={"n": 1})
)


@given(st.binary(max_size=60) | st.builds(frame, HEADERS | VALUES, st.binary(max_size=9)) | CHANGED)
def test_any_bytes_are_a_job_or_refused(data: bytes):
    """With the code ``not_a_job``; nothing in it is opened."""
    job: ReceivedJob | InvalidInput
    try:
        job = read_job_frame(data, 5.0)
    except InvalidInput as error:
        job = error
    if isinstance(job, InvalidInput):
        assert job.code == "not_a_job"
        assert len(job.message) < 200
        return
    assert job.kind in get_args(Kind)
    assert 0 <= job.packed.niceness <= 19


@pytest.mark.parametrize(
    ("name", "value"),
    [("niceness", -1), ("niceness", 20), ("niceness", True), ("niceness", 1.0), ("niceness", "1"), ("kind", "shell")],
)
def test_kinds_and_priorities_that_a_worker_does_not_have(name, value):
    """No job may go before the worker's own."""
    head = {**dict.fromkeys(NAMES), "kind": "code", "niceness": 0, name: value}
    with pytest.raises(InvalidInput, match="its kind or its niceness is unknown"):
        read_job_frame(b"".join(wire.pack_frame(head, [b"draw()"])), 5.0)


@pytest.mark.parametrize("name", ["kind", "niceness", "options", "seed"])
def test_frame_that_lacks_a_field(name):
    """It is refused whole: a job's process trusts its frame."""
    head = {**dict.fromkeys(NAMES), "kind": "code", "niceness": 0}
    with pytest.raises(InvalidInput, match="not a job"):
        read_job_frame(b"".join(wire.pack_frame({key: head[key] for key in head if key != name}, [b"draw()"])), 5.0)


@given(KINDS, st.binary(max_size=40), st.none() | st.integers(0, 2**32 - 1))
def test_honest_jobs_arrive(kind: Kind, source: bytes, seed: int | None):
    """With their source, timeout and niceness, and the published image of a figure."""
    published = source if kind in ("figure", "code") else b""
    packed = pack_job(RenderJob(kind, source, DrawOptions("svg"), seed=seed, niceness=3, published=published))
    job = read_job_frame(b"".join(packed.frame), 7.0)
    assert (job.kind, job.source, job.packed.timeout, job.packed.niceness) == (kind, source, 7.0, 3)
