"""Frames of an agent: any bytes are a frame or a clear refusal, and no frame disturbs the calls of others."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import FigServeError, InvalidInput
from jupyter_figserve.model.live import LiveRequest
from jupyter_figserve.server.services.live.backends.agent_backend import AgentBackend
from jupyter_figserve.server.services.live.backends.agent_frames import parse_frame
from jupyter_figserve.server.services.live.backends.kernel_answer import parse_progress

from .....mutations import mutated_json
from ....sample_images import png

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text() | st.just("\ud800"),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ("op", "rid", "mimetype", "width", "status", "error", "version", "is_unchanged", "done", "total", "density", "alt")
)
ERRORS = st.fixed_dictionaries({}, optional=dict.fromkeys(("type", "message", "code", "line", "kind"), VALUES))
HEADS = st.dictionaries(NAMES, VALUES | ERRORS)

ANSWER = {
    **{"op": "answer", "rid": 1, "mimetype": "image/png", "width": 8, "height": 6, "dpi": 100.0, "alt": "Line plot."},
    **{"revision": "r", "version": "v", "density": 1, "timing": {"draw": 0.1}, "is_html": False, "status": 200},
}
FAILURE = {"op": "answer", "rid": 1, "error": {"type": "CodeFailed", "message": "m", "kind": "KeyError", "line": 2}}
PROGRESS = {"op": "progress", "rid": 1, "done": 1, "total": 2}
CHANGED = st.one_of(map(mutated_json, (ANSWER, FAILURE, PROGRESS)))


def make_frame(head: object, body: bytes = b"") -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return len(text).to_bytes(4, "big") + text + body


@given(st.binary(max_size=64) | st.text() | HEADS.map(make_frame) | CHANGED.map(make_frame))
def test_any_input_is_a_frame_or_refused(data):
    """A head that is accepted can be stored as UTF-8."""
    try:
        head, body = parse_frame(data)
    except InvalidInput:
        return
    assert isinstance(body, bytes)
    json.dumps(head, ensure_ascii=False).encode()


async def test_no_answer_is_fatal():
    """Whatever a head holds: the call of its rid ends with an image or our error, and others go on waiting."""
    sent: list[dict] = []
    backend = AgentBackend(lambda message, _body: sent.append(message), 10_000, lambda: None)
    request = LiveRequest({}, "png")

    @given(HEADS | CHANGED, st.sampled_from((b"", png())))
    def receive(text, body):
        head = {}
        with suppress(InvalidInput):
            head, body = parse_frame(make_frame(text, body))
            backend.receive(head, body)
        backend.receive(*parse_frame(make_frame({**head, "op": "answer", "rid": sent[-1]["rid"]}, body)))

    waiting = asyncio.ensure_future(backend.call("animal", request, (), lambda done, total: None))
    await asyncio.sleep(0)
    for rid in ([], {}, None, "1"):
        with pytest.raises(InvalidInput):
            backend.receive({"op": "answer", "rid": rid}, b"")
    for head in ({"rid": 10**400}, {"rid": 1, "done": 10**400, "total": 1}):
        backend.receive({"op": "progress", **head}, b"")
    assert not waiting.done()
    receive()
    with pytest.raises(FigServeError):
        (await waiting) or backend.close() or await backend.call("animal", request, (), lambda done, total: None)


def test_progress_beyond_a_float_is_dropped():
    """JSON has whole numbers of any size."""
    assert parse_progress({"done": 1, "total": 10**400}) is None
