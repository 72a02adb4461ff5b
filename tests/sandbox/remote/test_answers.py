"""Answers of workers that may have been taken over: any bytes are an answer, or an error of ours in one sentence."""

from __future__ import annotations

import json
import struct
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_figserve.errors import FigServeError, Unavailable
from jupyter_figserve.model.rendering import RenderJob
from jupyter_figserve.sandbox import wire
from jupyter_figserve.sandbox.host.job_frames import ChildAnswer
from jupyter_figserve.sandbox.remote.answers import is_rendered, pack_answer, read_answer, read_error

from ...mutations import mutated_frame

JOB = RenderJob("code", b"draw", timeout=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("\ud800\x1b[31m"),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=9), values, max_size=3),
    max_leaves=6,
)
CODES = st.sampled_from(("deadline_exceeded", "output_too_large", "worker_busy", "sandbox_unavailable", "not_a_job"))
ERRORS = st.fixed_dictionaries({}, optional={"code": CODES | VALUES, "message": VALUES, "retry_after": VALUES})
HEADERS = st.fixed_dictionaries(
    {}, optional={"error": ERRORS | VALUES, "status": VALUES, "has_frame": VALUES, "sizes": VALUES}
)


def frame(header: object, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack(">IQ", len(text), len(body)) + text + body


FRAMES = (
    st.binary(max_size=60)
    | st.builds(frame, HEADERS | VALUES, st.binary(max_size=20))
    | st.builds(
        lambda header, parts: b"".join(wire.pack_frame(header, parts)), HEADERS, st.lists(st.binary(max_size=9))
    )
    | st.just(frame([], b"").replace(b"[]", b"[" * 2))
    | mutated_frame({"has_frame": True, "status": 0}, [b"frame", b"printed"])
    | mutated_frame({"error": {"code": "worker_busy", "message": "Busy.", "retry_after": 3}}, [])
)


def is_clean(text: str) -> bool:
    """Whether it has no control characters, nor others that a terminal or a page would obey."""
    return not {"Cc", "Cf", "Cs", "Zl", "Zp"} & set(map(unicodedata.category, text))


@given(FRAMES)
def test_any_bytes_are_an_answer_or_an_error_of_ours(data: bytes):
    """The error is printable, and its time to come back is within ten minutes."""
    is_rendered(ChildAnswer(data, "", None))
    answer: ChildAnswer | FigServeError
    try:
        answer = read_answer(data, JOB, 100)
    except FigServeError as error:
        answer = error
    if isinstance(answer, FigServeError):
        assert is_clean(answer.message)
        assert 0 < len(answer.message) <= 1_100
        assert 0 < getattr(answer, "retry_after", 1) <= 600
        return
    assert answer.status is None or -256 < answer.status < 256
    assert answer.frame is None or type(answer.frame) is bytes
    assert len(answer.output) <= 200


@given(ERRORS | VALUES)
@example({"message": "soft\xadhyphen, \u202eright to left\n\u2028and lines"})
def test_any_description_is_an_error_of_ours(described: Any):
    """Of a class and with a code that we know."""
    error = read_error(described, JOB)
    assert isinstance(error, FigServeError)
    assert is_clean(error.message)
    assert error.code.isidentifier()


@given(st.none() | st.binary(max_size=20), st.text(max_size=20), st.none() | st.integers(-64, 255))
def test_honest_answers_arrive(data: bytes | None, output: str, status: int | None):
    """As they were packed."""
    read = read_answer(pack_answer(ChildAnswer(data, output, status)), JOB, 1_000)
    assert (read.frame, read.status) == (data, status)
    assert read.output == output.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("lengths", [(2**32 - 1, 0), (2, 2**64 - 1), (0, 2**63)])
def test_lengths_alone_are_refused(lengths: tuple[int, int]):
    """Nothing of that size is reserved."""
    with pytest.raises(Unavailable):
        read_answer(struct.pack(">IQ", *lengths) + b"{}", JOB, 100)
